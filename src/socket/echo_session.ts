/**
 * Echo requests to one host, and what comes back for each (RFC 792, RFC 4443 §4).
 *
 * @module
 */

import type { SendOptions, TransportError } from "../base/network.ts";
import type { EchoReceiver } from "../net/echo.ts";
import type { IpAddress } from "../wire/address.ts";
import { ICMP_HEADER } from "../wire/icmp.ts";
import type { Packet } from "../wire/packet.ts";
import { formatAddress, sourceTo } from "./addresses.ts";
import type { SocketContext } from "./context.ts";
import { type IcmpReport, icmpReport } from "./icmp_report.ts";
import { checkTos, checkTtl } from "./options.ts";

/** What an echo request is like. */
export interface EchoOptions {
  /** Bytes of data to send along, up to 65507 by IPv4 and 65527 by IPv6; by default 56. */
  size?: number;
  /** What the data repeats, at least a byte of it; left out: bytes that nobody can guess. */
  pattern?: Uint8Array;
  /** Time to live, or hop limit: 1 to 255; left out: the stack's. */
  ttl?: number;
  /** Type of service, or traffic class: the whole byte; by default 0. */
  tos?: number;
  /** Whether it must arrive in one piece, and is refused if it is too big for that. */
  dontFragment?: boolean;
  /** The address of ours to ask from; left out: as the route has it. */
  source?: string;
}

/** What has become of an echo request. Numbers of requests are 16 bits long, and then start again. */
export type EchoResult =
  | {
    readonly kind: "reply";
    readonly sequence: number;
    /** Who has answered. */
    readonly from: string;
    /** Length of the ICMP message, in bytes. */
    readonly bytes: number;
    /** Time to live, or hop limit, with which the answer arrived. */
    readonly ttl: number;
    /** The round-trip time, in milliseconds. */
    readonly time: number;
  }
  | {
    readonly kind: "error";
    readonly sequence: number;
    readonly report: IcmpReport;
    readonly time: number;
  }
  | { readonly kind: "timeout"; readonly sequence: number };

/** Sends requests under an identifier of its own until it is closed. */
export class EchoSession implements EchoReceiver {
  readonly remote: IpAddress;
  readonly source: IpAddress;
  #context: SocketContext;
  #identifier: number;
  #data: Uint8Array;
  #options: SendOptions;
  /** When the requests were sent that wait for an answer, in milliseconds, the first one first. */
  #waiting = new Map<number, number>();
  #told: (result: EchoResult) => void;

  /**
   * @param told Gets each result, from within the stack: it must neither throw nor send.
   * @throws {Deno.errors.NetworkUnreachable} If the stack has no way there.
   * @throws {Deno.errors.AddrNotAvailable} If the source is not an address of this stack.
   * @throws {RangeError} If the request cannot be that large, or a setting is out of range.
   */
  constructor(
    context: SocketContext,
    remote: IpAddress,
    options: EchoOptions,
    told: (result: EchoResult) => void,
  ) {
    const { size = 56, pattern, ttl, tos = 0, dontFragment = false, source } = options;
    const { echo, ip } = context.stack;
    this.remote = remote;
    this.source = sourceTo(ip, remote, source);
    if (ttl !== undefined) checkTtl(ttl);
    this.#options = { ttl: ttl ?? 0, tos: checkTos(tos), dontFragment };
    const most = dontFragment
      ? ip.maxMessage(remote, context.now()) - ICMP_HEADER
      : echo.maxData(remote);
    if (!Number.isInteger(size) || size < 0 || size > most) {
      const what = dontFragment ? "An echo request in one piece" : "An echo request";
      throw new RangeError(`${what} carries 0 to ${most} bytes: got ${size}`);
    }
    this.#data = dataOf(size, pattern);
    this.#context = context;
    this.#told = told;
    this.#identifier = freeIdentifier(context);
    echo.receivers.set(this.#identifier, this);
  }

  /** How many requests wait for an answer. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Sends the request of this number. One that the device has no room for is lost like any other.
   *
   * @param ttl By default the session's.
   */
  send(sequence: number, ttl: number = this.#options.ttl): void {
    this.#waiting.delete(sequence);
    this.#waiting.set(sequence, this.#context.now());
    const options = { ...this.#options, ttl };
    const { echo } = this.#context.stack;
    echo.send(this.source, this.remote, this.#identifier, sequence, this.#data, options);
    this.#context.kick();
  }

  /** Gives up requests sent before `sentBefore`: an answer to them comes too late. */
  expire(sentBefore: number): void {
    for (const [sequence, sentAt] of this.#waiting) {
      if (sentAt > sentBefore) return;
      this.#waiting.delete(sequence);
      this.#told({ kind: "timeout", sequence });
    }
  }

  /** When the first request that waits was sent, in milliseconds; `Infinity` if none waits. */
  get oldest(): number {
    for (const sentAt of this.#waiting.values()) return sentAt;
    return Infinity;
  }

  /** See `EchoReceiver`. */
  hasAsked(sequence: number, destination: IpAddress): boolean {
    return this.#waiting.has(sequence) && destination.equals(this.remote);
  }

  /** See `EchoReceiver`. */
  echoReply(sequence: number, packet: Packet, at: number, end: number): void {
    const sentAt = this.#waiting.get(sequence);
    const { remote } = this;
    const isFromAny = remote.isMulticast || remote.isBroadcast;
    if (sentAt === undefined || !(isFromAny || packet.source.equals(remote))) return;
    if (!holds(packet.bytes, at, end, this.#data)) return;
    this.#waiting.delete(sequence);
    this.#told({
      kind: "reply",
      sequence,
      from: formatAddress(this.#context.stack.ip, packet.source),
      bytes: ICMP_HEADER + end - at,
      ttl: packet.ttl,
      time: this.#context.now() - sentAt,
    });
  }

  /** See `EchoReceiver`. */
  echoError(sequence: number, error: TransportError): void {
    const time = this.#context.now() - this.#waiting.get(sequence)!;
    this.#waiting.delete(sequence);
    const report = icmpReport(this.#context.stack.ip, error);
    this.#told({ kind: "error", sequence, report, time });
  }

  /** Gives the identifier back. */
  close(): void {
    this.#context.stack.echo.receivers.delete(this.#identifier);
  }
}

/** Unguessable, so that neither a late answer to another's request nor a forged one is taken. */
function dataOf(size: number, pattern: Uint8Array | undefined): Uint8Array {
  const data = new Uint8Array(size); // never more than what is handed out at once, 65536 bytes
  if (pattern === undefined) return crypto.getRandomValues(data);
  if (pattern.length === 0) throw new RangeError("A pattern needs a byte at least");
  return data.map((_, i) => pattern[i % pattern.length]!);
}

function freeIdentifier(context: SocketContext): number {
  const { receivers } = context.stack.echo;
  for (let identifier = 1; identifier <= 0xffff; identifier++) {
    if (!receivers.has(identifier)) return identifier;
  }
  throw new Deno.errors.Busy("65535 echo requests wait for an answer already");
}

function holds(bytes: Uint8Array, at: number, end: number, data: Uint8Array): boolean {
  return end - at === data.length && data.every((byte, i) => bytes[at + i] === byte);
}
