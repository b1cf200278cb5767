/**
 * The sender's view of loss: whether it recovers from one, and what shows that there was none.
 *
 * @module
 */

import { seqDiff, seqGe, seqGt, seqLt } from "../wire/seq.ts";
import type { TcpOptions } from "../wire/tcp_options.ts";
import { Mark } from "./scoreboard.ts";
import { partFirst } from "./segment_size.ts";
import type { Tcb } from "./tcb.ts";

/** Where the sender is. */
export const Phase = {
  /** All is well. */
  OPEN: 0,
  /** Fast recovery (RFC 6675 §5, RFC 6582): until everything is acknowledged that was out. */
  RECOVERY: 1,
  /** After a retransmission timeout (RFC 6298 §5.4), until the same. */
  LOSS: 2,
} as const;

/** One of the values of {@linkcode Phase}. */
export type Phase = typeof Phase[keyof typeof Phase];

/** Where F-RTO is (RFC 5682 §2.1, §3.1). */
export const Frto = {
  OFF: 0,
  /** The first segment was sent again; nothing has been acknowledged since (step 1). */
  TIMED_OUT: 1,
  /** The acknowledgement for it came, and new text was sent instead of old (step 2b). */
  NEW_SENT: 2,
} as const;

/** Variables of loss recovery. */
export class Recovery {
  phase: Phase = Phase.OPEN;
  /** Recovery is over when this is acknowledged (RFC 6675: RecoveryPoint; RFC 6582: recover). */
  point = 0;
  /** SND.UNA when it began; whether it may still turn out to have been for nothing. */
  undoFrom = 0;
  canUndo = false;
  /** Segments sent again since, and not reported to have arrived twice. */
  resent = 0;
  /** TSval of the first of them, if there are timestamps. */
  firstResentTs = 0;
  frto: number = Frto.OFF;
  /** Duplicate acknowledgements in a row, where the peer has no SACK (RFC 5681 §2). */
  dupAcks = 0;
  /** Below this, they may come from our own repetitions (RFC 6582 §3.2). */
  noDupsBefore = 0;
  /** A tail loss probe is out, and everything up to here was sent with it (RFC 8985 §7.3). */
  tlpOut = false;
  tlpEnd = 0;
  /** Whether the probe was something sent before. */
  tlpRepeats = false;
  /** A round trip must be measured before the next probe (RFC 8985 §7.3). */
  tlpNeedsRtt = true;

  /** Something is being sent again. */
  onResent(timestamp: number): void {
    if (this.phase === Phase.OPEN) return; // a probe
    if (this.resent++ === 0) this.firstResentTs = timestamp;
  }

  /** A D-SACK tells that what ends at `end` arrived twice: one of those, if it was out then. */
  onDsack(end: number): void {
    if (!this.canUndo || this.resent <= 0) return;
    if (!seqGt(end, this.undoFrom) || seqGt(end, this.point)) return;
    if (--this.resent === 0) this.resent = -1;
  }
}

/** Begins fast recovery or the recovery from a timeout. */
export function beginRecovery(tcb: Tcb, phase: Phase): void {
  const { recovery: r, snd } = tcb;
  r.phase = phase;
  r.point = snd.nxt;
  r.undoFrom = snd.una;
  // While something from an earlier recovery is out again, its echo proves nothing about this one.
  r.canUndo = tcb.board.resent === 0;
  r.resent = 0;
  r.tlpOut = false;
}

/**
 * Ends it: everything that was out when it began is acknowledged. The D-SACKs that show that it was
 * for nothing may still be on their way, so it can be undone until the next one begins.
 */
export function endRecovery(tcb: Tcb, now: number): void {
  const { recovery: r, congestion } = tcb;
  // After a timeout the window goes on growing from one segment (RFC 5681 §3.1).
  if (r.phase === Phase.RECOVERY || congestion.ownsRecovery) congestion.onRecovered(now);
  r.phase = Phase.OPEN;
  r.frto = Frto.OFF;
  r.dupAcks = 0;
  tcb.prr = null;
  tcb.rack.onRecovered();
}

/**
 * Whether the loss that recovery began with was none: the first acknowledgement of something new
 * echoes a timestamp from before anything was sent again (Eifel, RFC 3522 §3.2), or all that was
 * sent again arrived twice (D-SACK, RFC 3708).
 */
export function wasSpurious(tcb: Tcb, options: TcpOptions): boolean {
  const { recovery: r, timestamps, snd } = tcb;
  if (!r.canUndo) return false;
  if (r.resent < 0) return true;
  return r.phase !== Phase.OPEN && timestamps.enabled && options.timestamps && r.resent > 0 &&
    seqDiff(snd.una, r.undoFrom) > 0 &&
    seqLt(options.timestampEcho, r.firstResentTs);
}

/** Takes a reduction back (RFC 4015 §3.2, RFC 5682 §3.1): what was taken for lost is on its way. */
export function undo(tcb: Tcb, now: number): void {
  const { board, recovery: r, congestion, context } = tcb;
  for (let i = 0; i < board.count; i++) board.unmarkLost(i);
  congestion.undo(now);
  context.counters.tcpSpuriousRecoveries++;
  // What came late was sent again, so RACK does not count it (RFC 8985 §6.2, step 4).
  if (r.phase !== Phase.LOSS) tcb.rack.reorderingSeen = true;
  r.phase = Phase.OPEN;
  r.canUndo = false;
  r.frto = Frto.OFF;
  r.dupAcks = 0;
  tcb.prr = null;
  tcb.timeouts = 0;
}

/**
 * What an acknowledgement means to F-RTO (RFC 5682 §3.1).
 *
 * @param delivered Whether something was delivered that has been sent once only, before the timeout.
 * @param advanced Whether it acknowledged something new.
 * @returns Whether the timeout was spurious.
 */
export function detectSpuriousTimeout(tcb: Tcb, delivered: boolean, advanced: boolean): boolean {
  const { recovery: r, snd, congestion } = tcb;
  if (r.frto === Frto.OFF) return false;
  if (delivered) return true;
  if (r.frto === Frto.NEW_SENT && !advanced && !congestion.ownsRecovery) {
    congestion.cwnd = 3 * tcb.mss; // step 3a: room for what was lost besides what is new
  }
  // Step 2b needs something new to send; else it is conventional recovery.
  const hasNew = tcb.sendEnd !== snd.nxt && snd.wnd > tcb.flight;
  const goesOn = r.frto === Frto.TIMED_OUT && advanced && hasNew && !seqGe(snd.una, r.point);
  r.frto = goesOn ? Frto.NEW_SENT : Frto.OFF;
  return false;
}

/** Takes everything for lost that is not known to have arrived and was not sent just now. */
export function markAllLost(tcb: Tcb, now: number): void {
  const { board, rack, sackPermitted } = tcb;
  if (board.count === 0) return;
  // A peer that has dropped what it SACKed acknowledges nothing of it any more (RFC 2018 §8).
  if ((board.marks(0) & Mark.SACKED) !== 0) board.forgetSacks();
  if (!sackPermitted) board.sacked = 0;
  partFirst(tcb);
  const window = rack.rtt + rack.reorderingWindow(board, tcb.mss, tcb.rtt.srtt, true);
  for (let i = 0; i < board.count; i++) {
    // RFC 8985 §6.3: what was sent within the last round trip may still arrive.
    if (i === 0 || !sackPermitted || board.sentAt(i) + window <= now) board.markLost(i);
  }
}
