import { assertEquals, assertMatch } from "@std/assert";
import { countLine, newTally, summaryLine } from "../../tools/run_tests.ts";

Deno.test("countLine() takes the summary and the skipped tests from the runner's output", () => {
  const cases: [lines: string[], summary: string, skipped: string[]][] = [
    [[], "0 passed, 0 failed", []],
    [["ok | 1 passed | 0 failed (11ms)"], "1 passed, 0 failed", []],
    [
      [
        "\x1b[31mFAILED\x1b[0m | 3 passed (2 steps) | 6 failed (1 step) | 1 ignored \x1b[38;5;245m(307ms)\x1b[0m",
      ],
      "3 passed, 6 failed, 1 skipped",
      [],
    ],
    [
      [
        "ping answers (skipped: no /dev/net/tun) ... \x1b[33mignored\x1b[0m \x1b[38;5;245m(0ms)\x1b[0m",
        "  a step ... ignored (0ms)",
        "it says ok | 9 passed | 9 failed",
        "ok | 2 passed | 0 failed | 1 ignored | 4 filtered out (1s)",
      ],
      "2 passed, 0 failed, 1 skipped",
      ["ping answers (skipped: no /dev/net/tun)"],
    ],
  ];
  for (const [lines, summary, skipped] of cases) {
    const tally = newTally();
    for (const line of lines) countLine(tally, line);
    assertEquals(summaryLine(tally), summary);
    assertEquals(tally.skippedNames, skipped);
  }
});

const RUNNER = new URL("../../tools/run_tests.ts", import.meta.url).pathname;

Deno.test("the test task ends with a plain line and the runner's exit code", async () => {
  const cases: [source: string, code: number, tail: RegExp][] = [
    [`Deno.test("fine", () => {});`, 0, /\n1 passed, 0 failed\n$/],
    [
      `Deno.test("fine", () => {}); Deno.test("bad", () => { throw new Error("no"); });`,
      1,
      /\n1 passed, 1 failed\n$/,
    ],
    [
      `Deno.test("fine", () => {}); Deno.test.ignore("it (skipped: no cable)", () => {});`,
      0,
      /\nSkipped:\n {2}it \(skipped: no cable\)\n1 passed, 0 failed, 1 skipped\n$/,
    ],
    [
      `Deno.test.ignore("it (skipped: no cable)", () => {});`,
      1,
      /\nNo test was executed\n0 passed, 0 failed, 1 skipped\n$/,
    ],
    [`throw new Error("while loading");`, 1, /\n0 passed, 1 failed\n$/],
    [`import "./missing.ts";`, 1, /^(.*\n)?No test was executed\n0 passed, 0 failed\n$/s],
  ];
  const folder = await Deno.makeTempDir();
  try {
    for (const [source, code, tail] of cases) {
      await Deno.writeTextFile(`${folder}/a_test.ts`, source);
      const output = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-config", RUNNER, "--no-config", "--no-check", "a_test.ts"],
        cwd: folder,
      }).output();
      assertMatch(new TextDecoder().decode(output.stdout), tail, source);
      assertEquals(output.code, code, source);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
