/**
 * TCP options (RFC 9293 §3.2, RFC 7323, RFC 2018, RFC 7413).
 *
 * @module
 */

/** Option kinds. */
export const TCP_OPTION = {
  END: 0,
  NOP: 1,
  MSS: 2,
  WINDOW_SCALE: 3,
  SACK_PERMITTED: 4,
  SACK: 5,
  TIMESTAMPS: 8,
  FAST_OPEN: 34,
} as const;

/** Length of the MSS option, in bytes. */
export const MSS_OPTION_LENGTH = 4;

/** Largest shift that a window scale may ask for (RFC 7323 §2.3). */
export const MAX_WINDOW_SCALE = 14;

/** As many SACK blocks as fit into the 40 bytes that options may take (RFC 2018 §3). */
export const MAX_SACK_BLOCKS = 4;

/** Shortest and longest cookie of Fast Open, in bytes; there are even lengths only (RFC 7413 §2). */
export const MIN_FAST_OPEN_COOKIE = 4;
export const MAX_FAST_OPEN_COOKIE = 16;

/**
 * The options of one segment. Made once and filled again for each segment, so copy what outlives
 * it. Which options count on which segment (MSS on a SYN only, say) is TCP's business.
 */
export class TcpOptions {
  /** Largest segment that the sender takes, in bytes; 0 if absent. */
  mss = 0;
  /** Shift of the sender's window, 0 to 14 (more counts as 14, RFC 7323 §2.3); -1 if absent. */
  windowScale = -1;
  /** Whether the sender takes SACK. */
  sackPermitted = false;
  /** Whether the next two fields hold a timestamps option. */
  timestamps = false;
  /** TSval: the sender's clock. uint32. */
  timestampValue = 0;
  /** TSecr: the newest TSval that the sender has seen of ours. uint32. */
  timestampEcho = 0;
  /** How many SACK blocks there are, 0 to {@linkcode MAX_SACK_BLOCKS}. */
  sackBlocks = 0;
  /** Block `i` reaches from `sackEdges[2 * i]` to before `sackEdges[2 * i + 1]`. */
  readonly sackEdges: Uint32Array = new Uint32Array(2 * MAX_SACK_BLOCKS);
  /** Length of the Fast Open cookie, in bytes; 0 asks for one; -1 if there is no such option. */
  fastOpenLength = -1;
  /** The cookie, in front. */
  readonly fastOpenCookie: Uint8Array = new Uint8Array(MAX_FAST_OPEN_COOKIE);

  /**
   * Reads the options in `[at, end)`, from the end of the fixed header to the data offset.
   *
   * Takes anything (RFC 9293 §3.2, MUST-5 to 7 and MUST-68): an unknown option is skipped, a known
   * one of a wrong length too, and what cannot be skipped (a length below 2 or past the end) ends
   * the list. What came before it counts. The last one of a kind wins.
   */
  parse(view: DataView, at: number, end: number): void {
    this.clear();
    if (end - at === TIMESTAMPS_OPTION_LENGTH && view.getUint32(at) === TIMESTAMPS_HEAD) {
      this.timestamps = true; // as RFC 7323 appendix A has them, alone: most segments are so
      this.timestampValue = view.getUint32(at + 4);
      this.timestampEcho = view.getUint32(at + 8);
      return;
    }
    while (at < end) {
      const kind = view.getUint8(at);
      if (kind === TCP_OPTION.END) return;
      if (kind === TCP_OPTION.NOP) {
        at++;
        continue;
      }
      if (at + 1 >= end) return;
      const length = view.getUint8(at + 1);
      if (length < 2 || at + length > end) return;
      this.#take(kind, length, view, at + 2);
      at += length;
    }
  }

  /** Makes it what it is for a segment without options. */
  clear(): void {
    this.mss = 0;
    this.windowScale = -1;
    this.sackPermitted = false;
    this.timestamps = false;
    this.timestampValue = 0;
    this.timestampEcho = 0;
    this.sackBlocks = 0;
    this.fastOpenLength = -1;
  }

  #take(kind: number, length: number, view: DataView, at: number): void {
    switch (kind) {
      case TCP_OPTION.MSS:
        if (length === MSS_OPTION_LENGTH) this.mss = view.getUint16(at);
        break;
      case TCP_OPTION.WINDOW_SCALE:
        if (length === 3) this.windowScale = Math.min(view.getUint8(at), MAX_WINDOW_SCALE);
        break;
      case TCP_OPTION.SACK_PERMITTED:
        if (length === 2) this.sackPermitted = true;
        break;
      case TCP_OPTION.SACK:
        this.#takeSack(length - 2, view, at);
        break;
      case TCP_OPTION.TIMESTAMPS:
        if (length !== 10) break;
        this.timestamps = true;
        this.timestampValue = view.getUint32(at);
        this.timestampEcho = view.getUint32(at + 4);
        break;
      case TCP_OPTION.FAST_OPEN:
        this.#takeFastOpen(length - 2, view, at);
        break;
    }
  }

  /** A cookie of illegal length is none (RFC 7413 §4.1.1). */
  #takeFastOpen(bytes: number, view: DataView, at: number): void {
    const isCookie = bytes >= MIN_FAST_OPEN_COOKIE && bytes <= MAX_FAST_OPEN_COOKIE &&
      bytes % 2 === 0;
    if (bytes !== 0 && !isCookie) return;
    this.fastOpenLength = bytes;
    for (let i = 0; i < bytes; i++) this.fastOpenCookie[i] = view.getUint8(at + i);
  }

  #takeSack(bytes: number, view: DataView, at: number): void {
    const blocks = bytes >>> 3;
    if (blocks << 3 !== bytes || blocks > MAX_SACK_BLOCKS) return;
    this.sackBlocks = blocks;
    for (let i = 0; i < 2 * blocks; i++) this.sackEdges[i] = view.getUint32(at + 4 * i);
  }
}

/**
 * Writes an MSS option.
 *
 * @param mss The largest segment we take, in bytes.
 * @returns Bytes written.
 */
export function writeMss(view: DataView, at: number, mss: number): number {
  view.setUint8(at, TCP_OPTION.MSS);
  view.setUint8(at + 1, MSS_OPTION_LENGTH);
  view.setUint16(at + 2, mss);
  return MSS_OPTION_LENGTH;
}

/** Longest options of a header, in bytes (RFC 9293 §3.1). */
export const MAX_OPTIONS_LENGTH = 40;

/** Length of the timestamps option with the padding in front of it, in bytes. */
export const TIMESTAMPS_OPTION_LENGTH = 12;
/** What stands in front of the timestamps: two no-operations, kind and length. */
const TIMESTAMPS_HEAD = TCP_OPTION.NOP << 24 | TCP_OPTION.NOP << 16 | TCP_OPTION.TIMESTAMPS << 8 |
  10;

/** Writes a window scale option, with a no-operation in front (RFC 7323 §2.2): 4 bytes. */
export function writeWindowScale(view: DataView, at: number, shift: number): number {
  view.setUint8(at, TCP_OPTION.NOP);
  view.setUint8(at + 1, TCP_OPTION.WINDOW_SCALE);
  view.setUint8(at + 2, 3);
  view.setUint8(at + 3, shift);
  return 4;
}

/** Writes SACK-permitted (RFC 2018 §2), with two no-operations in front: 4 bytes. */
export function writeSackPermitted(view: DataView, at: number): number {
  view.setUint16(at, TCP_OPTION.NOP << 8 | TCP_OPTION.NOP);
  view.setUint8(at + 2, TCP_OPTION.SACK_PERMITTED);
  view.setUint8(at + 3, 2);
  return 4;
}

/** Writes timestamps, with two no-operations in front (RFC 7323 §3.2, appendix A): 12 bytes. */
export function writeTimestamps(view: DataView, at: number, value: number, echo: number): number {
  view.setUint32(at, TIMESTAMPS_HEAD);
  view.setUint32(at + 4, value);
  view.setUint32(at + 8, echo);
  return TIMESTAMPS_OPTION_LENGTH;
}

/**
 * Writes SACK blocks (RFC 2018 §3), with two no-operations in front.
 *
 * @param edges Block `i` is `edges[2i]` to `edges[2i + 1]`.
 * @returns Bytes written: 4 and 8 a block.
 */
export function writeSack(view: DataView, at: number, edges: Uint32Array, blocks: number): number {
  view.setUint16(at, TCP_OPTION.NOP << 8 | TCP_OPTION.NOP);
  view.setUint8(at + 2, TCP_OPTION.SACK);
  view.setUint8(at + 3, 2 + 8 * blocks);
  for (let i = 0; i < 2 * blocks; i++) view.setUint32(at + 4 + 4 * i, edges[i]!);
  return 4 + 8 * blocks;
}

/**
 * Writes a Fast Open option (RFC 7413 §4.1.1), and no-operations behind it.
 *
 * @param cookie Without bytes, it asks for one.
 * @returns Bytes written: a multiple of 4.
 */
export function writeFastOpen(view: DataView, at: number, cookie: Uint8Array): number {
  const length = 2 + cookie.length;
  const padded = (length + 3) & ~3;
  view.setUint8(at, TCP_OPTION.FAST_OPEN);
  view.setUint8(at + 1, length);
  for (let i = 0; i < cookie.length; i++) view.setUint8(at + 2 + i, cookie[i]!);
  for (let i = length; i < padded; i++) view.setUint8(at + i, TCP_OPTION.NOP);
  return padded;
}
