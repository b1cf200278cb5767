/**
 * What datagrams carry, and what a receiver learns from them: loss, order and jitter.
 *
 * @module
 */

/** Writes time and number at the front of a datagram: seconds, microseconds, 32 or 64 bits. */
export function writeHeader(view: DataView, now: number, count: number, is64Bit: boolean): void {
  const seconds = Math.floor(now / 1000);
  view.setUint32(0, seconds);
  view.setUint32(4, Math.floor((now - seconds * 1000) * 1000));
  if (is64Bit) {
    view.setUint32(8, Math.floor(count / 2 ** 32));
    view.setUint32(12, count >>> 0);
  } else {
    view.setUint32(8, count >>> 0);
  }
}

/** The length of the header. */
export function headerLength(is64Bit: boolean): number {
  return is64Bit ? 16 : 12;
}

/** Counts what arrives. Times in milliseconds. */
export class DatagramStats {
  /** The highest number so far: as many were sent. */
  packets = 0;
  /** Those that are missing of them. */
  lost = 0;
  /** Those that came behind a later one. */
  outOfOrder = 0;
  /** How much the time on the way varies, smoothed (RFC 3550 §6.4.1). */
  jitter = 0;
  #lastTransit: number | undefined;

  /** Takes the header of a datagram that has come at `now`; one cut off is not counted. */
  take(view: DataView, now: number, is64Bit: boolean): void {
    if (view.byteLength < headerLength(is64Bit)) return;
    const sentAt = view.getUint32(0) * 1000 + view.getUint32(4) / 1000;
    this.#number(is64Bit ? view.getUint32(8) * 2 ** 32 + view.getUint32(12) : view.getUint32(8));
    const transit = now - sentAt;
    if (this.#lastTransit !== undefined) {
      this.jitter += (Math.abs(transit - this.#lastTransit) - this.jitter) / 16;
    }
    this.#lastTransit = transit;
  }

  #number(count: number): void {
    if (count > this.packets) {
      this.lost += count - this.packets - 1;
      this.packets = count;
    } else {
      this.outOfOrder++;
      if (this.lost > 0) this.lost--; // it was taken for lost
    }
  }
}
