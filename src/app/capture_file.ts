/**
 * A file that holds what passes through the interfaces.
 *
 * @module
 */

import type { Device, Medium } from "../phy/device.ts";
import { PcapDevice, PcapWriter } from "../phy/pcap.ts";
import { UsageError } from "./errors.ts";

/** As much is collected before it is written, in bytes. */
const BUFFER = 65_536;

/** A capture file that is open. What is closed last is whole, whatever has ended the program. */
export class CaptureFile implements Disposable {
  #path: string;
  #file: Deno.FsFile;
  #medium: Medium | undefined;
  #writer: PcapWriter | undefined;
  #buffer = new Uint8Array(BUFFER);
  #length = 0;
  /** Why nothing is written any more. */
  #failure: unknown;

  /**
   * Makes the file, or empties it.
   *
   * @throws {Error} If that can't be done.
   */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#file = Deno.openSync(path, { write: true, create: true, truncate: true });
    } catch (error) {
      throw new Error(`Cannot make the capture file ${path}: ${(error as Error).message}`);
    }
  }

  /**
   * The device, with what passes through it in the file.
   *
   * @throws {UsageError} If the file holds frames already and these are IP packets, or the reverse.
   */
  wrap(device: Device): Device {
    const { medium } = device.capabilities;
    this.#medium ??= medium;
    if (this.#medium !== medium) {
      throw new UsageError(
        `${this.#path} can't hold both Ethernet frames and IP packets: capture on interfaces of one kind`,
      );
    }
    this.#writer ??= new PcapWriter(medium, {
      write: (bytes) => this.#take(bytes),
      now: () => performance.timeOrigin + performance.now(),
    });
    return new PcapDevice(device, this.#writer);
  }

  #take(bytes: Uint8Array): void {
    if (bytes.length > BUFFER - this.#length) this.#flush();
    if (bytes.length > BUFFER) return this.#write(bytes);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #flush(): void {
    this.#write(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
  }

  /** A disk that is full must not stop the stack: that is told in the end. */
  #write(bytes: Uint8Array): void {
    if (this.#failure !== undefined) return;
    try {
      for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
    } catch (error) {
      this.#failure = error;
    }
  }

  /**
   * Writes the rest, and closes the file.
   *
   * @throws {Error} If not everything could be written.
   */
  [Symbol.dispose](): void {
    this.#flush();
    this.#file.close();
    if (this.#failure === undefined) return;
    const reason = (this.#failure as Error).message;
    throw new Error(`Cannot write all of the capture file ${this.#path}: ${reason}`);
  }
}
