/**
 * Holds the adapters of tools/offline to the documented behaviour of what they stand in for. They are
 * imported by path: so this is the same test whether or not the real packages are at hand.
 */

import { deepStrictEqual as equal } from "node:assert/strict";
import * as offline from "../../tools/offline/assert.ts";
import * as bytes from "../../tools/offline/bytes.ts";
import { parseArgs, type ParseOptions } from "../../tools/offline/cli_parse_args.ts";
import { format, type FormatOptions } from "../../tools/offline/fmt_bytes.ts";
import * as colors from "../../tools/offline/fmt_colors.ts";
import config from "../../deno.json" with { type: "json" };
import map from "../../tools/offline/import_map.json" with { type: "json" };
import { tree } from "../modules.ts";

Deno.test("the offline map covers every name that a module imports", () => {
  const names = Object.keys(map.imports);
  const covered = (specifier: string) =>
    names.some((name) => name.endsWith("/") ? specifier.startsWith(name) : specifier === name);
  const missing: string[] = [];
  let seen = 0;
  for (const { path, imports } of tree()) {
    for (const specifier of imports) {
      if (/^(\.|node:)/.test(specifier)) continue;
      seen++;
      if (!covered(specifier)) missing.push(`${path} imports ${specifier}`);
    }
  }
  equal(missing, []);
  equal(seen > 0, true);
});

Deno.test("the offline map names the same npm packages as deno.json, and a file for the rest", () => {
  const online: Record<string, string> = config.imports;
  for (const [name, target] of Object.entries(map.imports)) {
    if (target.startsWith("npm:")) equal(target, online[name], name);
    else {
      equal(target.startsWith("./"), true, name);
      const url = new URL(`../../tools/offline/${target}`, import.meta.url);
      equal(Deno.statSync(url).isFile, true, name);
    }
  }
  for (const [name, target] of Object.entries(online)) {
    const stoodIn = Object.keys(map.imports).some((it) => it === name || it.startsWith(`${name}/`));
    equal(stoodIn, true, `${name} (${target}) has nothing to stand in for it`);
  }
});

/** Whether a call fails with an assertion error, in whose message all `words` are. */
function fails(call: () => unknown, ...words: string[]): boolean {
  try {
    call();
  } catch (error) {
    return error instanceof offline.AssertionError &&
      words.every((word) => error.message.includes(word));
  }
  return false;
}

Deno.test("the offline assertions pass and fail as the originals do", () => {
  const { assert, assertFalse, assertEquals, assertNotEquals, assertStrictEquals } = offline;
  const bad = new TypeError("Port is busy");
  const throws = () => {
    throw bad;
  };
  const cases: [name: string, call: () => unknown, passes: boolean][] = [
    ["assert true", () => assert(1), true],
    ["assert false", () => assert(0), false],
    ["assertFalse", () => assertFalse(""), true],
    ["assertFalse true", () => assertFalse("x"), false],
    ["equals NaN", () => assertEquals(NaN, NaN), true],
    ["equals nested", () => assertEquals({ a: [1, { b: 2n }] }, { a: [1, { b: 2n }] }), true],
    ["equals differs", () => assertEquals({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }), false],
    ["equals type", () => assertEquals<unknown>(1, "1"), false],
    ["equals undefined key", () => assertEquals<unknown>({ a: undefined }, {}), false],
    ["equals bytes", () => assertEquals(new Uint8Array([1, 2]), new Uint8Array([1, 2])), true],
    ["equals bytes differ", () => assertEquals(Uint8Array.of(1), Uint8Array.of(2)), false],
    ["equals array kinds", () => assertEquals<unknown>(Uint8Array.of(1), [1]), false],
    ["equals map", () => assertEquals(new Map([[1, [2]]]), new Map([[1, [2]]])), true],
    ["equals set", () => assertEquals(new Set([1, 2]), new Set([2, 1])), true],
    ["equals class", () => assertEquals<unknown>(new (class A {})(), new (class B {})()), false],
    ["not equals", () => assertNotEquals({ a: 1 }, { a: 2 }), true],
    ["not equals equal", () => assertNotEquals([1], [1]), false],
    ["strict NaN", () => assertStrictEquals(NaN, NaN), true],
    ["strict objects", () => assertStrictEquals({}, {}), false],
    ["not strict", () => offline.assertNotStrictEquals({}, {}), true],
    ["not strict same", () => offline.assertNotStrictEquals(1, 1), false],
    ["exists", () => offline.assertExists(0), true],
    ["exists null", () => offline.assertExists(null), false],
    ["greater", () => offline.assertGreater(2, 1), true],
    ["greater same", () => offline.assertGreater(1, 1), false],
    ["greater or equal", () => offline.assertGreaterOrEqual(1n, 1n), true],
    ["greater or equal less", () => offline.assertGreaterOrEqual(0, 1), false],
    ["less", () => offline.assertLess(1, 2), true],
    ["less same", () => offline.assertLess(1, 1), false],
    ["less or equal", () => offline.assertLessOrEqual(1, 1), true],
    ["less or equal more", () => offline.assertLessOrEqual(2, 1), false],
    ["almost, default", () => offline.assertAlmostEquals(1, 1 + 1e-8), true],
    ["almost, too far", () => offline.assertAlmostEquals(1, 1.001), false],
    ["almost, tolerance", () => offline.assertAlmostEquals(1, 1.09, 0.1), true],
    ["includes", () => offline.assertStringIncludes("abc", "bc"), true],
    ["includes not", () => offline.assertStringIncludes("abc", "x"), false],
    ["match", () => offline.assertMatch("abc", /b./), true],
    ["match not", () => offline.assertMatch("abc", /^b/), false],
    ["not match", () => offline.assertNotMatch("abc", /^b/), true],
    ["not match does", () => offline.assertNotMatch("abc", /b/), false],
    ["instance", () => offline.assertInstanceOf(bad, TypeError), true],
    ["instance not", () => offline.assertInstanceOf(bad, RangeError), false],
    ["is error", () => offline.assertIsError(bad, TypeError, /busy$/), true],
    ["is error, text", () => offline.assertIsError(bad, TypeError, "idle"), false],
    ["is no error", () => offline.assertIsError("text"), false],
    ["throws", () => offline.assertThrows(throws), true],
    ["throws class and text", () => offline.assertThrows(throws, TypeError, "busy"), true],
    ["throws subclass", () => offline.assertThrows(throws, Error), true],
    ["throws other class", () => offline.assertThrows(throws, RangeError), false],
    ["throws other text", () => offline.assertThrows(throws, TypeError, "idle"), false],
    ["throws not", () => offline.assertThrows(() => {}), false],
    ["fail", () => offline.fail(), false],
    ["unreachable", () => offline.unreachable(), false],
  ];
  for (const [name, call, passes] of cases) {
    if (passes) call();
    else equal(fails(call), true, name);
  }
  equal(offline.assertThrows(throws), bad);
  equal(fails(() => assertEquals(1, 2, "the count"), "not equal", "the count"), true);
});

Deno.test("the offline assertRejects() waits, and tells a rejection from a throw", async () => {
  const bad = new TypeError("Port is busy");
  const { assertRejects } = offline;
  equal(await assertRejects(() => Promise.reject(bad)), bad);
  equal(await assertRejects(() => Promise.reject(bad), TypeError, "busy"), bad);
  const failing: (() => Promise<unknown>)[] = [
    () => assertRejects(() => Promise.resolve(1)),
    () => assertRejects(() => Promise.reject(bad), RangeError),
    () => assertRejects(() => Promise.reject(bad), TypeError, "idle"),
    () =>
      assertRejects(() => {
        throw bad;
      }),
  ];
  for (const call of failing) {
    const error = await call().then(() => undefined, (error) => error);
    equal(error instanceof offline.AssertionError, true, String(call));
  }
});

Deno.test("the offline byte functions do what the originals document", () => {
  const of = (...list: number[]) => Uint8Array.from(list);
  equal(bytes.concat([of(1, 2), of(), of(3)]), of(1, 2, 3));
  equal(bytes.concat([]), of());
  equal(bytes.equals(of(1, 2), of(1, 2)), true);
  equal(bytes.equals(of(1, 2), of(1, 3)), false);
  equal(bytes.equals(of(1, 2), of(1, 2, 3)), false);
  equal(bytes.equals(of(0, 1, 2).subarray(1), of(1, 2)), true);
  const target = of(0, 0, 0, 0);
  equal(bytes.copy(of(1, 2, 3), target, 2), 2);
  equal(target, of(0, 0, 1, 2));
  equal(bytes.copy(of(9), target, 7), 0);
  equal(bytes.indexOfNeedle(of(0, 1, 2, 1, 2, 1), of(1, 2)), 1);
  equal(bytes.indexOfNeedle(of(0, 1, 2, 1, 2, 1), of(1, 2), 2), 3);
  equal(bytes.indexOfNeedle(of(0, 1, 2), of(3)), -1);
  equal(bytes.startsWith(of(0, 1, 2), of(0, 1)), true);
  equal(bytes.startsWith(of(0), of(0, 1)), false);
  equal(bytes.endsWith(of(0, 1, 2), of(1, 2)), true);
  equal(bytes.endsWith(of(2), of(1, 2)), false);
  equal(bytes.repeat(of(0, 1), 3), of(0, 1, 0, 1, 0, 1));
});

Deno.test("the offline format() writes bytes as the original documents", () => {
  const cases: [num: number, options: FormatOptions, want: string][] = [
    [0, {}, "0 B"],
    [0.4, {}, "0.4 B"],
    [1, {}, "1 B"],
    [100, {}, "100 B"],
    [999, {}, "999 B"],
    [1000, {}, "1 kB"],
    [1337, {}, "1.34 kB"],
    [1e6, {}, "1 MB"],
    [123_456_789, {}, "123 MB"],
    [1e16, {}, "10 PB"],
    [1e30, {}, "1000000 YB"],
    [1337, { bits: true }, "1.34 kbit"],
    [42, { bits: true }, "42 b"],
    [42, { signed: true }, "+42 B"],
    [-42, { signed: true }, "-42 B"],
    [-1337, {}, "-1.34 kB"],
    [0, { signed: true }, " 0 B"],
    [1024, { binary: true }, "1 kiB"],
    [1023, { binary: true }, "1020 B"],
    [1e6, { binary: true, bits: true }, "977 kibit"],
    [1900, { maximumFractionDigits: 1 }, "1.9 kB"],
    [1911, { maximumFractionDigits: 1 }, "1.9 kB"],
    [1900, { minimumFractionDigits: 3 }, "1.900 kB"],
  ];
  for (const [num, options, want] of cases) equal(format(num, options), want, `${num}`);
  offline.assertThrows(() => format(Infinity), TypeError);
});

Deno.test("the offline colours wrap text in the escape codes of ECMA-48, and take them off again", () => {
  const before = colors.getColorEnabled();
  colors.setColorEnabled(true);
  // NO_COLOR has the last word, here as in the original.
  const on = colors.getColorEnabled();
  equal(on, !Deno.noColor);
  const codes: [style: (text: string) => string, open: number, close: number][] = [
    [colors.reset, 0, 0],
    [colors.bold, 1, 22],
    [colors.dim, 2, 22],
    [colors.italic, 3, 23],
    [colors.underline, 4, 24],
    [colors.inverse, 7, 27],
    [colors.black, 30, 39],
    [colors.red, 31, 39],
    [colors.green, 32, 39],
    [colors.yellow, 33, 39],
    [colors.blue, 34, 39],
    [colors.magenta, 35, 39],
    [colors.cyan, 36, 39],
    [colors.white, 37, 39],
    [colors.gray, 90, 39],
    [colors.brightRed, 91, 39],
    [colors.brightGreen, 92, 39],
    [colors.brightYellow, 93, 39],
    [colors.brightBlue, 94, 39],
    [colors.brightMagenta, 95, 39],
    [colors.brightCyan, 96, 39],
  ];
  for (const [style, open, close] of codes) {
    equal(style("x"), on ? `\x1b[${open}mx\x1b[${close}m` : "x");
  }
  if (on) {
    const nested = colors.red(`a${colors.blue("b")}c`);
    equal(nested, "\x1b[31ma\x1b[34mb\x1b[31mc\x1b[39m");
  }
  colors.setColorEnabled(false);
  equal(colors.red("x"), "x");
  colors.setColorEnabled(before);
});

Deno.test("the offline parseArgs() reads command lines as the original documents", () => {
  const cases: [line: string, options: ParseOptions, want: Record<string, unknown>][] = [
    ["", {}, { _: [] }],
    ["a 7 b", {}, { _: ["a", 7, "b"] }],
    ["7", { string: "_" }, { _: ["7"] }],
    ["--foo --bar=baz ./quux.txt", {}, { foo: true, bar: "baz", _: ["./quux.txt"] }],
    ["--foo bar", {}, { foo: "bar", _: [] }],
    ["--foo 0x10 --bar 1.5", {}, { foo: 16, bar: 1.5, _: [] }],
    ["", { boolean: ["a"], string: ["b"], collect: "c" }, { a: false, _: [] }],
    ["--foo bar", { boolean: "foo" }, { foo: true, _: ["bar"] }],
    ["--foo=false", { boolean: "foo" }, { foo: false, _: [] }],
    ["--foo false", { boolean: "foo" }, { foo: false, _: [] }],
    ["--foo 7", { string: "foo" }, { foo: "7", _: [] }],
    ["--foo", { string: "foo" }, { foo: "", _: [] }],
    ["--foo --bar", { string: "foo", boolean: "bar" }, { foo: "", bar: true, _: [] }],
    ["--foo=a=b", { string: "foo" }, { foo: "a=b", _: [] }],
    ["--foo 1 --foo 2", { string: "foo" }, { foo: "2", _: [] }],
    ["--foo 1 --foo 2", { string: "foo", collect: "foo" }, { foo: ["1", "2"], _: [] }],
    ["", { string: "foo", collect: "foo" }, { foo: [], _: [] }],
    ["--no-foo", { boolean: "foo", negatable: "foo" }, { foo: false, _: [] }],
    ["--no-foo", {}, { "no-foo": true, _: [] }],
    ["", { boolean: "a", string: "b", default: { a: true, b: "x" } }, { a: true, b: "x", _: [] }],
    ["--b y", { string: "b", default: { b: "x" } }, { b: "y", _: [] }],
    ["-h", { boolean: "help", alias: { help: "h" } }, { h: true, help: true, _: [] }],
    ["-h", { boolean: "help", alias: { h: "help" } }, { h: true, help: true, _: [] }],
    ["", { boolean: "help", alias: { h: "help" } }, { h: false, help: false, _: [] }],
    ["-p 80 x", { string: "port", alias: { port: ["p"] } }, { p: "80", port: "80", _: ["x"] }],
    ["-abc", {}, { a: true, b: true, c: true, _: [] }],
    ["-x 3 -n5 -m=6", {}, { x: 3, n: 5, m: 6, _: [] }],
    ["-", {}, { _: ["-"] }],
    ["--a -- --b 7", { boolean: "a" }, { a: true, _: ["--b", "7"] }],
  ];
  for (const [line, options, want] of cases) {
    equal(parseArgs(line.split(" ").filter(Boolean), options), want, line);
  }
});

Deno.test("the offline parseArgs() asks about what no setting names", () => {
  const asked: unknown[][] = [];
  const args = parseArgs(["--foo", "--bar", "x", "-q", "word"], {
    boolean: ["foo"],
    unknown: (...given) => {
      asked.push(given);
      return false;
    },
  });
  equal(asked, [["--bar", "bar", "x"], ["-q", "q", "word"]]);
  equal(args, { foo: true, _: [] });
  equal(parseArgs(["x"], { unknown: () => false })._, []);
});
