/**
 * The bytes of a packet, for a person to read.
 *
 * @module
 */

/** The bytes `[at, end)`, sixteen a line, with what of them is text. */
export function* hexDump(bytes: Uint8Array, at: number, end: number): Generator<string> {
  for (let start = at; start < end; start += 16) {
    const row = Array.from(bytes.subarray(start, Math.min(start + 16, end)));
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")
      .join("");
    const offset = (start - at).toString(16).padStart(4, "0");
    yield `            ${offset}  ${hex.padEnd(47)}  ${text}`;
  }
}
