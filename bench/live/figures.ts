/**
 * The arithmetic of what is measured several times, and its tables in Markdown.
 *
 * @module
 */

/** The value in the middle, or between the two there; `NaN` of nothing. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A number with as many digits as say something: two at least, and all in front of the point. */
export function digits(value: number): string {
  const rounded = value.toFixed(value < 9.95 ? 1 : 0);
  return rounded.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `median (least–most)`; the median alone of one value. */
export function cell(values: readonly number[]): string {
  const middle = digits(median(values));
  if (values.length < 2) return middle;
  return `${middle} (${digits(Math.min(...values))}–${digits(Math.max(...values))})`;
}

/**
 * How many times as fast one is as another, by their medians: 0.5 is half as fast.
 *
 * @param lessIsFaster Whether the values are times, and not rates.
 */
export function speedRatio(
  own: readonly number[],
  other: readonly number[],
  lessIsFaster: boolean,
): number {
  const ratio = median(own) / median(other);
  return lessIsFaster ? 1 / ratio : ratio;
}

/**
 * What is to be reached, and whether it is: `≥ 0.5: yes`; nothing where nothing is to be.
 *
 * @param isMost Whether `goal` is the most that it may be, and not the least.
 */
export function reached(value: number, goal: number | undefined, isMost: boolean): string {
  if (goal === undefined) return "";
  const isReached = isMost ? value <= goal : value >= goal;
  return `${isMost ? "≤" : "≥"} ${goal.toLocaleString("en")}: ${isReached ? "yes" : "no"}`;
}

/** One row of a table in Markdown. */
export function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |\n`;
}

/** A table in Markdown, of its head and its rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map(row).join("");
}
