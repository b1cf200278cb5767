/**
 * Stands in for `@std/fmt/colors` where JSR cannot be reached: what this project uses of it.
 *
 * @module
 */

let enabled = !Deno.noColor;

/** Switches colours on or off. Without a say they are on unless `NO_COLOR` is set. */
export function setColorEnabled(value: boolean): void {
  // NO_COLOR has the last word.
  if (!Deno.noColor) enabled = value;
}

/** Whether colours are on. */
export function getColorEnabled(): boolean {
  return enabled;
}

/** A function that wraps text into `ESC [ open m` … `ESC [ close m`, and opens again after a nested close. */
function style(open: number, close: number): (str: string) => string {
  const before = `\x1b[${open}m`;
  const after = `\x1b[${close}m`;
  return (str) => enabled ? before + str.replaceAll(after, before) + after : str;
}

/** Removes all styles and colours in front of the text and after it. */
export const reset: (str: string) => string = style(0, 0);
/** Bold text. */
export const bold: (str: string) => string = style(1, 22);
/** Dimmed text. */
export const dim: (str: string) => string = style(2, 22);
/** Italic text. */
export const italic: (str: string) => string = style(3, 23);
/** Underlined text. */
export const underline: (str: string) => string = style(4, 24);
/** Text with foreground and background changed over. */
export const inverse: (str: string) => string = style(7, 27);
/** Black text. */
export const black: (str: string) => string = style(30, 39);
/** Red text. */
export const red: (str: string) => string = style(31, 39);
/** Green text. */
export const green: (str: string) => string = style(32, 39);
/** Yellow text. */
export const yellow: (str: string) => string = style(33, 39);
/** Blue text. */
export const blue: (str: string) => string = style(34, 39);
/** Magenta text. */
export const magenta: (str: string) => string = style(35, 39);
/** Cyan text. */
export const cyan: (str: string) => string = style(36, 39);
/** White text. */
export const white: (str: string) => string = style(37, 39);
/** Gray text. */
export const gray: (str: string) => string = style(90, 39);
/** Bright red text. */
export const brightRed: (str: string) => string = style(91, 39);
/** Bright green text. */
export const brightGreen: (str: string) => string = style(92, 39);
/** Bright yellow text. */
export const brightYellow: (str: string) => string = style(93, 39);
/** Bright blue text. */
export const brightBlue: (str: string) => string = style(94, 39);
/** Bright magenta text. */
export const brightMagenta: (str: string) => string = style(95, 39);
/** Bright cyan text. */
export const brightCyan: (str: string) => string = style(96, 39);
