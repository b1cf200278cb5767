/**
 * Runs every script of frames.
 */

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { runFrames } from "./net_runner.ts";
import { parseFile, type Script } from "./parser.ts";

const FOLDER = "tests/scripts/net/";
const COMMON = "common.pkt";
const root = new URL("../../", import.meta.url);

function read(name: string): string {
  return Deno.readTextFileSync(new URL(`${FOLDER}${name}`, root));
}

const definitions = new Map<string, Script>();
parseFile(`${FOLDER}${COMMON}`, read(COMMON), definitions);
const names: string[] = [];

for (const { name: file } of [...Deno.readDirSync(new URL(FOLDER, root))]) {
  if (!file.endsWith(".pkt") || file === COMMON) continue;
  for (const script of parseFile(`${FOLDER}${file}`, read(file), definitions)) {
    names.push(script.name);
    Deno.test(`${file}: ${script.name}`, () => runFrames(script));
  }
}

Deno.test("no two scripts of frames have the same name", () => {
  assertEquals(names.filter((name, i) => names.indexOf(name) !== i), []);
});

Deno.test("a script of frames that does not hold fails with its line, what was expected and what was there", () => {
  const ASK = "+0 < [to all] arp request 10.0.0.2 tell 10.0.0.1\n";
  const cases: [lines: string, expected: RegExp, actual: RegExp][] = [
    [ASK, /nothing to be sent/, /arp reply 10\.0\.0\.2 at m2 tell 10\.0\.0\.1/],
    [`${ASK}+0 > arp reply 10.0.0.2 at m3 tell 10.0.0.1`, /at m3/, /at m2/],
    [`${ASK}+1 > arp reply 10.0.0.2 at m2 tell 10.0.0.1`, /at 1\.000/, /at 0\.000/],
    [`${ASK}+0 > [to all] arp reply 10.0.0.2 at m2 tell 10.0.0.1`, /to all/, /arp reply/],
    ["+0 > ip echo 1", /ip echo 1/, /nothing was sent/],
    ["+0 < arp question", /a frame/, /Expected "reply"/],
    ["+0 < ip echo 5 6", /a frame/, /"6" is nothing/],
    ["+0 < ip6 error protocol_unreachable", /a frame/, /no error "protocol_unreachable"/],
    ["+0 < S 0:0(0)", /a frame/, /a segment/],
    ["+0 got 5", /got 5/, /got /],
    ["+0 count ipSent 99", /ipSent 99/, /ipSent \d+/],
    ["+0 dance", /can do/, /"dance"/],
  ];
  for (const [lines, expected, actual] of cases) {
    const [script] = parseFile("test.pkt", `=== Test\n${lines}`);
    const { message } = assertThrows(() => runFrames(script!), Error);
    assertMatch(/expected: .*/.exec(message)![0], expected);
    assertMatch(/actual: .*/.exec(message)![0], actual);
  }
});
