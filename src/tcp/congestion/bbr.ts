/**
 * BBR, version 1 (draft-cardwell-iccrg-bbr-congestion-control-00): sends at the rate at which
 * packets are delivered, with as much in flight as that rate and the smallest round trip ask for.
 * A lost packet alone tells it nothing, so it keeps its pace on lossy paths.
 *
 * @module
 */

import type { AckSample, CongestionControl } from "./congestion.ts";
import { initialWindow } from "./window.ts";

/** Smallest gain that doubles the rate each round trip: 2/ln 2 (§4.1.1.3). */
const HIGH_GAIN = 2.885;
/** How often the bandwidth filter forgets, in round trips (§4.1.1.3). */
const BANDWIDTH_ROUNDS = 10;
/** How long the smallest round trip counts, in milliseconds (§4.1.2.2). */
const RT_PROP_WINDOW = 10_000;
/** How long the queue is drained to measure it again, in milliseconds (§4.3.5). */
const PROBE_RTT_TIME = 200;
/** Gains of the phases of ProbeBW, each a round trip long (§4.3.4.2). */
const CYCLE = [1.25, 0.75, 1, 1, 1, 1, 1, 1] as const;
/** Room in the window for what acknowledgements report late (§4.2.3.2). */
const CWND_GAIN = 2;
/** Startup ends when the bandwidth has not grown by a quarter in three rounds (§4.3.2.1). */
const FULL_GROWTH = 1.25;
const FULL_ROUNDS = 3;
/** Somewhat below the estimate, so that queues drain. */
const PACING_MARGIN = 0.99;

/** Where BBR is (§4.3). */
const Mode = { STARTUP: 0, DRAIN: 1, PROBE_BW: 2, PROBE_RTT: 3 } as const;
type Mode = typeof Mode[keyof typeof Mode];

export class Bbr implements CongestionControl {
  readonly name = "bbr";
  readonly ownsRecovery = true;
  readonly ssthresh = Infinity;
  cwnd = 0;
  pacingRate = Infinity;
  #mss = 0;
  #mode: Mode = Mode.STARTUP;
  #pacingGain = HIGH_GAIN;
  #cwndGain = HIGH_GAIN;
  /** Highest delivery rate of each of the last rounds that count, in bytes per ms. */
  #rates = new Float64Array(BANDWIDTH_ROUNDS);
  /** Where the current one's is. */
  #rateRound = 0;
  #bandwidth = 0;
  #rtProp = Infinity;
  #rtPropAt = 0;
  #rtPropExpired = false;
  #round = 0;
  #roundEnd = 0;
  #roundStart = false;
  #fullBandwidth = 0;
  #fullRounds = 0;
  #filled = false;
  #cycle = 0;
  #cycleAt = 0;
  #probeRttUntil = 0;
  #probeRttRoundDone = false;
  /** The window before recovery or ProbeRTT. */
  #priorCwnd = 0;
  /** In the first round of recovery, as much is sent as is delivered (§4.2.3.4). */
  #conserving = false;
  #conservingUntil = 0;
  #delivered = 0;
  #wasInRecovery = false;

  start(mss: number, synWasLost: boolean, now: number): void {
    this.#mss = mss;
    this.cwnd = synWasLost ? mss : initialWindow(mss);
    this.#cycleAt = this.#rtPropAt = now;
  }

  setMss(mss: number): void {
    this.#mss = mss;
    this.cwnd = Math.max(this.cwnd, this.#minimum);
  }

  /** Four segments, so that acknowledgements keep coming (§4.2.3.1). */
  get #minimum(): number {
    return 4 * this.#mss;
  }

  onAck(sample: AckSample): void {
    this.#delivered = sample.totalDelivered;
    this.#countRound(sample);
    this.#updateBandwidth(sample);
    this.#checkFull(sample);
    this.#updateRtProp(sample);
    this.#advance(sample);
    this.#setPacingRate(sample);
    this.#setCwnd(sample);
  }

  /** A round ends when something is delivered that was sent after it began (§4.1.1.2). */
  #countRound(sample: AckSample): void {
    this.#roundStart = false;
    if (sample.deliveryRate === 0 && sample.delivered === 0) return;
    if (sample.priorDelivered < this.#roundEnd) return;
    this.#roundEnd = sample.totalDelivered;
    this.#round++;
    this.#roundStart = true;
    // What is measured with little in flight shows nothing, and must not push out what does.
    if (sample.appLimited || this.#mode === Mode.PROBE_RTT) return;
    this.#rateRound = (this.#rateRound + 1) % BANDWIDTH_ROUNDS;
    this.#rates[this.#rateRound] = 0;
  }

  #updateBandwidth(sample: AckSample): void {
    const rate = sample.deliveryRate;
    // A sender that had nothing to send shows less than there is (§4.1.1.3).
    if (rate > 0 && (rate >= this.#bandwidth || !sample.appLimited)) {
      const slot = this.#rateRound;
      if (rate > this.#rates[slot]!) this.#rates[slot] = rate;
    }
    let most = 0;
    for (let i = 0; i < BANDWIDTH_ROUNDS; i++) most = Math.max(most, this.#rates[i]!);
    if (most > 0) this.#bandwidth = most;
  }

  /** Has Startup filled the pipe (§4.3.2.1)? */
  #checkFull(sample: AckSample): void {
    if (this.#filled || !this.#roundStart || sample.appLimited) return;
    if (this.#bandwidth >= this.#fullBandwidth * FULL_GROWTH) {
      this.#fullBandwidth = this.#bandwidth;
      this.#fullRounds = 0;
    } else if (++this.#fullRounds >= FULL_ROUNDS) {
      this.#filled = true;
    }
  }

  #updateRtProp(sample: AckSample): void {
    const { now, rtt } = sample;
    this.#rtPropExpired = now > this.#rtPropAt + RT_PROP_WINDOW;
    if (rtt < 0 || (rtt > this.#rtProp && !this.#rtPropExpired)) return;
    this.#rtProp = rtt;
    this.#rtPropAt = now;
  }

  /** Moves between the modes (§4.3). */
  #advance(sample: AckSample): void {
    const { now, flight } = sample;
    if (this.#mode === Mode.STARTUP && this.#filled) {
      this.#enter(Mode.DRAIN, 1 / HIGH_GAIN, HIGH_GAIN);
    }
    if (this.#mode === Mode.DRAIN && flight <= this.#bdp(1)) this.#enterProbeBw(now);
    if (this.#mode === Mode.PROBE_BW && this.#cycleIsOver(sample)) {
      this.#cycle = (this.#cycle + 1) % CYCLE.length;
      this.#cycleAt = now;
      this.#pacingGain = CYCLE[this.#cycle]!;
    }
    this.#probeRtt(sample);
  }

  #enter(mode: Mode, pacingGain: number, cwndGain: number): void {
    this.#mode = mode;
    this.#pacingGain = pacingGain;
    this.#cwndGain = cwndGain;
  }

  /** Flows start at different phases of the cycle, by their clocks; never at the draining one. */
  #enterProbeBw(now: number): void {
    this.#cycle = 2 + Math.floor(now * 1000) % (CYCLE.length - 2);
    this.#cycleAt = now;
    this.#enter(Mode.PROBE_BW, CYCLE[this.#cycle]!, CWND_GAIN);
  }

  #cycleIsOver(sample: AckSample): boolean {
    const isLong = sample.now - this.#cycleAt > this.#rtProp;
    if (this.#pacingGain === 1) return isLong;
    if (this.#pacingGain > 1) {
      return isLong && (sample.lost > 0 || sample.priorFlight >= this.#bdp(this.#pacingGain));
    }
    return isLong || sample.priorFlight <= this.#bdp(1);
  }

  /** Every ten seconds without a new minimum the queue is drained for a moment (§4.3.5). */
  #probeRtt(sample: AckSample): void {
    const { now } = sample;
    if (this.#mode !== Mode.PROBE_RTT) {
      if (!this.#rtPropExpired) return;
      this.#priorCwnd = Math.max(this.#priorCwnd, this.cwnd);
      this.#enter(Mode.PROBE_RTT, 1, 1);
      this.#probeRttUntil = 0;
    }
    if (this.#probeRttUntil === 0) {
      if (sample.flight > this.#minimum) return;
      this.#probeRttUntil = now + PROBE_RTT_TIME;
      this.#probeRttRoundDone = false;
      this.#roundEnd = sample.totalDelivered;
      return;
    }
    if (this.#roundStart) this.#probeRttRoundDone = true;
    if (!this.#probeRttRoundDone || now < this.#probeRttUntil) return;
    this.#rtPropAt = now;
    this.cwnd = Math.max(this.cwnd, this.#priorCwnd);
    if (this.#filled) this.#enterProbeBw(now);
    else this.#enter(Mode.STARTUP, HIGH_GAIN, HIGH_GAIN);
  }

  /** Bytes that `gain` times the path holds (§4.2.3.2). */
  #bdp(gain: number): number {
    if (this.#rtProp === Infinity) return initialWindow(this.#mss);
    return gain * this.#bandwidth * this.#rtProp;
  }

  #setPacingRate(sample: AckSample): void {
    if (this.#bandwidth === 0) {
      // Before the first measurement: the initial window spread over a round trip (§4.2.1).
      const rtt = sample.srtt || 1;
      this.pacingRate = HIGH_GAIN * this.cwnd / rtt;
      return;
    }
    const rate = this.#pacingGain * this.#bandwidth * PACING_MARGIN;
    if (this.#filled || rate > this.pacingRate || this.pacingRate === Infinity) {
      this.pacingRate = rate;
    }
  }

  /** What is sent in one go, at the timer's resolution of some milliseconds. */
  get #quantum(): number {
    const perTurn = this.pacingRate === Infinity ? 0 : 2 * this.pacingRate;
    return Math.max(2 * this.#mss, Math.min(perTurn, 64 * 1024));
  }

  #setCwnd(sample: AckSample): void {
    const { delivered, flight, lost } = sample;
    if (lost > 0) this.cwnd = Math.max(this.cwnd - lost, this.#mss);
    if (this.#conserving && this.#roundStart && this.#round > this.#conservingUntil) {
      this.#conserving = false;
    }
    if (this.#conserving) {
      this.cwnd = Math.max(this.cwnd, flight + delivered); // §4.2.3.4
    } else {
      const target = this.#bdp(this.#cwndGain) + 3 * this.#quantum;
      if (this.#filled) this.cwnd = Math.min(this.cwnd + delivered, target);
      else if (this.cwnd < target || this.#delivered < initialWindow(this.#mss)) {
        this.cwnd += delivered;
      }
    }
    this.cwnd = Math.max(this.cwnd, this.#minimum);
    if (this.#mode === Mode.PROBE_RTT) this.cwnd = Math.min(this.cwnd, this.#minimum);
  }

  onLoss(flight: number, _now: number): void {
    this.#save();
    this.#wasInRecovery = true;
    this.#conserving = true;
    this.#conservingUntil = this.#round;
    this.cwnd = Math.max(flight, this.#minimum);
  }

  onTimeout(_flight: number, _now: number, first: boolean): void {
    if (first) this.#save();
    this.#wasInRecovery = true;
    this.#conserving = false;
    this.cwnd = this.#mss;
  }

  onRecovered(_now: number): void {
    this.#conserving = false;
    this.#wasInRecovery = false;
    this.cwnd = Math.max(this.cwnd, this.#priorCwnd);
  }

  undo(now: number): void {
    this.onRecovered(now);
  }

  /** After a pause it goes on at the estimated rate, without a burst (§4.3.4.4). */
  onIdle(_idle: number, _rto: number, _now: number): void {
    if (this.#mode === Mode.PROBE_BW && this.#bandwidth > 0) this.pacingRate = this.#bandwidth;
  }

  #save(): void {
    const isLow = this.#wasInRecovery || this.#mode === Mode.PROBE_RTT;
    this.#priorCwnd = isLow ? Math.max(this.#priorCwnd, this.cwnd) : this.cwnd;
  }
}
