/**
 * Quantities as iperf3 reads and writes them: bytes in steps of 1024, rates in steps of 1000.
 *
 * @module
 */

const SUFFIXES = ["", "K", "M", "G", "T"] as const;

/**
 * Reads a number with a suffix.
 *
 * @param step 1024 for bytes, 1000 for rates.
 * @throws {TypeError} If it is none.
 */
export function parseQuantity(text: string, step: 1000 | 1024): number {
  const [, digits, suffix = ""] = /^(\d+(?:\.\d+)?)([kmgt]?)$/i.exec(text) ?? [];
  if (digits === undefined) {
    throw new TypeError(`"${text}" is no number such as 100, 64K, 2.5M or 1G`);
  }
  const power = SUFFIXES.indexOf(suffix.toUpperCase() as typeof SUFFIXES[number]);
  return Math.round(Number(digits) * step ** power);
}

/** `1.25 MBytes`: three digits, as far as they say something. */
export function formatBytes(bytes: number): string {
  return `${scaled(bytes, 1024)}Bytes`;
}

/** `10.5 Mbits/sec`. */
export function formatRate(bitsPerSecond: number): string {
  return `${scaled(bitsPerSecond, 1000)}bits/sec`;
}

function scaled(value: number, step: number): string {
  let power = 0;
  while (value >= step && power < SUFFIXES.length - 1) {
    value /= step;
    power++;
  }
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${SUFFIXES[power]}`;
}
