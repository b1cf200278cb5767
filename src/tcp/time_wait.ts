/**
 * TIME_WAIT (RFC 9293 §3.6.1): what is left of a connection once both sides have closed it, for
 * two maximum segment lifetimes. Little is needed for that, so the control block is given back.
 *
 * @module
 */

import type { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import { seqAdd, seqDiff, seqGt } from "../wire/seq.ts";
import { ACK, FIN, RST, SYN } from "../wire/tcp.ts";
import { mayChallenge } from "./challenge.ts";
import { windowField } from "./emit.ts";
import { sendTimeWaitAck } from "./replies.ts";
import type { Segment } from "./segment.ts";
import { State } from "./state.ts";
import { ConnectionTable, type Ends } from "./table.ts";
import type { Tcb, TcpContext } from "./tcb.ts";
import { Timestamps } from "./timestamps.ts";

/** How old the last timestamp must be before a new connection may follow an old one, in ms. */
const REUSE_AFTER = 1000;

/**
 * How far behind the last number of a connection in TIME_WAIT the next one between the same ends
 * starts at least, so that nothing old can lie in its window (RFC 9293 §3.6.1, MAY-2).
 */
const ISS_GAP = 65_537;

/** What connections without timestamps share. */
const NO_TIMESTAMPS = new Timestamps();

/** A connection in TIME_WAIT. */
export class TimeWait implements Ends<TimeWait> {
  /** TIME_WAIT, then CLOSED. */
  state: State = State.TIME_WAIT;
  readonly local: IpAddress;
  readonly localPort: number;
  readonly remote: IpAddress;
  readonly remotePort: number;
  /** SND.NXT, which is SND.UNA as well: our FIN is acknowledged. */
  readonly sendNext: number;
  /** RCV.NXT, behind the peer's FIN. */
  readonly receiveNext: number;
  /** RCV.WND, and how the header says it. */
  readonly receiveWindow: number;
  readonly window: number;
  /** MAX.SND.WND. */
  readonly maxWindow: number;
  readonly timestamps: Timestamps;
  /** When a challenge ACK was last sent. */
  challengedAt: number;
  /** When it is over, in milliseconds. */
  endsAt = Infinity;
  /** Those that end before and after it: for {@linkcode TimeWaits} alone. */
  previous: TimeWait | null = null;
  next: TimeWait | null = null;
  hash = 0;
  hashNext: TimeWait | null = null;

  /** Takes what is needed of a connection. */
  constructor(tcb: Tcb) {
    this.local = tcb.local;
    this.localPort = tcb.localPort;
    this.remote = tcb.remote;
    this.remotePort = tcb.remotePort;
    this.sendNext = tcb.snd.nxt;
    this.receiveNext = tcb.rcv.nxt;
    this.receiveWindow = tcb.rcv.wnd;
    this.window = windowField(tcb, ACK);
    this.maxWindow = tcb.snd.maxWnd;
    this.timestamps = tcb.timestamps.enabled ? tcb.timestamps : NO_TIMESTAMPS;
    this.challengedAt = tcb.challengedAt;
  }

  /**
   * Whether a SYN may begin a new connection between the same ends: when nothing of the old one
   * can be taken for something of the new one (MAY-2, RFC 6191 §2, SHLD-4).
   *
   * @param timestamps Whether the new connection could have them.
   */
  allows(seg: Segment, timestamps: boolean): boolean {
    if ((seg.flags & (SYN | ACK | RST | FIN)) !== SYN) return false;
    const isLater = seqGt(seg.seq, this.receiveNext);
    if (!timestamps || !seg.options.timestamps) return isLater;
    // The new connection takes no segment without timestamps, and the old one sent no other.
    if (!this.timestamps.enabled) return true;
    const newer = seqDiff(seg.options.timestampValue, this.timestamps.recent);
    return newer > 0 || (newer === 0 && isLater);
  }

  /** Whether our side may open a new connection: its timestamps are later than all of the old. */
  allowsOpen(now: number): boolean {
    return this.timestamps.enabled && now - this.timestamps.recentAt >= REUSE_AFTER;
  }
}

/** All connections in TIME_WAIT, the one that ends next in front. */
export class TimeWaits {
  #context: TcpContext;
  #table: ConnectionTable<TimeWait>;
  #first: TimeWait | null = null;
  #last: TimeWait | null = null;

  /** @param seed A random uint32. */
  constructor(context: TcpContext, seed: number) {
    this.#context = context;
    this.#table = new ConnectionTable(seed);
  }

  /** How many there are. */
  get size(): number {
    return this.#table.size;
  }

  /** All of them, in no order. */
  [Symbol.iterator](): Generator<TimeWait> {
    return this.#table[Symbol.iterator]();
  }

  /** The one between these; `null` when there is none. */
  find(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
  ): TimeWait | null {
    return this.#table.size === 0 ? null : this.#table.find(local, localPort, remote, remotePort);
  }

  /** A connection enters TIME_WAIT. When there are too many, the oldest makes room. */
  add(tcb: Tcb, now: number): TimeWait {
    if (this.#first !== null && this.#table.size >= this.#context.config.timeWaitMax) {
      this.#context.counters.tcpTimeWaitsCut++;
      this.end(this.#first);
    }
    const timeWait = new TimeWait(tcb);
    this.#table.add(timeWait);
    this.#append(timeWait, now);
    return timeWait;
  }

  /** Ends one before its time, or at it. */
  end(timeWait: TimeWait): void {
    if (timeWait.state === State.CLOSED) return;
    this.#context.onState(timeWait, State.CLOSED);
    timeWait.state = State.CLOSED;
    this.#table.remove(timeWait);
    this.#unlink(timeWait);
    this.#context.counters.tcpConnectionsClosed++;
  }

  /** Ends those whose time has come, but not more than `most`. */
  poll(now: number, most: number): void {
    for (let i = 0; i < most && this.#first !== null && this.#first.endsAt <= now; i++) {
      this.end(this.#first);
    }
  }

  /** When the next one ends, in milliseconds; `Infinity`: there is none. */
  nextDeadline(): number {
    return this.#first === null ? Infinity : this.#first.endsAt;
  }

  /** Works one segment through (§3.10.7.4), which is no SYN that {@linkcode TimeWait.allows}. */
  arrives(timeWait: TimeWait, seg: Segment, now: number): Drop {
    const { config } = this.#context;
    const { timestamps, sendNext, maxWindow } = timeWait;
    const isSyn = (seg.flags & SYN) !== 0;
    if (timestamps.enabled && (seg.flags & (RST | SYN)) === 0) { // RFC 7323 §5.3, R1
      if (!seg.options.timestamps) return Drop.TCP_NO_TIMESTAMP;
      if (timestamps.isOld(seg.options, now)) {
        this.#answer(timeWait, seg, now);
        return Drop.TCP_OLD_TIMESTAMP;
      }
    }
    // First, check sequence number
    const offset = seqDiff(seg.seq, timeWait.receiveNext);
    if (!this.#isAcceptable(timeWait, seg, offset)) {
      if ((seg.flags & RST) !== 0) return Drop.TCP_UNACCEPTABLE;
      // The peer's FIN once more: our acknowledgement was lost (MUST-13).
      const isFin = (seg.flags & FIN) !== 0 && offset + seg.length === 0;
      if (isFin) this.#append(this.#unlink(timeWait), now);
      this.#answer(timeWait, seg, now);
      return Drop.TCP_UNACCEPTABLE;
    }
    if (timestamps.enabled && !isSyn && seg.options.timestamps) {
      timestamps.update(seg.options, seg.seq, timeWait.receiveNext, now);
    }
    // Second, check the RST bit: RFC 1337 §3, unless it is to end it as §3.10.7.4 has it
    if ((seg.flags & RST) !== 0) {
      if (config.resetEndsTimeWait && offset === 0) {
        this.#context.counters.tcpResetsReceived++;
        this.end(timeWait);
        return Drop.NONE;
      }
      if (config.resetEndsTimeWait) this.#challenge(timeWait, now);
      return Drop.TCP_BAD_RESET;
    }
    // Fourth, check the SYN bit
    if (isSyn) {
      this.#challenge(timeWait, now);
      return Drop.TCP_BAD_SYN;
    }
    // Fifth, check the ACK field
    if ((seg.flags & ACK) === 0) return Drop.TCP_NO_ACK_BIT;
    const acked = seqDiff(seg.ack, sendNext);
    if (acked > 0 || acked < -maxWindow) {
      this.#challenge(timeWait, now);
      return Drop.TCP_BAD_ACK;
    }
    return Drop.NONE; // sixth to eighth: nothing can follow the peer's FIN
  }

  #isAcceptable({ receiveWindow }: TimeWait, seg: Segment, offset: number): boolean {
    const { length } = seg;
    if (length === 0 || receiveWindow === 0) {
      return offset === 0 || (length === 0 && offset > 0 && offset < receiveWindow);
    }
    return offset + length > 0 && offset < receiveWindow;
  }

  #answer(timeWait: TimeWait, seg: Segment, now: number): void {
    if (seg.length === 0 || (seg.flags & SYN) !== 0) this.#challenge(timeWait, now);
    else sendTimeWaitAck(this.#context, timeWait, now);
  }

  #challenge(timeWait: TimeWait, now: number): void {
    if (mayChallenge(this.#context, timeWait, now)) sendTimeWaitAck(this.#context, timeWait, now);
  }

  /** Puts it at the end: all last equally long. */
  #append(timeWait: TimeWait, now: number): void {
    timeWait.endsAt = now + 2 * this.#context.config.msl;
    timeWait.previous = this.#last;
    if (this.#last === null) this.#first = timeWait;
    else this.#last.next = timeWait;
    this.#last = timeWait;
  }

  #unlink(timeWait: TimeWait): TimeWait {
    const { previous, next } = timeWait;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    timeWait.previous = timeWait.next = null;
    return timeWait;
  }
}

/** Where a new connection's numbers begin, so that none of the old ones lies in its window. */
export function followingIss(timeWait: TimeWait): number {
  return seqAdd(timeWait.sendNext, ISS_GAP);
}
