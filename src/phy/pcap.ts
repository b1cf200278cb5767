/**
 * Capture files: what passes through a device, in the format that tcpdump and Wireshark read
 * (draft-ietf-opsawg-pcap, the "classic" pcap).
 *
 * @module
 */

import { completeChecksum, findTransport } from "../net/segmentation.ts";
import { Drop } from "../wire/drop.ts";
import { behindTags } from "../wire/ethernet.ts";
import type { Packet } from "../wire/packet.ts";
import type { Device, Medium } from "./device.ts";
import { ObservedDevice } from "./observed.ts";

/** Length of the header of a file, and of that of a packet, in bytes. */
const FILE_HEADER = 24;
const PACKET_HEADER = 16;

/** Says that times are in microseconds; its byte order, which is that of all numbers. */
const MAGIC = 0xa1b2c3d4;
const MAJOR_VERSION = 2;
const MINOR_VERSION = 4;

/** What a file holds: Ethernet frames, or bare IP packets of either version. */
const LINK_TYPE: Readonly<Record<Medium, number>> = { ethernet: 1, ip: 101 };

/** As many bytes of a packet as tcpdump takes; what a device with offload hands over fits in. */
const MAX_SNAP_LENGTH = 262_144;

/** Where a capture goes, and how much of it. */
export interface PcapOptions {
  /** Takes the file's bytes, piece by piece, for keeps. */
  write(bytes: Uint8Array<ArrayBuffer>): void;
  /** The time of a packet, in milliseconds since 1970, with fractions. */
  now(): number;
  /**
   * Most bytes that are kept of a packet, 1 to 262144.
   *
   * @default {262_144}
   */
  snapLength?: number;
}

/** Writes a capture file. */
export class PcapWriter {
  #medium: Medium;
  #options: PcapOptions;
  #snapLength: number;

  /**
   * Writes the file's header.
   *
   * @param medium What all packets are: a file holds one kind.
   * @throws {RangeError} If `snapLength` is out of range.
   */
  constructor(medium: Medium, options: PcapOptions) {
    const { snapLength = MAX_SNAP_LENGTH } = options;
    if (!Number.isInteger(snapLength) || snapLength < 1 || snapLength > MAX_SNAP_LENGTH) {
      throw new RangeError(`snapLength must be 1 to ${MAX_SNAP_LENGTH} bytes: got ${snapLength}`);
    }
    this.#medium = medium;
    this.#options = options;
    this.#snapLength = snapLength;
    const bytes = new Uint8Array(FILE_HEADER);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, MAGIC);
    view.setUint16(4, MAJOR_VERSION);
    view.setUint16(6, MINOR_VERSION);
    view.setUint32(16, snapLength);
    view.setUint32(20, LINK_TYPE[medium]);
    options.write(bytes);
  }

  /**
   * Writes the bytes `[packet.at, packet.end)`, with the time of now. A super-segment is one packet;
   * a partial checksum is shown as it will be, unless the packet is cut off.
   */
  packet(packet: Packet): void {
    const length = packet.end - packet.at;
    const kept = Math.min(length, this.#snapLength);
    const microseconds = Math.floor(this.#options.now() * 1000);
    const bytes = new Uint8Array(PACKET_HEADER + kept);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, Math.floor(microseconds / 1_000_000));
    view.setUint32(4, microseconds % 1_000_000);
    view.setUint32(8, kept);
    view.setUint32(12, length);
    bytes.set(packet.bytes.subarray(packet.at, packet.at + kept), PACKET_HEADER);
    if (packet.isPartial && kept === length) this.#complete(packet, view);
    this.#options.write(bytes);
  }

  /** Completes the checksum in what is written of a packet. */
  #complete(packet: Packet, written: DataView): void {
    const { view, at, end } = packet;
    const ipAt = this.#medium === "ethernet" ? behindTags(view, at, end) : at;
    if (findTransport(packet, ipAt) !== Drop.NONE) return;
    const transportAt = PACKET_HEADER + packet.transportAt - at;
    completeChecksum(written, transportAt, written.byteLength, packet.protocol);
  }
}

/** Any device, with a capture of every packet that it hands over or takes. */
export class PcapDevice extends ObservedDevice {
  /**
   * Captures what passes through `device`.
   *
   * @param writer One for its medium; devices of one medium may share it.
   */
  constructor(device: Device, writer: PcapWriter) {
    super(device, (_direction, packet) => writer.packet(packet));
  }
}
