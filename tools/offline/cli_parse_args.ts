/**
 * Stands in for `@std/cli/parse-args` where JSR cannot be reached: what this project uses of it.
 * Left out are dotted names, `stopEarly`, `--` as an option, and `boolean: true`.
 *
 * @module
 */

type List<T extends string> = T | readonly T[];

/** What the command line may hold. */
export interface ParseOptions<
  B extends string = string,
  S extends string = string,
  C extends string = string,
  N extends string = string,
  D extends Record<string, unknown> = Record<string, unknown>,
> {
  /** Options without a value. They are `false` when absent. */
  boolean?: List<B>;
  /** Options whose value stays text. `_` keeps the positional arguments from turning into numbers. */
  string?: List<S>;
  /** Options that may come several times. They give an array, empty when absent. */
  collect?: List<C>;
  /** Options for which `--no-name` means `false`. */
  negatable?: List<N>;
  /** Values of options that are absent. */
  default?: D;
  /** Other names of options. */
  alias?: Record<string, string | readonly string[]>;
  /**
   * Is called with every positional argument, and with every option that no other setting names. `false`
   * leaves it out of the result.
   */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

type Value<K, T, C, N, D> =
  | (K extends C ? T[] : T)
  | (K extends N ? false : never)
  | (K extends keyof D ? D[K] : never);

/** The options found, by name, and the positional arguments in `_`. */
export type Args<B extends string, S extends string, C extends string, N extends string, D> =
  & Record<string, unknown>
  & { [K in B]: Value<K, boolean, C, N, D> }
  & { [K in Extract<S, C | keyof D>]: Value<K, string, C, N, D> }
  & { [K in Exclude<S, C | keyof D | "_">]?: Value<K, string, C, N, D> }
  & { _: (string | number)[] };

function isNumber(text: string): boolean {
  return /^0x[0-9a-f]+$/i.test(text) || /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/.test(text);
}

/** Reads a command line: `args` without the program's name. */
export function parseArgs<
  B extends string = never,
  S extends string = never,
  C extends string = never,
  N extends string = never,
  D extends Record<string, unknown> = Record<never, never>,
>(args: string[], options: ParseOptions<B, S, C, N, D> = {}): Args<B, S, C, N, D> {
  const found: Record<string, unknown> & { _: (string | number)[] } = { _: [] };

  const namesOf = new Map<string, string[]>();
  for (const [name, aliases] of Object.entries(options.alias ?? {})) {
    const names = [name, ...[aliases].flat()];
    for (const each of names) namesOf.set(each, names);
  }
  const allNames = (name: string): string[] => namesOf.get(name) ?? [name];
  const set = (list: List<string> = []) => new Set([list].flat().flatMap(allNames));
  const booleans = set(options.boolean);
  const strings = set(options.string);
  const collected = set(options.collect);
  const negatable = set(options.negatable);

  function put(raw: string, name: string, value: string | boolean): void {
    const known = booleans.has(name) || strings.has(name) || namesOf.has(name);
    if (!known && options.unknown?.(raw, name, value) === false) return;
    const typed = typeof value === "string" && !strings.has(name) && isNumber(value)
      ? Number(value)
      : value;
    for (const each of allNames(name)) {
      if (!collected.has(each)) found[each] = typed;
      else if (Array.isArray(found[each])) found[each].push(typed);
      else found[each] = [typed];
    }
  }

  /** Puts an option that has no value of its own, and says whether it took the next argument. */
  function putWithNext(raw: string, name: string, next: string | undefined): boolean {
    const takes = booleans.has(name)
      ? next === "true" || next === "false"
      : next !== undefined && next !== "" && !next.startsWith("-");
    if (takes) put(raw, name, booleans.has(name) ? next === "true" : next!);
    else put(raw, name, strings.has(name) ? "" : true);
    return takes;
  }

  const end = args.indexOf("--");
  const beforeEnd = end < 0 ? args : args.slice(0, end);
  for (let i = 0; i < beforeEnd.length; i++) {
    const raw = beforeEnd[i]!;
    const next = beforeEnd[i + 1];
    if (raw.startsWith("--")) {
      const [, name, value] = /^--(.+?)(?:=(.+))?$/s.exec(raw)!;
      const negated = /^no-(.+)$/s.exec(name!)?.[1];
      if (value !== undefined) {
        put(raw, name!, booleans.has(name!) ? value !== "false" : value);
      } else if (negated !== undefined && negatable.has(negated)) {
        for (const each of allNames(negated)) found[each] = false;
      } else if (putWithNext(raw, name!, next)) i++;
    } else if (raw.startsWith("-") && raw.length > 1) {
      // `-abc` are three options; `-n5` and `-n=5` are one with a value.
      for (let at = 1; at < raw.length; at++) {
        const letter = raw[at]!;
        const rest = raw.slice(at + 1);
        if (rest === "") {
          if (putWithNext(raw, letter, next)) i++;
        } else if (/^=.|^\W|^-?\d/s.test(rest)) {
          put(raw, letter, rest.replace(/^=(?=.)/s, ""));
          break;
        } else {
          put(raw, letter, strings.has(letter) ? "" : true);
        }
      }
    } else if (options.unknown?.(raw) !== false) {
      found._.push(!strings.has("_") && isNumber(raw) ? Number(raw) : raw);
    }
  }
  if (end >= 0) found._.push(...args.slice(end + 1));

  for (const [name, value] of Object.entries(options.default ?? {})) {
    if (Object.hasOwn(found, name)) continue;
    for (const each of allNames(name)) found[each] = value;
  }
  for (const name of [...booleans, ...strings]) {
    if (name === "_" || Object.hasOwn(found, name)) continue;
    if (collected.has(name)) found[name] = [];
    else if (booleans.has(name)) found[name] = false;
  }
  return found as Args<B, S, C, N, D>;
}
