/**
 * What a request knows of a file already, and what follows from it (RFC 9110 §13).
 *
 * @module
 */

/** What tells one state of a file from another. */
export interface Validators {
  /** With its quotation marks. */
  readonly etag: string;
  /** In whole seconds, as milliseconds since 1970. */
  readonly modified: number;
}

/** Of a file with so many bytes that was last modified then, if that is known. */
export function validatorsOf(size: number, modified: Date | null): Validators {
  const time = modified?.getTime() ?? 0;
  return {
    etag: `"${size.toString(16)}-${time.toString(16)}"`,
    modified: Math.floor(time / 1000) * 1000,
  };
}

/**
 * Evaluates the preconditions of a GET or HEAD in their order (§13.2.2).
 *
 * @returns 412 if one fails, 304 if the client has what it asks for, else `undefined`.
 */
export function checkPreconditions(
  headers: Headers,
  validators: Validators,
): 304 | 412 | undefined {
  const { etag, modified } = validators;
  const match = headers.get("if-match");
  const unmodifiedSince = readDate(headers.get("if-unmodified-since"));
  if (match !== null) {
    if (!lists(match, etag)) return 412;
  } else if (unmodifiedSince !== undefined && modified > unmodifiedSince) return 412;
  const noneMatch = headers.get("if-none-match");
  const modifiedSince = readDate(headers.get("if-modified-since"));
  if (noneMatch !== null) {
    if (lists(noneMatch.replaceAll("W/", ""), etag)) return 304; // the weak comparison: §13.1.2
  } else if (modifiedSince !== undefined && modified <= modifiedSince) return 304;
}

/** Whether a `Range` counts: it does not where the file is another one by now (§13.1.5). */
export function isRangeValid(headers: Headers, { etag, modified }: Validators): boolean {
  const condition = headers.get("if-range");
  if (condition === null) return true;
  return condition.includes('"') ? condition.trim() === etag : readDate(condition) === modified;
}

function lists(header: string, etag: string): boolean {
  return header.trim() === "*" || header.split(",").some((text) => text.trim() === etag);
}

/** A date that can't be read counts for nothing (§13.1.3). */
function readDate(text: string | null): number | undefined {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? undefined : time;
}
