/**
 * A C library that records what it is asked, and does what a test tells it to.
 *
 * @module
 */

import { ERRNO } from "../../ffi/errno.ts";
import type { Buffer, Libc, LibcSource, Os } from "../../ffi/libc.ts";

/** One call: the function's name, and its arguments with every buffer as its bytes in hex. */
export type Call = [name: string, ...args: (number | string | null)[]];

type CallName = Exclude<keyof Libc, "source" | "errno" | "unload">;

/** A failure: the errno's name. A number: what the call returns. */
export type Answer = number | { errno: string };

/** Bytes in hex, in groups of four bytes. */
export function hex(bytes: Uint8Array): string {
  return bytes.toHex().replace(/(.{8})(?=.)/g, "$1 ");
}

/** Every call is recorded before it is answered; calls succeed with 0 unless told otherwise. */
export class FakeLibc implements Libc {
  readonly source: LibcSource;
  readonly calls: Call[] = [];
  /** Answers by the function's name; a list is used up one by one. */
  readonly answers: Partial<Record<CallName, Answer | Answer[]>> = {};
  /** Called after the recording, to fill a buffer. */
  fill: (name: CallName, ...buffers: Uint8Array[]) => void = () => {};
  unloaded = 0;
  #errno = 0;

  constructor(os: Os) {
    this.source = { path: "fake", os, arch: "x86_64" };
  }

  open(path: Buffer, flags: number): number {
    return this.#call("open", path, flags);
  }
  close(fd: number): number {
    return this.#call("close", fd);
  }
  pipe(fds: Buffer): number {
    return this.#call("pipe", fds);
  }
  poll(fds: Buffer, count: number, timeout: number): number {
    return this.#call("poll", fds, count, timeout);
  }
  read(fd: number, at: Deno.PointerValue, length: number): number {
    return this.#call("read", fd, new Memory(at, length));
  }
  write(fd: number, at: Deno.PointerValue, length: number): number {
    return this.#call("write", fd, new Memory(at, length));
  }
  writev(fd: number, pieces: Deno.PointerValue, count: number): number {
    const array = new DataView(new Memory(pieces, 16 * count).bytes.buffer);
    const memories = Array.from({ length: count }, (_, i) => {
      const at = Deno.UnsafePointer.create(array.getBigUint64(16 * i, true));
      return new Memory(at, Number(array.getBigUint64(16 * i + 8, true)));
    });
    return this.#call("writev", fd, ...memories);
  }
  recv(fd: number, at: Deno.PointerValue, length: number, flags: number): number {
    return this.#call("recv", fd, new Memory(at, length), flags);
  }
  send(fd: number, at: Deno.PointerValue, length: number, flags: number): number {
    return this.#call("send", fd, new Memory(at, length), flags);
  }
  socket(domain: number, type: number, protocol: number): number {
    return this.#call("socket", domain, type, protocol);
  }
  connect(fd: number, address: Buffer, length: number): number {
    return this.#call("connect", fd, address, length);
  }
  bind(fd: number, address: Buffer, length: number): number {
    return this.#call("bind", fd, address, length);
  }
  getsockopt(fd: number, level: number, name: number, value: Buffer, length: Buffer): number {
    return this.#call("getsockopt", fd, level, name, value, length);
  }
  setsockopt(fd: number, level: number, name: number, value: Buffer, length: number): number {
    return this.#call("setsockopt", fd, level, name, value, length);
  }
  ioctl(fd: number, request: bigint, argument: Buffer): number {
    return this.#call("ioctl", fd, `0x${request.toString(16)}`, argument);
  }
  ioctlNumber(fd: number, request: bigint, argument: bigint): number {
    return this.#call("ioctlNumber", fd, `0x${request.toString(16)}`, Number(argument));
  }
  errno(): number {
    return this.#errno;
  }
  unload(): void {
    this.unloaded++;
  }

  #call(name: CallName, ...args: (number | string | Buffer | Memory)[]): number {
    const buffers: Uint8Array[] = [];
    const recorded = args.map((arg) => {
      if (arg === null || typeof arg === "number" || typeof arg === "string") return arg;
      const bytes = arg instanceof Memory
        ? arg.bytes
        : new Uint8Array(arg.buffer, arg.byteOffset, arg.byteLength);
      buffers.push(bytes);
      // What a read finds in its buffer beforehand is of no interest.
      return name === "read" || name === "recv" ? bytes.length : hex(bytes);
    });
    this.calls.push([name, ...recorded]);
    const answers = this.answers[name];
    const answer = (Array.isArray(answers) ? answers.shift() : answers) ?? 0;
    if (typeof answer === "object") {
      const errno = (ERRNO[this.source.os] as Record<string, number>)[answer.errno];
      if (errno === undefined) throw new Error(`No such errno here: ${answer.errno}`);
      this.#errno = errno;
      return -1;
    }
    this.fill(name, ...buffers);
    return answer;
  }
}

/** Memory that a call gets as a pointer. */
class Memory {
  readonly bytes: Uint8Array;

  constructor(at: Deno.PointerValue, length: number) {
    if (at === null) throw new Error("A null pointer was handed to the C library");
    this.bytes = new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(at, length));
  }
}
