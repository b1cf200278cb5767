/**
 * TCP options as scripts write them.
 *
 * @module
 */

/** What sequence numbers in SACK blocks are relative to. */
type Base = number;

/**
 * The bytes of options such as `mss 1460`, `nop`, `wscale 7`, `sackOK`, `TS val 1 ecr 0`,
 * `sack 1:1001 2001:3001`, `FO` (Fast Open) with or without a cookie, `eol`, and, for anything else, `raw 1e03ff`.
 *
 * @param clock What the stack's timestamps are relative to.
 * @throws {Error} If it is none of these.
 */
export function encodeOptions(
  words: readonly string[],
  base: Base,
  clock = 0,
): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  const u16 = (value: number) => bytes.push((value >>> 8) & 0xff, value & 0xff);
  const u32 = (value: number) => {
    u16(value >>> 16);
    u16(value & 0xffff);
  };
  for (const word of words) {
    const [name, ...rest] = word.split(/\s+/);
    switch (name) {
      case "eol":
        bytes.push(0);
        break;
      case "nop":
        bytes.push(1);
        break;
      case "mss":
        bytes.push(2, 4);
        u16(Number(rest[0]));
        break;
      case "wscale":
        bytes.push(3, 3, Number(rest[0]));
        break;
      case "sackOK":
        bytes.push(4, 2);
        break;
      case "sack":
        bytes.push(5, 2 + 8 * rest.length);
        for (const block of rest) {
          for (const edge of block.split(":")) u32((base + Number(edge)) >>> 0);
        }
        break;
      case "TS":
        bytes.push(8, 10);
        u32(Number(rest[1]));
        u32((clock + Number(rest[3])) >>> 0);
        break;
      case "FO":
        bytes.push(34, 2 + (rest[0] ?? "").length / 2, ...Uint8Array.fromHex(rest[0] ?? ""));
        break;
      case "raw":
        bytes.push(...Uint8Array.fromHex(rest.join("")));
        break;
      default:
        throw new Error(`Unknown option "${word}"`);
    }
  }
  return Uint8Array.from(bytes);
}

/** The words that {@linkcode encodeOptions} would take for these bytes. */
export function decodeOptions(bytes: Uint8Array, base: Base, clock = 0): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const kind = bytes[at]!;
    if (kind < 2) {
      words.push(kind === 0 ? "eol" : "nop");
      at++;
      continue;
    }
    const length = Math.max(2, bytes[at + 1] ?? 0);
    words.push(decodeOption(view, kind, length, at, base, clock));
    at += length;
  }
  return words;
}

function decodeOption(
  view: DataView,
  kind: number,
  length: number,
  at: number,
  base: Base,
  clock: number,
): string {
  if (kind === 2 && length === 4) return `mss ${view.getUint16(at + 2)}`;
  if (kind === 3 && length === 3) return `wscale ${view.getUint8(at + 2)}`;
  if (kind === 4 && length === 2) return "sackOK";
  if (kind === 8 && length === 10) {
    return `TS val ${(view.getUint32(at + 2) - clock) >>> 0} ecr ${view.getUint32(at + 6)}`;
  }
  if (kind === 34 && at + length <= view.byteLength) {
    const cookie = new Uint8Array(view.buffer, view.byteOffset + at + 2, length - 2);
    return `FO ${cookie.toHex()}`.trim();
  }
  if (kind === 5) {
    const blocks: string[] = ["sack"];
    for (let edge = at + 2; edge + 8 <= at + length; edge += 8) {
      const relative = (offset: number) => (view.getUint32(edge + offset) - base) >>> 0;
      blocks.push(`${relative(0)}:${relative(4)}`);
    }
    return blocks.join(" ");
  }
  const end = Math.min(at + length, view.byteLength);
  return `raw ${new Uint8Array(view.buffer, view.byteOffset + at, end - at).toHex()}`;
}
