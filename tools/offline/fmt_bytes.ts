/**
 * Stands in for `@std/fmt/bytes` where JSR cannot be reached: what this project uses of it.
 *
 * @module
 */

/** How {@linkcode format} writes. */
export interface FormatOptions {
  /** Count bits, not bytes. */
  bits?: boolean;
  /** Steps of 1024 rather than 1000. */
  binary?: boolean;
  /** A plus sign in front of what is positive. */
  signed?: boolean;
  /** Digits after the point at least. Without either of the two there are three significant digits. */
  minimumFractionDigits?: number;
  /** Digits after the point at most. */
  maximumFractionDigits?: number;
}

const PREFIXES = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];

/**
 * Writes a number of bytes for people: `1337` becomes `1.34 kB`.
 *
 * @throws {TypeError} If `num` is not finite.
 */
export function format(num: number, options: FormatOptions = {}): string {
  if (!Number.isFinite(num)) {
    throw new TypeError(`Expected a finite number, got ${typeof num}: ${num}`);
  }
  const { bits, binary, signed, minimumFractionDigits, maximumFractionDigits } = options;
  const step = binary ? 1024 : 1000;
  let value = Math.abs(num);
  let power = 0;
  while (value >= step && power < PREFIXES.length - 1) {
    value /= step;
    power++;
  }
  const fraction = minimumFractionDigits || maximumFractionDigits;
  const digits = fraction
    ? value.toLocaleString(undefined, { minimumFractionDigits, maximumFractionDigits })
    : String(power === 0 && value < 1 ? value : Number(value.toPrecision(3)));
  const unit = power === 0
    ? (bits ? "b" : "B")
    : PREFIXES[power] + (binary ? "i" : "") + (bits ? "bit" : "B");
  const sign = num < 0 ? "-" : !signed ? "" : num === 0 ? " " : "+";
  return `${sign}${digits} ${unit}`;
}
