/**
 * What a command of the program is.
 *
 * @module
 */

import type { CommandLine, OptionTable } from "./command_line.ts";
import type { InterfaceOption } from "./interface_options.ts";

/** A command, all of which work on interfaces of their own. */
export interface Command<Name extends string = string> {
  /** As it is typed. */
  readonly name: string;
  /** What it does, in a few words. */
  readonly summary: string;
  /** What it needs besides options: `HOST`; in brackets what may be left out. */
  readonly operands: readonly string[];
  /** Its own options; those of interfaces come in addition. */
  readonly options: OptionTable<Name>;
  /** Lines of help behind those of the options: examples above all. */
  readonly notes: readonly string[];

  /**
   * Does it.
   *
   * @returns The exit code.
   * @throws {UsageError} If the command line makes no sense: exit code 2.
   * @throws {Error} For everything else: exit code 1.
   */
  run(line: CommandLine<Name | InterfaceOption>): Promise<number>;
}
