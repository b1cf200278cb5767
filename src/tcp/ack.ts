/**
 * What an acknowledgement does to the sender (RFC 9293 §3.10.7.4, fifth step): what it shows to
 * have arrived, what it shows to be lost, and what that means for the congestion window.
 *
 * @module
 */

import { seqAdd, seqDiff, seqGe, seqGt, seqLe, seqLt } from "../wire/seq.ts";
import { ECE } from "../wire/tcp.ts";
import { tuneSendBuffer } from "./autotune.ts";
import { AckSample } from "./congestion/congestion.ts";
import { congestionEchoed } from "./ecn.ts";
import { ProportionalRateReduction } from "./prr.ts";
import { DUP_THRESH } from "./rack.ts";
import {
  beginRecovery,
  detectSpuriousTimeout,
  endRecovery,
  Phase,
  undo,
  wasSpurious,
} from "./recovery.ts";
import { isDuplicateSack } from "./sack.ts";
import { Mark } from "./scoreboard.ts";
import { forgiveLong, judgeSize, partFirst } from "./segment_size.ts";
import type { Segment } from "./segment.ts";
import { Signal, signal, SoftError, type Tcb } from "./tcb.ts";
import { reconsiderProbe, restartRetransmit, setReorderTimer, stopPersist } from "./timers.ts";

/** How many records SACK blocks may cut: this many, and so many for each full segment in flight. */
const LEAST_RECORDS = 64;
const PIECES = 8;

const sample = new AckSample();

/** What the current acknowledgement has shown so far. */
const progress = {
  /** Bytes delivered that were not known to be. */
  delivered: 0,
  /** Most of them that were sent in one go. */
  burst: 0,
  /** Whether something was delivered that was sent once, before the last timeout. */
  original: false,
  /** Round-trip time of what was sent last of it, where that can be told; -1: none. */
  rtt: -1,
  /** Whether something was delivered that was sent more than once. */
  repeated: false,
  /** Whether that makes it impossible to tell which sending has arrived (Karn, RFC 6298 §3). */
  ambiguous: false,
  /** Whether it came in fast recovery, which it may have ended. */
  recovering: false,
  /** TSecr of the segment; undefined without timestamps. */
  echo: undefined as number | undefined,
};

/** Takes the ACK field, the window and the SACK blocks of a segment that has passed the checks. */
export function acknowledged(tcb: Tcb, seg: Segment, now: number): void {
  const { snd, board, recovery: r } = tcb;
  const acked = seqDiff(seg.ack, snd.una);
  if (acked < 0) return;
  // A peer that answers probes is there, however long its window stays closed (MUST-37).
  if (seg.wnd === 0 || tcb.persistAt !== Infinity) tcb.troubleSince = -1;
  const repeats = acked === 0 && repeatsLast(tcb, seg);
  const duplicate = repeats && tcb.flight > 0; // RFC 5681 §2
  if (duplicate) tcb.context.counters.tcpDuplicateAcks++;
  sample.now = now;
  sample.acked = acked;
  sample.priorFlight = board.pipe;
  sample.windowLimited = isWindowLimited(tcb);
  progress.delivered = progress.burst = 0;
  progress.original = false;
  progress.rtt = -1;
  progress.repeated = progress.ambiguous = false;
  progress.recovering = r.phase === Phase.RECOVERY;
  progress.echo = seg.options.timestamps ? seg.options.timestampEcho : undefined;
  tcb.rate.begin();
  tcb.rack.begin(snd.una);
  const dsack = tcb.sackPermitted && takeSack(tcb, seg, now);
  if (acked > 0) advance(tcb, acked, now);
  takeWindow(tcb, seg);
  measureRtt(tcb, now);
  if (r.tlpOut && seqGe(seg.ack, r.tlpEnd)) judgeProbe(tcb, seg, repeats, dsack, now);
  const lostBefore = board.lost;
  judgeRecovery(tcb, seg, acked, duplicate, now);
  if (tcb.sackPermitted) detectByRack(tcb, now);
  else detectByDuplicates(tcb, acked, duplicate);
  countLost(tcb, lostBefore);
  if (tcb.plpmtud !== null) judgeSize(tcb, acked, now);
  adjustWindow(tcb, acked, now);
  if (tcb.ecn !== null && (seg.flags & ECE) !== 0) {
    congestionEchoed(tcb, tcb.ecn, sample.priorFlight, now);
  }
  if (tcb.tunesSend) tuneSendBuffer(tcb);
  if (acked > 0) restartRetransmit(tcb, now);
  else reconsiderProbe(tcb);
}

/** Takes the window of a segment unless a newer one has told it (RFC 9293 §3.10.7.4). */
export function takeWindow(tcb: Tcb, seg: Segment): void {
  const { snd } = tcb;
  if (seqLt(snd.wl1, seg.seq) || (snd.wl1 === seg.seq && seqGe(seg.ack, snd.wl2))) {
    snd.wl1 = seg.seq;
    updateSendWindow(tcb, seg);
  }
}

/** Takes the window that the peer offers. */
export function updateSendWindow(tcb: Tcb, seg: Segment): void {
  const { snd, board } = tcb;
  snd.wnd = seg.wnd << tcb.sendScale;
  snd.wl2 = seg.ack;
  if (snd.wnd > snd.maxWnd) snd.maxWnd = snd.wnd;
  if (snd.wnd > 0 && tcb.persistAt !== Infinity) {
    stopPersist(tcb);
    // A probe that had no room then has it now.
    for (let i = 0; i < board.count; i++) board.markLost(i);
  }
}

/** Whether the congestion window has held something back within the last round trip. */
function isWindowLimited(tcb: Tcb): boolean {
  const { congestion, board, snd } = tcb;
  if (seqGe(tcb.limitedAt, snd.una)) return true;
  tcb.limitedAt = seqAdd(snd.una, -1); // numbers come round: an old one must not seem to be ahead
  // In slow start a window that is half full is about to be the limit.
  return congestion.cwnd < congestion.ssthresh && congestion.cwnd < 2 * board.pipe;
}

/**
 * Takes SACK blocks to the scoreboard (RFC 2018 §5, RFC 6675 §4).
 *
 * @returns Whether the first reports something that arrived twice (RFC 2883).
 */
function takeSack(tcb: Tcb, seg: Segment, now: number): boolean {
  const { board, snd, recovery: r } = tcb;
  const { sackEdges, sackBlocks } = seg.options;
  const dsack = isDuplicateSack(sackEdges, sackBlocks, seg.ack);
  if (dsack) {
    tcb.rack.onDsack(seg.ack, snd.nxt);
    r.onDsack(sackEdges[1]!);
    tcb.context.counters.tcpDsacksReceived++;
  }
  for (let i = dsack ? 1 : 0; i < sackBlocks; i++) {
    const start = sackEdges[2 * i]!;
    const end = sackEdges[2 * i + 1]!;
    if (seqLe(start, seg.ack) || !board.covers(start, end)) continue;
    sackRange(tcb, start, end, now);
  }
  return dsack;
}

/**
 * Whether records may be cut where SACK blocks end within them. A peer that has every second byte
 * reported must not have us keep a record for each: SACK is advisory (RFC 2018 §3).
 */
function mayCut({ board, mss }: Tcb): boolean {
  return board.count < LEAST_RECORDS + PIECES * board.bytes / mss;
}

/** Notes that `[start, end)` has arrived; of records that are cut no more, only whole ones. */
function sackRange(tcb: Tcb, start: number, end: number, now: number): void {
  const { board } = tcb;
  let i = board.find(start);
  if (i >= 0 && board.start(i) !== start) {
    if (mayCut(tcb)) board.split(i, start);
    i++;
  }
  for (; i >= 0 && i < board.count && seqLt(board.start(i), end); i++) {
    if ((board.marks(i) & Mark.SACKED) !== 0) continue;
    if (seqGt(board.end(i), end)) {
      if (!mayCut(tcb)) return;
      board.split(i, end);
    }
    deliver(tcb, i, board.end(i), now);
    board.markSacked(i);
  }
}

/** Something new is acknowledged. */
function advance(tcb: Tcb, acked: number, now: number): void {
  const { snd, board, sendBuffer } = tcb;
  snd.una = seqAdd(snd.una, acked);
  const text = Math.min(acked, sendBuffer.length); // one less than `acked` when it covers the FIN
  sendBuffer.consume(text);
  tcb.traffic.bytesAcknowledged += text;
  while (board.count > 0 && seqLe(board.end(0), snd.una)) {
    if ((board.marks(0) & Mark.SACKED) === 0) deliver(tcb, 0, board.end(0), now);
    board.shift();
  }
  if (board.count > 0 && seqLt(board.start(0), snd.una)) {
    deliver(tcb, 0, snd.una, now);
    board.trimFront(snd.una);
  }
  if (tcb.ecn !== null) tcb.ecn.onAcknowledged(snd.una);
  tcb.timeouts = 0;
  tcb.troubleSince = -1;
  tcb.softError = SoftError.NONE;
  if (text > 0) signal(tcb, Signal.WRITABLE);
}

/** What a record holds up to `end` is delivered. */
function deliver(tcb: Tcb, index: number, end: number, now: number): void {
  const { board, recovery: r } = tcb;
  const marks = board.marks(index);
  const length = seqDiff(end, board.start(index));
  const repeated = (marks & Mark.REPEATED) !== 0;
  progress.delivered += length;
  if (length > progress.burst && (marks & Mark.LOST) === 0) progress.burst = length;
  if (!repeated && seqLe(end, r.point)) progress.original = true;
  tcb.rate.onDelivered(board, index, length, now);
  const sentAt = board.sentAt(index);
  const echoed = repeated && echoes(tcb, sentAt);
  tcb.rack.onDelivered(board, index, end, now, repeated && tcb.timestamps.enabled && !echoed);
  if (repeated) progress.repeated = true;
  if (repeated && !echoed) {
    progress.ambiguous = true;
    return;
  }
  const rtt = now - sentAt;
  if (progress.rtt < 0 || rtt < progress.rtt) progress.rtt = rtt;
}

/**
 * Whether the peer echoes a timestamp from `sentAt` or later. If so, it is what was sent then that
 * arrived, and not an earlier sending of the same: RFC 7323 §4 lifts Karn's restriction.
 */
function echoes(tcb: Tcb, sentAt: number): boolean {
  const { timestamps } = tcb;
  return timestamps.enabled && progress.echo !== undefined &&
    seqGe(progress.echo, timestamps.value(sentAt));
}

/**
 * One measurement a round trip goes into RTO (RFC 6298 §3), each one into the minimum; and IP hears
 * as often that the way works.
 */
function measureRtt(tcb: Tcb, now: number): void {
  // Behind what was sent again, what arrived long ago may be acknowledged only now.
  const rtt = progress.ambiguous ? -1 : progress.rtt;
  sample.rtt = rtt;
  if (rtt < 0) return;
  tcb.recovery.tlpNeedsRtt = false;
  tcb.rack.onRtt(rtt, now);
  if (!tcb.rtt.isBackedOff && seqLt(tcb.snd.una, tcb.rttRound)) return;
  tcb.rtt.sample(rtt);
  tcb.rttRound = tcb.snd.nxt;
  tcb.context.network.confirm(tcb.remote, now);
}

/** What became of a tail loss probe (RFC 8985 §7.4). */
function judgeProbe(
  tcb: Tcb,
  seg: Segment,
  repeats: boolean,
  dsack: boolean,
  now: number,
): void {
  const { recovery: r, congestion } = tcb;
  const { sackBlocks, sackEdges } = seg.options;
  const hadNoLoss = !r.tlpRepeats || (dsack && sackEdges[1] === r.tlpEnd) ||
    (repeats && sackBlocks === 0);
  if (hadNoLoss) {
    r.tlpOut = false;
  } else if (seqGt(seg.ack, r.tlpEnd)) { // the probe has repaired a loss, which still was one
    r.tlpOut = false;
    if (r.phase !== Phase.OPEN) return;
    r.canUndo = false;
    congestion.onLoss(sample.priorFlight, now);
    congestion.onRecovered(now);
    if (tcb.ecn !== null) tcb.ecn.onReduced(tcb.snd.nxt);
  }
}

/** Whether recovery is over, or should not have begun. */
function judgeRecovery(
  tcb: Tcb,
  seg: Segment,
  acked: number,
  duplicate: boolean,
  now: number,
): void {
  const { recovery: r, snd } = tcb;
  // Without SACK, what comes with something sent again may have arrived long ago.
  const original = progress.original && (tcb.sackPermitted || !progress.repeated);
  const tells = r.phase === Phase.LOSS && (progress.delivered + acked > 0 || duplicate);
  if (wasSpurious(tcb, seg.options)) undo(tcb, now);
  else if (tells && detectSpuriousTimeout(tcb, original, acked > 0)) undo(tcb, now);
  if (r.phase !== Phase.OPEN && acked > 0 && seqGe(snd.una, r.point)) endRecovery(tcb, now);
}

/** RFC 8985 §6.2. */
function detectByRack(tcb: Tcb, now: number): void {
  const { board, rack, recovery: r } = tcb;
  if (board.sacked === 0 && board.lost === 0) {
    setReorderTimer(tcb, Infinity);
    return;
  }
  const window = rack.reorderingWindow(board, tcb.mss, tcb.rtt.srtt, r.phase !== Phase.OPEN);
  const wait = rack.detectLoss(board, window, now);
  setReorderTimer(tcb, wait > 0 ? now + wait : Infinity);
}

/** RACK's reordering timer has expired. */
export function reorderingSettled(tcb: Tcb, now: number): void {
  const before = tcb.board.lost;
  sample.acked = 0;
  sample.now = now;
  sample.priorFlight = tcb.board.pipe;
  sample.rtt = -1;
  progress.delivered = progress.burst = 0;
  tcb.rate.begin();
  detectByRack(tcb, now);
  countLost(tcb, before);
  if (tcb.plpmtud !== null) judgeSize(tcb, 0, now);
  adjustWindow(tcb, 0, now);
}

/** How much was newly taken for lost, but for what was lost because it was too long for the path. */
function countLost(tcb: Tcb, before: number): void {
  const { board, plpmtud } = tcb;
  const forgiven = plpmtud !== null && board.lost > before ? forgiveLong(tcb) : 0;
  sample.lost = Math.max(0, board.lost - before - forgiven);
}

/** Whether the segment only says again what the last one said. Answers to probes don't count. */
function repeatsLast(tcb: Tcb, seg: Segment): boolean {
  return tcb.persistAt === Infinity && seg.length === 0 &&
    (seg.wnd << tcb.sendScale) === tcb.snd.wnd;
}

/**
 * Without SACK, a duplicate acknowledgement stands for a segment that has arrived, the third for
 * one that is lost (RFC 5681 §3.2), and so does a partial acknowledgement (RFC 6582 §3.2).
 */
function detectByDuplicates(tcb: Tcb, acked: number, duplicate: boolean): void {
  const { board, recovery: r, snd, mss } = tcb;
  if (duplicate) {
    r.dupAcks++;
    progress.delivered += mss;
    if (r.phase !== Phase.LOSS) {
      board.sacked = Math.min(board.sacked + mss, Math.max(0, board.bytes - board.lost - mss));
    }
    // Not for what was out at the last loss: it may be our own repetition (RFC 6582 §3.2 step 1).
    const counts = r.phase === Phase.OPEN && seqGe(snd.una, r.noDupsBefore);
    if (counts && r.dupAcks === DUP_THRESH) firstIsLost(tcb);
  } else if (acked > 0) {
    progress.delivered = Math.max(0, progress.delivered - board.sacked);
    if (r.phase === Phase.RECOVERY) {
      board.sacked = Math.max(0, board.sacked - Math.max(0, acked - mss));
      if (board.count > 0 && (board.marks(0) & Mark.LOST) === 0) firstIsLost(tcb);
    } else {
      board.sacked = 0;
      r.dupAcks = 0;
      if (seqLt(r.noDupsBefore, snd.una)) r.noDupsBefore = snd.una; // nor must this
    }
  }
}

/** The first segment of what is in flight is taken for lost, and that one only. */
function firstIsLost(tcb: Tcb): void {
  partFirst(tcb);
  tcb.board.markLost(0);
}

/** Begins recovery if something was lost; then the congestion window follows from all of it. */
function adjustWindow(tcb: Tcb, acked: number, now: number): void {
  const { board, congestion, recovery: r } = tcb;
  let begins = false;
  if (sample.lost > 0 && r.phase === Phase.OPEN) {
    begins = true;
    tcb.context.counters.tcpFastRetransmits++;
    beginRecovery(tcb, Phase.RECOVERY);
    r.noDupsBefore = seqAdd(r.point, 1);
    tcb.prr = new ProportionalRateReduction(board.bytes);
    // What is lost within a window that ECN has reduced already is the same congestion.
    if (tcb.ecn === null || tcb.ecn.isSettled(tcb.snd.una)) {
      congestion.onLoss(Math.min(congestion.cwnd, board.bytes), now);
      if (tcb.ecn !== null) tcb.ecn.onReduced(tcb.snd.nxt);
    } else r.canUndo = false;
  }
  const inRecovery = r.phase === Phase.RECOVERY;
  sample.delivered = progress.delivered;
  sample.burst = progress.burst;
  sample.flight = board.pipe;
  sample.inRecovery = r.phase !== Phase.OPEN;
  sample.una = tcb.snd.una;
  sample.nxt = tcb.snd.nxt;
  sample.srtt = tcb.rtt.srtt;
  tcb.rate.finish(sample, tcb.rack.minRtt);
  if (congestion.ownsRecovery) {
    congestion.onAck(sample);
  } else if (inRecovery) {
    const safe = acked > 0 && sample.lost === 0;
    // Without SACK, a partial acknowledgement has the next hole filled at once (RFC 6582 §3.2).
    const forced = begins || (!tcb.sackPermitted && acked > 0);
    congestion.cwnd = tcb.prr!.window(
      sample.delivered,
      board.pipe,
      congestion.ssthresh,
      tcb.mss,
      safe,
      forced,
    );
  } else if (acked > 0 && !progress.recovering) {
    congestion.onAck(sample);
  }
}
