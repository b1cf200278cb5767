/**
 * Which part of a file a request asks for (RFC 9110 §14).
 *
 * @module
 */

/** Bytes of a file, from `start` up to, and without, `end`. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

/** More ranges than this are an attack (RFC 9110 §17.15): they are all left alone. */
const MAX_RANGES = 16;

/**
 * Reads a `Range` header.
 *
 * @param size Length of the file in bytes.
 * @returns The part; `undefined` for the whole file: for a header that is not understood, and for
 * several ranges too, which a server need not give one by one (§14.2); `null` if there is nothing
 * of what is asked for.
 */
export function readRange(header: string, size: number): Part | undefined | null {
  const [, list] = /^\s*bytes\s*=(.*)$/i.exec(header) ?? [];
  const texts = list?.split(",").map((text) => text.trim()).filter((text) => text !== "") ?? [];
  if (texts.length === 0 || texts.length > MAX_RANGES) return undefined;
  const parts: Part[] = [];
  for (const text of texts) {
    const part = readPart(text, size);
    if (part === undefined) return undefined;
    if (part.start < part.end) parts.push(part);
  }
  return parts.length === 0 ? null : parts.length > 1 ? undefined : parts[0];
}

/** A range, which may be empty; `undefined` if it is none. */
function readPart(text: string, size: number): Part | undefined {
  const [, first, last] = /^(\d*)-(\d*)$/.exec(text) ?? [];
  if (first === undefined || last === undefined || first + last === "") return undefined;
  if (first === "") return { start: Math.max(0, size - Number(last)), end: size };
  if (last === "") return { start: Number(first), end: size };
  if (Number(last) < Number(first)) return undefined;
  return { start: Number(first), end: Math.min(size, Number(last) + 1) };
}
