/**
 * TCP Fast Open (RFC 7413): text on the SYN, for peers that have shown by a cookie that they are
 * where they say. Off by default: text on a SYN may be delivered twice when the network doubles
 * the SYN (§6.1), which only the application can tell to be harmless.
 *
 * @module
 */

import { sha256 } from "@noble/hashes/sha2.js";
import type { Env } from "../base/env.ts";
import type { IpAddress } from "../wire/address.ts";
import { seqAdd, seqDiff } from "../wire/seq.ts";
import type { TcpOptions } from "../wire/tcp_options.ts";
import type { Listener } from "./listener.ts";
import type { Segment } from "./segment.ts";
import { DEFAULT_MSS } from "./settle.ts";
import type { Tcb } from "./tcb.ts";

/** Length of the cookies that we give, in bytes. */
const COOKIE_LENGTH = 8;
/** How long a secret makes cookies, in milliseconds; they are good as long again (§4.1.2). */
const SECRET_PERIOD = 12 * 3600 * 1000;
const SECRET_LENGTH = 16;

/**
 * How long a peer is left alone that did not answer, in milliseconds: the first time, and at most;
 * twice as long each time in a row (§4.1.3.1).
 */
const FIRST_SILENCE = 60_000;
const LAST_SILENCE = 3600 * 1000;
/** How long a reset connection counts as pending, in milliseconds (§5.1). */
const HOLD = 60_000;

const REQUEST = new Uint8Array(0);

/** Fast Open of one connection, until it is established. */
export class FastOpen {
  /** Goes with our SYN or SYN,ACK; without bytes it asks for one; `null`: none. */
  cookie: Uint8Array | null = null;
  /** As the client: how much text goes with our first SYN, in bytes. */
  textLength = 0;
  /**
   * As the server: the connection is in the accept queue already, or with its user, and may send
   * (§4.2.2).
   */
  isEarly = false;

  /** @param since When the SYN came or was sent first, in milliseconds. */
  constructor(readonly since: number) {}
}

/** What the server's side keeps: two secrets, whatever comes. */
export class FastOpenServer {
  #env: Env;
  #period = -Infinity;
  /** Secret and addresses; the newer secret first. */
  #inputs = [new Uint8Array(SECRET_LENGTH + 32), new Uint8Array(SECRET_LENGTH + 32)];

  constructor(env: Env) {
    this.#env = env;
  }

  /** The cookie for a client, by a secret of this period, or of the one before. */
  #cookie(seg: Segment, age: 0 | 1): Uint8Array {
    const { source, destination } = seg.packet;
    const input = this.#inputs[age]!;
    const view = new DataView(input.buffer);
    source.store(view, SECRET_LENGTH);
    destination.store(view, SECRET_LENGTH + source.length);
    const digest = sha256(input.subarray(0, SECRET_LENGTH + 2 * source.length));
    return digest.subarray(0, COOKIE_LENGTH);
  }

  #rotate(now: number): void {
    const period = Math.floor(now / SECRET_PERIOD);
    if (period === this.#period) return;
    if (period !== this.#period + 1) this.#draw(0);
    this.#inputs.reverse();
    this.#draw(0);
    this.#period = period;
  }

  #draw(age: number): void {
    const view = new DataView(this.#inputs[age]!.buffer);
    for (let at = 0; at < SECRET_LENGTH; at += 4) view.setUint32(at, this.#env.random());
  }

  /**
   * Takes the option and the text of a SYN, before it is answered (§4.2). `tcb.fastOpen` tells
   * what came of it.
   *
   * @param limit Most connections that may be open early at once.
   */
  onSyn(tcb: Tcb, listener: Listener, seg: Segment, limit: number, now: number): void {
    const { counters } = tcb.context;
    const { fastOpenLength: length, fastOpenCookie } = seg.options;
    this.#rotate(now);
    const fresh = this.#cookie(seg, 0);
    const isFresh = equal(fresh, fastOpenCookie, length);
    const isGood = isFresh || equal(this.#cookie(seg, 1), fastOpenCookie, length);
    const fastOpen = new FastOpen(now);
    if (!isFresh) { // asked for, wrong, or about to expire
      fastOpen.cookie = fresh;
      counters.tcpFastOpenCookiesSent++;
    }
    if (isGood && pending(listener, now) < limit) {
      fastOpen.isEarly = true;
      counters.tcpFastOpenAccepted++;
      listener.earlyOpen++;
      takeText(tcb, seg);
    } else if (length > 0) {
      counters.tcpFastOpenRefused++;
    }
    tcb.fastOpen = fastOpen;
  }
}

function equal(cookie: Uint8Array, other: Uint8Array, length: number): boolean {
  if (length !== cookie.length) return false;
  let difference = 0;
  for (let i = 0; i < length; i++) difference |= cookie[i]! ^ other[i]!;
  return difference === 0;
}

/** Takes as much of the text of a SYN as there is room for; the peer sends the rest again. */
function takeText(tcb: Tcb, seg: Segment): void {
  const { rcv, receiveBuffer, context } = tcb;
  const length = Math.min(seg.textLength, rcv.wnd);
  receiveBuffer.write(seg.packet.bytes, seg.textAt, seg.textAt + length);
  rcv.nxt = seqAdd(rcv.nxt, length);
  rcv.wnd -= length;
  context.counters.tcpBytesReceived += length;
  tcb.traffic.bytesReceived += length;
}

/**
 * Connections that were opened early and are not established yet (§5.1). Those that were reset
 * count for a while: else an attacker could have an unlimited number of them made by spoofing.
 */
function pending(listener: Listener, now: number): number {
  listener.heldUntil = listener.heldUntil.filter((end) => end > now);
  return listener.earlyOpen + listener.heldUntil.length;
}

/** An early connection is established, or over. */
export function endEarly(tcb: Tcb, listener: Listener, wasReset: boolean): void {
  if (tcb.fastOpen === null) return;
  if (tcb.fastOpen.isEarly) {
    listener.earlyOpen--;
    if (wasReset) listener.heldUntil.push(tcb.fastOpen.since + HOLD);
  }
  tcb.fastOpen = null;
}

/** What is known of one server. */
interface Entry {
  cookie: Uint8Array;
  /** What the server named as its MSS, in bytes. */
  mss: number;
  /** How often in a row it has not answered, and until when it is left alone. */
  silences: number;
  silentUntil: number;
}

/** The client's cookies (§4.1.3), of as many servers at most as it is told. */
export class FastOpenCache {
  #entries = new Map<string, Entry>();
  #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** How many servers are known. */
  get size(): number {
    return this.#entries.size;
  }

  /** Before an open: what goes with its SYN; `null`: nothing of Fast Open. */
  prepare(tcb: Tcb, now: number): FastOpen | null {
    const entry = this.#entries.get(tcb.remote.toString());
    if (entry !== undefined && now < entry.silentUntil) return null;
    const fastOpen = new FastOpen(now);
    if (entry === undefined || entry.cookie.length === 0) {
      fastOpen.cookie = REQUEST;
      return fastOpen;
    }
    fastOpen.cookie = entry.cookie;
    const most = Math.min(entry.mss, tcb.context.network.maxMessage(tcb.remote, now) - 20) - 40;
    fastOpen.textLength = Math.max(0, Math.min(tcb.sendBuffer.length, most));
    return fastOpen;
  }

  /**
   * A SYN,ACK has come.
   *
   * @param wasFirst Whether it answers our first SYN, the one with the option.
   */
  onAnswer(remote: IpAddress, options: TcpOptions, wasFirst: boolean): void {
    const { fastOpenLength: length, fastOpenCookie, mss } = options;
    const entry = this.#entries.get(remote.toString());
    if (entry !== undefined && wasFirst) entry.silences = 0;
    if (length <= 0) return;
    const { silences = 0, silentUntil = -Infinity } = entry ?? {};
    const cookie = fastOpenCookie.slice(0, length);
    this.#put(remote, { cookie, mss: mss || DEFAULT_MSS[remote.family], silences, silentUntil });
  }

  /** A SYN with the option has gone unanswered: something on the way may not let it through. */
  onSilence(remote: IpAddress, now: number): void {
    const entry = this.#entries.get(remote.toString());
    const { cookie = REQUEST, mss = DEFAULT_MSS[remote.family], silences = 0 } = entry ?? {};
    const silentUntil = now + Math.min(FIRST_SILENCE * 2 ** silences, LAST_SILENCE);
    this.#put(remote, { cookie, mss, silences: silences + 1, silentUntil });
  }

  #put(remote: IpAddress, entry: Entry): void {
    const key = remote.toString();
    this.#entries.delete(key);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < this.#most) break;
      this.#entries.delete(oldest);
    }
    if (this.#most > 0) this.#entries.set(key, entry);
  }
}

/**
 * The SYN,ACK for our SYN has come: what it acknowledges of the text is through, the rest is sent
 * as if it had not been before (§4.1.3).
 */
export function settleSynText(tcb: Tcb, ack: number): void {
  const { snd, fastOpen, sendBuffer } = tcb;
  if (fastOpen === null) return;
  const taken = seqDiff(ack, seqAdd(snd.iss, 1));
  if (taken > 0) {
    sendBuffer.consume(taken);
    tcb.traffic.bytesAcknowledged += taken;
    tcb.context.counters.tcpFastOpenTaken++;
  }
  snd.nxt = ack;
  tcb.fastOpen = null;
}

/** How far a SYN,ACK may acknowledge. */
export function mostAcknowledged(tcb: Tcb): number {
  return tcb.fastOpen === null ? tcb.snd.nxt : seqAdd(tcb.snd.nxt, tcb.fastOpen.textLength);
}
