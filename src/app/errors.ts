/**
 * Errors of the command line.
 *
 * @module
 */

/** The user asked for what cannot be: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** The command whose help tells more, if one was understood. */
  command: string | undefined;
}
