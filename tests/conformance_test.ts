/**
 * Holds the conformance table to the tests: no unknown id, no requirement without an answer,
 * and a document that is up to date.
 */

import { assertEquals } from "@std/assert";
import {
  collect,
  conformance,
  isMissing,
  markedTests,
  parseRequirements,
  render,
  written,
} from "../tools/conformance.ts";

/** How many requirements of each kind RFC 9293 has. */
const LISTED = { MUST: 69, SHLD: 31, MAY: 18, REC: 1 };

Deno.test("markedTests() finds the ids in names of tests and of packet scripts, and nowhere else", () => {
  const cases: [file: string, source: string, want: [name: string, ids: string[]][]][] = [
    ["a_test.ts", `Deno.test("[MUST-1] A", () => {});`, [["A", ["MUST-1"]]]],
    ["a_test.ts", `Deno.test(\n  "[MUST-1] A",\n  () => {},\n);`, [["A", ["MUST-1"]]]],
    ["a_test.ts", `Deno.test({ name: "[MAY-1] A" });`, [["A", ["MAY-1"]]]],
    ["a_test.ts", "test(`[REC-1] ${a}`, async () => {});", [["${a}", ["REC-1"]]]],
    ["a_test.ts", `Deno.test("[MUST-1, RFC6298-02] [SHLD-3] A \\" b", a);`, [[
      'A \\" b',
      ["MUST-1", "RFC6298-02", "SHLD-3"],
    ]]],
    ["a_test.ts", `pairTest(\n  "[MAY-1] A",\n  () => {},\n);`, [["A", ["MAY-1"]]]],
    ["a_test.ts", `Deno.test.ignore("[MUST-1] A", () => {});`, []],
    ["a_test.ts", `Deno.test("A", () => f("[MUST-1] B")); // [MUST-2]`, []],
    ["a.pkt", "=== [MUST-1] A (RFC 9293 §3.1)\n+0 listen\n", [["A (RFC 9293 §3.1)", ["MUST-1"]]]],
    ["a.pkt", "=== define [MUST-1]\n# [MUST-2]\n=== B [0]\n", []],
  ];
  for (const [file, source, want] of cases) {
    assertEquals(
      markedTests(file, source),
      want.map(([name, ids]) => ({ file, name, ids })),
      source,
    );
  }
});

Deno.test("the conformance table says of each requirement whether it is met, and by what", () => {
  const requirements = parseRequirements(
    "id\tlevel\tsection\tfeature\tone_line\n" +
      "MUST-1\tMUST\t3.1\tA\tfirst\nMUST-2\tMUST NOT\t3.2\tB\tsecond\nMAY-1\tMAY\t3.3\tC\tthird\n",
  );
  const tests = markedTests("tests/a.pkt", "=== [MUST-1] One | two\n=== [MUST-1] Three\n");
  const result = collect(
    [{ title: "All", requirements }],
    tests,
    new Map([["MUST-2", "for a reason"]]),
  );
  assertEquals(result.mistakes, []);
  const lines = render(result).split("\n");
  assertEquals(lines.filter((line) => /^\| (MUST|MAY|The)/.test(line)), [
    "| MUST, MUST NOT | 2 | 1 | 1 | 0 |",
    "| The others | 1 | 0 | 0 | 1 |",
    "| MUST-1 | MUST | 3.1 | A: first | met: a.pkt: One \\| two<br>a.pkt: Three |",
    "| MUST-2 | MUST NOT | 3.2 | B: second | not met: for a reason |",
    "| MAY-1 | MAY | 3.3 | C: third | **missing** |",
  ]);
});

Deno.test("marks and reasons that cannot be right are found", () => {
  const requirements = parseRequirements("id\nMUST-1\tMUST\t3.1\tA\tfirst\n");
  const cases: [title: string, reasons: [string, string][], want: string[]][] = [
    ["[MUST-2] A", [], ['a.pkt: "A" names MUST-2: no such id']],
    ["A", [["MUST-3", "none"]], ["docs/requirements/not_met.tsv names MUST-3: no such id"]],
    ["[MUST-1] A", [["MUST-1", "none"]], [
      "docs/requirements/not_met.tsv names MUST-1, which a test shows",
    ]],
  ];
  for (const [title, reasons, want] of cases) {
    const tests = markedTests("a.pkt", `=== ${title}\n`);
    const { mistakes } = collect([{ title: "All", requirements }], tests, new Map(reasons));
    assertEquals(mistakes, want);
  }
});

Deno.test("every requirement of RFC 9293 is listed", () => {
  const ids = conformance().sources[0]!.rows.map(({ requirement }) => requirement.id);
  const want = Object.entries(LISTED).flatMap(([kind, count]) =>
    Array.from({ length: count }, (_, i) => `${kind}-${i + 1}`)
  );
  assertEquals(ids, want);
});

Deno.test("no test and no reason names a requirement that does not exist", () => {
  assertEquals(conformance().mistakes, []);
});

Deno.test("no requirement is missing", () => {
  const rows = conformance().sources.flatMap(({ rows }) => rows);
  assertEquals(rows.filter(isMissing).map(({ requirement }) => requirement.id), []);
});

Deno.test("docs/conformance.md is what `deno task conformance` writes", () => {
  assertEquals(written(), render(conformance()));
});
