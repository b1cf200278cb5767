/**
 * How large the segments of a connection are: what the peer takes (RFC 9293 §3.7.1), what the path
 * takes by the word of routers (RFC 1191), and what it turns out to take (`plpmtud.ts`).
 *
 * @module
 */

import { seqAdd, seqLt } from "../wire/seq.ts";
import { TCP_MIN_HEADER } from "../wire/tcp.ts";
import { TIMESTAMPS_OPTION_LENGTH } from "../wire/tcp_options.ts";
import { MAX_PROBES, Phase, Plpmtud, PMTU_RAISE_TIMER, smallerThan } from "./plpmtud.ts";
import { DUP_THRESH } from "./rack.ts";
import { Phase as RecoveryPhase } from "./recovery.ts";
import { Mark } from "./scoreboard.ts";
import { State } from "./state.ts";
import type { Tcb } from "./tcb.ts";
import { schedule } from "./timers.ts";

/** Length of an IP header, in bytes. */
const IP_HEADER = { 4: 20, 6: 40 } as const;
/**
 * A peer that takes less text than this is not believed, for it would have us send headers only:
 * IPv4 carries 68 bytes at least, of which its header and TCP's take 40, and an MSS option 4.
 */
const MIN_MSS = 24;

/** Bytes of a packet that are not text. */
export function overhead(tcb: Tcb): number {
  return IP_HEADER[tcb.remote.family] + TCP_MIN_HEADER + optionsLength(tcb);
}

/** Bytes of options that every segment has. */
function optionsLength(tcb: Tcb): number {
  return tcb.timestamps.enabled ? TIMESTAMPS_OPTION_LENGTH : 0;
}

/** The largest packet that the peer and the link take. */
function largestOnLink(tcb: Tcb): number {
  const segment = Math.max(tcb.peerMss, MIN_MSS + optionsLength(tcb)) + TCP_MIN_HEADER;
  const message = Math.min(segment, tcb.context.network.maxLinkMessage(tcb.remote));
  return message + IP_HEADER[tcb.remote.family];
}

/** The largest packet that, by all that routers have told, the path takes besides. */
function largestOnPath(tcb: Tcb, now: number): number {
  const message = tcb.context.network.maxMessage(tcb.remote, now);
  return Math.min(largestOnLink(tcb), message + IP_HEADER[tcb.remote.family]);
}

/**
 * Works out Eff.snd.MSS (RFC 9293 §3.7.1, MUST-14 to 16) when the peer's options are known.
 */
export function settleSegmentSize(tcb: Tcb, now: number): void {
  const size = largestOnPath(tcb, now);
  tcb.mss = size - overhead(tcb);
  if (size < largestOnLink(tcb)) {
    tcb.plpmtud = new Plpmtud(size); // another connection has met a smaller link
    tcb.pmtuRaiseAt = now + PMTU_RAISE_TIMER;
  }
}

/** Makes the state of the discovery, if there is none as yet. */
function discovery(tcb: Tcb): Plpmtud {
  return tcb.plpmtud ??= new Plpmtud(tcb.mss + overhead(tcb));
}

/** Takes a new size from the discovery, and ends that when there is nothing more to find out. */
function applySize(tcb: Tcb, now: number): void {
  const { plpmtud } = tcb;
  if (plpmtud === null) return;
  const mss = plpmtud.size - overhead(tcb);
  if (mss !== tcb.mss) {
    tcb.mss = mss;
    if (tcb.state >= State.ESTABLISHED) tcb.congestion.setMss(mss);
  }
  if (plpmtud.phase !== Phase.SEARCH_COMPLETE) {
    tcb.pmtuRaiseAt = Infinity;
    return;
  }
  const { size } = plpmtud;
  if (size >= largestOnLink(tcb)) {
    tcb.plpmtud = null;
    tcb.pmtuRaiseAt = Infinity;
  } else {
    tcb.pmtuRaiseAt = now + PMTU_RAISE_TIMER;
    // New connections need not find it out again (RFC 8899 §4.5).
    tcb.context.network.tooBig(tcb.remote, size, size + 1, now);
  }
  schedule(tcb);
}

/** Routers have told that the path takes less: segments get smaller at once (RFC 1191 §3). */
export function pathHasShrunk(tcb: Tcb, now: number): void {
  if (tcb.state < State.ESTABLISHED) return; // its size is yet to be settled, and a SYN is small
  const size = largestOnPath(tcb, now);
  if (size >= (tcb.plpmtud?.most ?? tcb.mss + overhead(tcb))) return;
  const plpmtud = discovery(tcb);
  if (size < plpmtud.size) tcb.context.counters.tcpPathMtuReductions++;
  plpmtud.tooBig(size);
  plpmtud.resendsLong = true;
  applySize(tcb, now);
}

/** Text of a record: its length without FIN. */
function textLength({ board, finSent, snd }: Tcb, index: number): number {
  return board.length(index) - (finSent && board.end(index) === snd.nxt ? 1 : 0);
}

/** Whether a record is longer than a segment may be, its FIN apart; or was a super-segment. */
export function isLong(tcb: Tcb, index: number): boolean {
  return textLength(tcb, index) > tcb.mss;
}

/** Cuts a record into pieces that segments can hold. */
function cut(tcb: Tcb, index: number): void {
  const { board, mss } = tcb;
  for (let i = index; isLong(tcb, i); i++) board.split(i, seqAdd(board.start(i), mss));
}

/**
 * Takes all segments in flight that are too long for the path for lost, if the first one is: a
 * router has dropped them, which is no sign of congestion (RFC 1191 §6.5). Not before, so that
 * nothing is sent again for each of the errors that they have drawn.
 */
export function resendLong(tcb: Tcb): void {
  const { board, plpmtud } = tcb;
  if (plpmtud === null || !plpmtud.resendsLong || board.count === 0) return;
  plpmtud.resendsLong = false;
  if (!isLong(tcb, 0)) {
    for (let i = 1; i < board.count && !plpmtud.resendsLong; i++) {
      plpmtud.resendsLong = isLong(tcb, i);
    }
    return;
  }
  const wasDropped = (i: number) => (board.marks(i) & Mark.SACKED) === 0 && isLong(tcb, i);
  for (let i = 0; i < board.count; i++) {
    if (!wasDropped(i)) continue;
    board.markLost(i);
    const next = i + 1;
    while (next < board.count && wasDropped(next)) { // one long record gives full pieces
      board.markLost(next);
      board.join(i);
    }
    cut(tcb, i);
  }
}

/**
 * What is newly taken for lost and longer than a segment may be was lost for its length: a probe,
 * or what was sent before the path shrank. It is cut to pieces, to be sent again.
 *
 * @returns How many bytes of it there are: they are no sign of congestion (RFC 8899 §3).
 */
export function forgiveLong(tcb: Tcb): number {
  const { board } = tcb;
  let forgiven = 0;
  for (let i = 0; i < board.count; i++) {
    if ((board.marks(i) & (Mark.LOST | Mark.RESENT)) !== Mark.LOST || !isLong(tcb, i)) continue;
    forgiven += board.length(i);
    cut(tcb, i);
  }
  return forgiven;
}

/** Sees from an acknowledgement what became of a probe, or that a smaller size gets through. */
export function judgeSize(tcb: Tcb, acked: number, now: number): void {
  const { board } = tcb;
  const plpmtud = tcb.plpmtud!;
  if (plpmtud.phase === Phase.BASE && acked > 0) {
    plpmtud.raise(largestOnPath(tcb, now));
    applySize(tcb, now);
  }
  if (plpmtud.probed !== 0) {
    const index = board.find(plpmtud.probeStart);
    if (index < 0) { // acknowledged
      plpmtud.succeeded();
      applySize(tcb, now);
    } else if ((board.marks(index) & (Mark.LOST | Mark.REPEATED)) !== 0) {
      giveUpProbe(tcb, now);
    }
  }
  if (acked > 0) resendLong(tcb);
}

function giveUpProbe(tcb: Tcb, now: number): void {
  tcb.context.counters.tcpPathMtuProbesLost++;
  tcb.plpmtud!.failed();
  applySize(tcb, now);
}

/** The last segment is about to be sent again: parts it from what is in front of it. */
export function partLast(tcb: Tcb): void {
  const { board, mss } = tcb;
  const last = board.count - 1;
  const text = textLength(tcb, last);
  if (text > mss) board.split(last, seqAdd(board.start(last), text - ((text - 1) % mss + 1)));
}

/**
 * The first segment is about to be taken for lost: parts it from the rest of a super-segment. What
 * was long for the path was lost as a whole.
 */
export function partFirst(tcb: Tcb): void {
  const { board, mss } = tcb;
  if (tcb.plpmtud === null && isLong(tcb, 0)) board.split(0, seqAdd(board.start(0), mss));
}

/**
 * Text of the next segment: more than the MSS when a larger size is to be tried, and enough is
 * there to be sent behind it that its loss would show (RFC 4821 §7.4).
 *
 * @param unsent Bytes that wait to be sent.
 * @param usable Bytes that the windows allow.
 */
export function nextLength(tcb: Tcb, unsent: number, usable: number): number {
  const { mss, board, recovery } = tcb;
  const size = tcb.plpmtud!.next();
  if (size === 0 || recovery.phase !== RecoveryPhase.OPEN) return mss;
  if (board.sacked > 0 || board.lost > 0 || tcb.timeouts > 0) return mss;
  // Duplicate acknowledgements, which would show its loss, don't count yet (RFC 6582 §3.2).
  if (!tcb.sackPermitted && seqLt(tcb.snd.una, recovery.noDupsBefore)) return mss;
  const length = size - overhead(tcb);
  const behind = tcb.sackPermitted ? 1 : DUP_THRESH;
  return Math.min(unsent, usable) < length + behind * mss ? mss : length;
}

/** A segment of {@linkcode nextLength} was sent, with the numbers `[start, end)`. */
export function sizeSent(tcb: Tcb, start: number, end: number): void {
  tcb.context.counters.tcpPathMtuProbes++;
  tcb.plpmtud!.sent(start, end);
}

/**
 * The retransmission timer has expired. When a large segment was lost MAX_PROBES times in a row,
 * smaller ones may get through (RFC 8899 §4.3).
 */
export function suspectBlackHole(tcb: Tcb, now: number): void {
  const { board, snd, timeouts } = tcb;
  if (tcb.plpmtud !== null && tcb.plpmtud.probed !== 0) giveUpProbe(tcb, now);
  if (timeouts < MAX_PROBES || board.count === 0) return;
  const text = Math.min(board.length(0), tcb.mss);
  if (snd.wnd < text) return; // the peer may have no room for it
  const length = text + overhead(tcb);
  const smaller = smallerThan(length, tcb.remote.family);
  if (smaller === 0) return;
  tcb.context.counters.tcpBlackHoles++;
  discovery(tcb).fallBack(smaller);
  applySize(tcb, now);
}

/** PMTU_RAISE_TIMER has expired: the path may carry more by now. */
export function raiseSize(tcb: Tcb, now: number): void {
  tcb.pmtuRaiseAt = Infinity;
  if (tcb.plpmtud === null) return;
  tcb.plpmtud.raise(largestOnPath(tcb, now));
  applySize(tcb, now);
}
