/**
 * Packetization-layer path MTU discovery (RFC 8899, and RFC 4821 for TCP): finds out what the path
 * carries from what arrives, where no router tells. A state machine, without segments and clocks;
 * `segment_size.ts` joins it with a connection.
 *
 * Sizes are of IP packets, in bytes. The timer PROBE_TIMER is not needed: TCP's own detection of
 * loss tells what becomes of a probe. Nor is CONFIRMATION_TIMER, as what TCP sends is acknowledged
 * (§5.1.1).
 *
 * @module
 */

/** How often a size is tried before it is taken for too large (§5.1.2). */
export const MAX_PROBES = 3;
/** How long a result holds before larger packets are tried, in milliseconds (§5.1.1). */
export const PMTU_RAISE_TIMER = 600_000;
/**
 * What is fallen back to when large packets vanish, in turn: BASE_PLPMTU, and MIN_PLPMTU (§5.1.2),
 * which for IPv4 is what every host takes. Only routers can tell us to send less.
 */
const FALLBACKS: Readonly<Record<4 | 6, readonly number[]>> = { 4: [1200, 576], 6: [1280] };
/** What most paths carry that do not carry more, in bytes: worth a try before any other size. */
const ETHERNET_MTU = 1500;
/** A search that has come this close is over, in bytes. */
const CLOSE_ENOUGH = 16;

/** Where the discovery is (§5.2). */
export const Phase = {
  /** Fallen back to a smaller size, and nothing has been acknowledged yet. */
  BASE: 0,
  /** Larger sizes are being tried. */
  SEARCHING: 1,
  /** A size is settled on. */
  SEARCH_COMPLETE: 2,
} as const;

/** One of the values of {@linkcode Phase}. */
export type Phase = typeof Phase[keyof typeof Phase];

/** The discovery of one connection. */
export class Plpmtud {
  phase: Phase;
  /** PLPMTU: what is sent. */
  size: number;
  /** The largest size that may still turn out to work; {@linkcode size} at least. */
  get most(): number {
    return this.#most;
  }
  #most: number;
  /** What is tried next. */
  #candidate: number;
  /** PROBE_COUNT: how often that was tried in vain. */
  #count = 0;
  /** PROBED_SIZE while a probe is out; else 0. */
  probed = 0;
  /** The sequence numbers of the probe. */
  probeStart = 0;
  probeEnd = 0;
  /**
   * The path has turned out to be smaller than segments in flight, which therefore are lost; they
   * are sent again when they are the first ones.
   */
  resendsLong = false;

  /** @param size What is known to work, or believed to; settled on until {@linkcode raise}. */
  constructor(size: number) {
    this.phase = Phase.SEARCH_COMPLETE;
    this.size = this.#most = this.#candidate = size;
  }

  /** The size to be tried now; 0 if there is none. */
  next(): number {
    return this.phase === Phase.SEARCHING && this.probed === 0 ? this.#candidate : 0;
  }

  /** A packet of {@linkcode next} bytes is being sent, with the numbers `[start, end)`. */
  sent(start: number, end: number): void {
    this.probed = this.#candidate;
    this.probeStart = start;
    this.probeEnd = end;
  }

  /** The probe has arrived. */
  succeeded(): void {
    this.size = this.probed;
    this.probed = 0;
    this.#next();
  }

  /** The probe has not arrived. After some more of them its size is taken for too large. */
  failed(): void {
    const { probed } = this;
    this.probed = 0;
    if (++this.#count < MAX_PROBES) return;
    this.#most = probed - 1;
    this.#next();
  }

  /** Goes on with what lies in the middle, or ends the search. */
  #next(): void {
    const { size } = this;
    this.#count = 0;
    if (this.#most - size < CLOSE_ENOUGH) this.phase = Phase.SEARCH_COMPLETE;
    else if (size < ETHERNET_MTU && this.#most > ETHERNET_MTU) this.#candidate = ETHERNET_MTU;
    else this.#candidate = (size + this.#most + 1) >> 1;
  }

  /** Begins to search up to `most`: PMTU_RAISE_TIMER has expired, or a fall-back has helped. */
  raise(most: number): void {
    this.#count = 0;
    this.#most = this.#candidate = Math.max(most, this.size); // most often all is well, and that is all there is to try
    this.phase = most > this.size ? Phase.SEARCHING : Phase.SEARCH_COMPLETE;
  }

  /** A router has told how much the path takes: it holds for what is sent, and for the search. */
  tooBig(mtu: number): void {
    if (mtu < this.size) {
      this.size = mtu;
      this.phase = Phase.SEARCH_COMPLETE;
    }
    this.probed = 0;
    this.#count = 0;
    this.#most = this.#candidate = Math.min(this.#most, mtu);
    if (this.#most <= this.size) this.phase = Phase.SEARCH_COMPLETE;
  }

  /**
   * Large packets seem to vanish (§4.3).
   *
   * @param size What is fallen back to: see {@linkcode smallerThan}.
   */
  fallBack(size: number): void {
    this.probed = 0;
    this.size = size;
    this.phase = Phase.BASE;
  }
}

/** What is fallen back to from packets of `length` bytes; 0: there is nothing smaller. */
export function smallerThan(length: number, family: 4 | 6): number {
  return FALLBACKS[family].find((size) => size < length) ?? 0;
}
