/**
 * RACK: a segment is lost when one that was sent later has arrived, and some time for reordering
 * has passed (RFC 8985 §6).
 *
 * @module
 */

import { seqGe, seqGt, seqLt } from "../wire/seq.ts";
import { Mark, type Scoreboard } from "./scoreboard.ts";

/** How many recoveries a widened reordering window outlasts (§6.2, step 4). */
const REO_WND_PERSIST = 16;
/** Duplicate acknowledgements that need no waiting (RFC 5681 §3.2). */
export const DUP_THRESH = 3;
/** How long the smallest round trip counts, in milliseconds. */
const MIN_RTT_WINDOW = 300_000;

/** Of the acknowledgement that is being worked through. */
const current = {
  /** The highest sequence number delivered before it. */
  fack: 0,
  /** When the newest of what it delivers was sent. */
  newestSentAt: -Infinity,
};

/** RACK's variables of one connection (§5.3). Times in milliseconds. */
export class Rack {
  /** Smallest round-trip time of late; `Infinity` before the first. */
  minRtt = Infinity;
  #minRttAt = 0;
  /** When the most recently sent of the delivered segments was sent, and where it ends. */
  xmitAt = -Infinity;
  endSeq = 0;
  /** Its round-trip time. */
  rtt = 0;
  /** The highest sequence number delivered so far. */
  fack = 0;
  reorderingSeen = false;
  #reoWndMult = 1;
  #reoWndPersist = 0;
  /** A D-SACK counts again when this is acknowledged. */
  #dsackRound = 0;
  #dsackRoundOpen = false;

  /** A round-trip time was measured. */
  onRtt(rtt: number, now: number): void {
    if (rtt > this.minRtt && now - this.#minRttAt < MIN_RTT_WINDOW) return;
    this.minRtt = rtt;
    this.#minRttAt = now;
  }

  /** An acknowledgement is about to be worked through; everything below `una` was before. */
  begin(una: number): void {
    current.fack = this.fack;
    current.newestSentAt = -Infinity;
    if (this.#dsackRoundOpen && seqGe(una, this.#dsackRound)) this.#dsackRoundOpen = false;
  }

  /**
   * A record was delivered up to `end` (steps 2 and 3).
   *
   * @param byEarlier Whether timestamps tell that it was not its last sending that arrived.
   */
  onDelivered(
    board: Scoreboard,
    index: number,
    end: number,
    now: number,
    byEarlier: boolean,
  ): void {
    const sentAt = board.sentAt(index);
    const repeated = (board.marks(index) & Mark.REPEATED) !== 0;
    if (seqGt(end, this.fack)) this.fack = end;
    // What one acknowledgement reports has no order: blocks come before what is below them.
    if (!repeated && seqLt(end, current.fack)) this.reorderingSeen = true;
    // What was sent again sooner ago than any round trip was not in vain: the first has arrived.
    if (repeated && (byEarlier || now - sentAt < this.minRtt)) return;
    if (sentAt >= current.newestSentAt) {
      current.newestSentAt = sentAt;
      this.rtt = now - sentAt;
    }
    if (!isLater(sentAt, end, this.xmitAt, this.endSeq)) return;
    this.xmitAt = sentAt;
    this.endSeq = end;
  }

  /** A D-SACK came: something was sent again in vain, so reordering reaches further (step 4). */
  onDsack(una: number, nxt: number): void {
    if (this.#dsackRoundOpen && !seqGe(una, this.#dsackRound)) return;
    this.#dsackRoundOpen = true;
    this.#dsackRound = nxt;
    this.#reoWndMult++;
    this.#reoWndPersist = REO_WND_PERSIST;
  }

  /** A recovery is over. */
  onRecovered(): void {
    if (this.#reoWndPersist > 0 && --this.#reoWndPersist === 0) this.#reoWndMult = 1;
  }

  /** The reordering window, in milliseconds (step 4). */
  reorderingWindow(board: Scoreboard, mss: number, srtt: number, inRecovery: boolean): number {
    // As many segments, of which one record may hold several (RFC 6675 §4: IsLost).
    const manySacked = board.sackedCount >= DUP_THRESH || board.sacked > (DUP_THRESH - 1) * mss;
    if (!this.reorderingSeen && (inRecovery || manySacked)) return 0;
    if (this.minRtt === Infinity) return 0;
    return Math.min(this.#reoWndMult * this.minRtt / 4, srtt);
  }

  /**
   * Marks what is lost (step 5).
   *
   * @returns How long until more may turn out to be, in milliseconds; 0: nothing waits for that.
   */
  detectLoss(board: Scoreboard, window: number, now: number): number {
    let wait = 0;
    const { count } = board;
    for (let i = 0; i < count; i++) {
      const marks = board.marks(i);
      if ((marks & Mark.SACKED) !== 0) continue;
      if ((marks & (Mark.LOST | Mark.RESENT)) === Mark.LOST) continue;
      const sentAt = board.sentAt(i);
      if (!isLater(this.xmitAt, this.endSeq, sentAt, board.end(i))) {
        // Behind what was delivered last, nothing was sent earlier but what was sent again.
        if (seqGt(board.start(i), this.fack)) break;
        continue;
      }
      const remaining = sentAt + this.rtt + window - now;
      if (remaining <= 0) board.markLost(i);
      else wait = Math.max(wait, remaining);
    }
    return wait;
  }
}

/** Whether the first of two segments was sent later; by sequence number where times are equal. */
function isLater(at1: number, end1: number, at2: number, end2: number): boolean {
  return at1 > at2 || (at1 === at2 && seqGt(end1, end2));
}
