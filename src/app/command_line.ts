/**
 * The words of a command line, by the options that a command has.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { UsageError } from "./errors.ts";

/** One option. */
export interface Option {
  /** One letter or digit that stands for it. */
  readonly short?: string;
  /** What its value is, in capitals; left out if it has none. */
  readonly value?: string;
  /** A few words for the help. */
  readonly help: string;
}

/** Options by their names, in the order of the help. */
export type OptionTable<Name extends string = string> = Readonly<Record<Name, Option>>;

/** What stands between the options of one interface and those of the next. */
const AND = "--and";

/** What somebody has typed. */
export class CommandLine<Name extends string = string> {
  /** What is no option. */
  readonly operands: readonly string[];
  /** The parts before, between and behind each `--and`: one at least. */
  readonly parts: readonly CommandLine<Name>[];
  #values: ReadonlyMap<string, readonly string[]>;

  /**
   * Use {@linkcode parseCommandLine}.
   *
   * @internal
   */
  constructor(
    operands: readonly string[],
    values: ReadonlyMap<string, readonly string[]>,
    parts?: readonly CommandLine<Name>[],
  ) {
    this.operands = operands;
    this.#values = values;
    this.parts = parts ?? [this];
  }

  /** Whether the option is there. */
  has(option: Name): boolean {
    return this.#values.has(option);
  }

  /** The values of the option, in order. */
  texts(option: Name): readonly string[] {
    return this.#values.get(option) ?? [];
  }

  /** The value of the option: the last one if there are several. */
  text(option: Name): string | undefined {
    return this.texts(option).at(-1);
  }

  /**
   * The value of the option as a whole number, 0 or more.
   *
   * @throws {UsageError} If it is none.
   */
  number(option: Name): number | undefined {
    return this.parse(option, (text) => {
      if (!/^\d+$/.test(text)) {
        throw new UsageError(`Option --${option} needs a number: got ${text}`);
      }
      return Number(text);
    });
  }

  /**
   * The value of the option, as `read` understands it.
   *
   * @throws {UsageError} If it does not; the message names the option.
   */
  parse<T>(option: Name, read: (text: string) => T): T | undefined {
    const text = this.text(option);
    return text === undefined ? undefined : parseValue(option, text, read);
  }

  /** As {@linkcode parse}, of each of the values. */
  parseAll<T>(option: Name, read: (text: string) => T): T[] {
    return this.texts(option).map((text) => parseValue(option, text, read));
  }
}

function parseValue<T>(option: string, text: string, read: (text: string) => T): T {
  try {
    return read(text);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`Option --${option}: ${(error as Error).message}`);
  }
}

/**
 * Reads a command line.
 *
 * @param skip How many of the words that are no options to leave out, from the first on.
 * @throws {UsageError} If there is an option that is not in the table, or one without its value,
 *   or with one that it doesn't take.
 */
export function parseCommandLine<Name extends string>(
  args: readonly string[],
  table: OptionTable<Name>,
  skip = 0,
): CommandLine<Name> {
  const parts = splitAt(args, AND).map((part) => parsePart(part, table));
  const all = new Map<string, string[]>();
  for (const part of parts) {
    for (const option of Object.keys(table) as Name[]) {
      if (part.has(option)) all.set(option, [...all.get(option) ?? [], ...part.texts(option)]);
    }
  }
  return new CommandLine(parts.flatMap(({ operands }) => operands).slice(skip), all, parts);
}

function parsePart<Name extends string>(
  args: readonly string[],
  table: OptionTable<Name>,
): CommandLine<Name> {
  const options = Object.entries<Option>(table);
  const withValue = options.filter(([, { value }]) => value !== undefined).map(([name]) => name);
  const flags = options.filter(([, { value }]) => value === undefined).map(([name]) => name);
  for (const arg of args) {
    if (arg === "--") break;
    const flag = /^--(.+?)=/.exec(arg)?.[1];
    if (flag !== undefined && flags.includes(flag)) {
      throw new UsageError(`Option --${flag} takes no value: got ${arg}`);
    }
  }
  const unknown: string[] = [];
  const found: Record<string, unknown> & { _: (string | number)[] } = parseArgs([...args], {
    boolean: flags,
    string: [...withValue, "_"],
    collect: withValue,
    alias: Object.fromEntries(options.flatMap(([name, { short }]) => short ? [[short, name]] : [])),
    unknown: (arg, key) => {
      if (key === undefined) return true;
      unknown.push(arg);
      return false;
    },
  });
  if (unknown.length > 0) throw new UsageError(`Unknown option ${unknown[0]}`);
  const values = new Map<string, string[]>();
  for (const flag of flags) if (found[flag] === true) values.set(flag, []);
  for (const option of withValue) {
    const texts = found[option] as string[] | undefined ?? [];
    if (texts.includes("")) throw new UsageError(`Option --${option} needs a value`);
    if (texts.length > 0) values.set(option, texts);
  }
  return new CommandLine(found._.map(String), values);
}

/** The words between those that are `separator`; behind a `--` there are no options any more. */
function splitAt(args: readonly string[], separator: string): string[][] {
  const parts: string[][] = [[]];
  let isOver = false;
  for (const arg of args) {
    isOver ||= arg === "--";
    if (arg === separator && !isOver) parts.push([]);
    else parts.at(-1)!.push(arg);
  }
  return parts;
}

/** The first word that is neither an option nor the value of one. */
export function firstOperand(args: readonly string[], table: OptionTable): string | undefined {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") return args[i + 1];
    if (!arg.startsWith("-") || arg === "-") return arg;
    if (takesNext(arg, table)) i++;
  }
}

function takesNext(arg: string, table: OptionTable): boolean {
  const last = arg.at(-1);
  const option = arg.startsWith("--")
    ? table[arg.slice(2)]
    : Object.values(table).find(({ short }) => short === last);
  return option?.value !== undefined;
}

/** A line of the help for each option. */
export function helpLines(table: OptionTable): string[] {
  const names = Object.entries(table).map(([name, { short, value }]) =>
    `${short === undefined ? "    " : `-${short}, `}--${name}${
      value === undefined ? "" : ` ${value}`
    }`
  );
  const width = Math.max(...names.map((name) => name.length));
  return Object.values(table).map(({ help }, i) => `  ${names[i]!.padEnd(width)}  ${help}`);
}
