/**
 * Frames of the control channel: a length, what it is, an identifier, a body. Integers are
 * big-endian. `docs/control_channel.md` has the whole protocol.
 *
 * @module
 */

import { IpAddress } from "../../src/wire/address.ts";

/** What a frame asks for, or tells of. */
export const Op = {
  HELLO: 0x01,
  RESET: 0x02,
  PKT_IN: 0x03,
  ADVANCE: 0x04,
  SOCKET: 0x10,
  BIND: 0x11,
  LISTEN: 0x12,
  ACCEPT: 0x13,
  CONNECT: 0x14,
  READ: 0x15,
  WRITE: 0x16,
  CLOSE: 0x17,
  SHUTDOWN: 0x18,
  GETSOCKOPT: 0x19,
  SETSOCKOPT: 0x1a,
  FCNTL: 0x1b,
  IOCTL: 0x1c,
  POLL: 0x1d,
  PKT_OUT: 0x40,
} as const;

/** Set in the `op` of a response. */
export const RESPONSE = 0x80;

/** The version of the protocol. */
export const VERSION = 1;

/** What the server can do: bits of the answer to HELLO. */
export const Capability = { VIRTUAL_TIME: 1, IPV6: 2, UDP: 4 } as const;

/** Longest frame, without its length, in bytes. */
export const MAX_FRAME = 4 * 1024 * 1024;

/** `u32 length`. */
const LENGTH_SIZE = 4;
/** `u8 op`, `u32 id`: what the length counts besides the body. */
const HEAD_SIZE = 5;

/** One frame. */
export interface Frame {
  readonly op: number;
  /** 0 for events. */
  readonly id: number;
  readonly body: Uint8Array;
}

/** An address and a port; `null` for none. */
export type Endpoint = { readonly address: IpAddress; readonly port: number } | null;

/** What has come over the channel breaks the protocol. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";

  /** @param op, id Of the frame that is wrong, as far as they are known. */
  constructor(message: string, readonly op = 0, readonly id = 0) {
    super(message);
  }
}

/** Reads a body from front to back. */
export class BodyReader {
  #bytes: Uint8Array;
  #view: DataView;
  #at = 0;

  constructor(body: Uint8Array) {
    this.#bytes = body;
    this.#view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  }

  /** Moves over the next `n` bytes, and returns where they start. */
  #take(n: number): number {
    const at = this.#at;
    if (at + n > this.#bytes.length) throw new ProtocolError("The body is too short");
    this.#at += n;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }
  i32(): number {
    return this.#view.getInt32(this.#take(4));
  }
  /** Above 2^53 it is rounded. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.#take(8)));
  }
  bytes(n: number): Uint8Array {
    const at = this.#take(n);
    return this.#bytes.subarray(at, at + n);
  }
  /** A number of bytes, and so many bytes. */
  counted(): Uint8Array {
    return this.bytes(this.u32());
  }
  rest(): Uint8Array {
    return this.bytes(this.#bytes.length - this.#at);
  }
  endpoint(): Endpoint {
    const family = this.u8();
    if (family === 0) return null;
    if (family !== 4 && family !== 6) {
      throw new ProtocolError(`There is no address family ${family}`);
    }
    const port = this.u16();
    return { address: IpAddress.fromBytes(this.bytes(family === 4 ? 4 : 16)), port };
  }
  /** @throws {ProtocolError} If something is left. */
  end(): void {
    if (this.#at < this.#bytes.length) throw new ProtocolError("The body is too long");
  }
}

/** Writes a body from front to back. */
export class BodyWriter {
  #bytes = new Uint8Array(64);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Makes room for `n` more bytes, and returns where they start. */
  #grow(n: number): number {
    const at = this.#length;
    this.#length += n;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }
  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value);
    return this;
  }
  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value);
    return this;
  }
  i32(value: number): this {
    const at = this.#grow(4);
    this.#view.setInt32(at, value);
    return this;
  }
  u64(value: number): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt(value));
    return this;
  }
  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
    return this;
  }
  /** How many bytes, and the bytes. */
  counted(value: Uint8Array): this {
    return this.u32(value.length).bytes(value);
  }
  endpoint(endpoint: Endpoint): this {
    if (endpoint === null) return this.u8(0);
    const { address, port } = endpoint;
    return this.u8(address.family).u16(port).bytes(address.toBytes());
  }
  /** The bytes written. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** A frame as it is sent. */
export function encodeFrame(op: number, id: number, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(LENGTH_SIZE + HEAD_SIZE + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, HEAD_SIZE + body.length);
  view.setUint8(4, op);
  view.setUint32(5, id);
  bytes.set(body, LENGTH_SIZE + HEAD_SIZE);
  return bytes;
}

/** Makes frames of a stream of bytes. Holds one frame at most. */
export class FrameSplitter {
  #buffer = new Uint8Array(4096);
  #length = 0;

  /**
   * Takes the next bytes of the stream.
   *
   * @returns The frames that are complete; their bodies are lent until the next one is asked for.
   * @throws {ProtocolError} If a length cannot be right.
   */
  *split(chunk: Uint8Array): Generator<Frame> {
    for (let at = 0; at < chunk.length;) {
      const wanted = this.#wanted();
      const n = Math.min(wanted - this.#length, chunk.length - at);
      this.#append(chunk.subarray(at, at + n));
      at += n;
      if (this.#length === wanted && wanted > LENGTH_SIZE + HEAD_SIZE - 1) {
        if (this.#wanted() > this.#length) continue; // the head is complete, the body is to come
        const view = this.#view();
        this.#length = 0;
        yield {
          op: view.getUint8(4),
          id: view.getUint32(5),
          body: this.#buffer.subarray(LENGTH_SIZE + HEAD_SIZE, wanted),
        };
      }
    }
  }

  /** How many bytes to gather before looking again: a whole head, then a whole frame. */
  #wanted(): number {
    if (this.#length < LENGTH_SIZE) return LENGTH_SIZE;
    const length = this.#view().getUint32(0);
    if (length < HEAD_SIZE) {
      throw new ProtocolError(`A frame has ${HEAD_SIZE} bytes at least, not ${length}`);
    }
    if (this.#length < LENGTH_SIZE + HEAD_SIZE) return LENGTH_SIZE + HEAD_SIZE;
    if (length > MAX_FRAME) {
      const view = this.#view();
      const message = `A frame has ${MAX_FRAME} bytes at most, not ${length}`;
      throw new ProtocolError(message, view.getUint8(4), view.getUint32(5));
    }
    return LENGTH_SIZE + length;
  }

  #view(): DataView {
    return new DataView(this.#buffer.buffer);
  }

  #append(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.#length + bytes.length, 2 * this.#buffer.length));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }
}
