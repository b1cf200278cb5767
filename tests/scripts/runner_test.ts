/**
 * The script runner itself: what must fail does, and says why.
 */

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { parseFile } from "./parser.ts";
import { run, versionsOf } from "./runner.ts";

/** Lines of a script that opens a connection, for what follows. */
const OPEN = `
+0   listen
+0   < S 0:0(0) win 65535 <mss 1460>
+0   > S. 0:0(0) ack 1 win 65535 <mss 1460>
+0   < . 1:1(0) ack 1 win 65535
+0   accept
`;

/** What the runner says against a script. */
function complaint(lines: string): string {
  const [script] = parseFile("test.pkt", `=== Test${OPEN}${lines}`);
  return assertThrows(() => run(script!), Error).message;
}

Deno.test("a script that does not hold fails with its line, what was expected and what was there", () => {
  const cases: [lines: string, expected: RegExp, actual: RegExp][] = [
    ["+0 state CLOSED", /state CLOSED/, /state ESTABLISHED/],
    ["+0 write 10\n+1 nothing", /nothing to be sent/, /P\. 1:11\(10\) ack 1/],
    ["+0 write 10", /nothing to be sent before the script ends/, /P\. 1:11\(10\) ack 1/],
    ["+0 > . 1:1(0) ack 1", /\. 1:1\(0\) ack 1 at 0\.000/, /nothing was sent/],
    ["+0 write 10\n+0 > P. 1:11(10) ack 2", /ack 2 at/, /ack 1 win/],
    ["+0 write 10\n+0 > P. 2:12(10) ack 1", /2:12\(10\)/, /1:11\(10\)/],
    ["+0 write 10\n+0 > . 1:11(10) ack 1", /expected: \. 1/, /actual: {3}P\. 1/],
    ["+0 write 10\n+0 > P. 1:11(10) ack 1 win 9", /win 9 /, /win 65535/],
    ["+0 write 10\n+0 > P. 1:11(10) ack 1 <mss 9>", /<mss 9>/, /urg 0 at/],
    ["+0 write 10\n+.1 > P. 1:11(10) ack 1", /at 0\.100/, /at 0\.000/],
    ["+0 write 10\n+0 c2 > P. 1:11(10) ack 1", /P\. 1:11/, /at 0\.000/],
    ["+0 < P. 1:11(10) ack 1\n+0 read 20 = 11\n", /bytes read: 11/, /bytes read: 10/],
    ["+0 count ipSent 9", /ipSent 9/, /ipSent 1/],
    ["+0 told closed", /told closed/, /told /],
    ["+0 dance", /something a script can do/, /"dance"/],
  ];
  for (const [lines, expected, actual] of cases) {
    const message = complaint(lines);
    assertMatch(message, /^test\.pkt:\d+ does not hold over IPv4/);
    assertMatch(/expected: .*/.exec(message)![0], expected);
    assertMatch(/actual: .*/.exec(message)![0], actual);
  }
});

Deno.test("a script that cannot be read fails with its line", () => {
  const cases: [lines: string, message: RegExp][] = [
    ["+0 listen", /test\.pkt:1: Expected "=== name/],
    ["=== A\nsoon listen", /test\.pkt:2: "soon" is not a time/],
    ["=== A\n\n+0 < S 0:5(0) win 1", /test\.pkt:3: The length in parentheses/],
    ["=== A\n+0 < S 0:0(0) ack 1", /"ack" stands with the flag/],
    ["=== A\n+0 < . 0:0(0)", /"ack" stands with the flag/],
    ["=== A\n+0 < X 0:0(0)", /Not a segment/],
    ["=== A\nuse B", /Nothing of this name/],
    ["=== A\nset msl soon", /Not a number/],
  ];
  for (const [source, message] of cases) {
    assertMatch(assertThrows(() => parseFile("test.pkt", source), Error).message, message);
  }
});

Deno.test("a script runs over both versions of IP, or over the one that it or its file names", () => {
  const cases: [source: string, versions: (4 | 6)[]][] = [
    ["=== A\n", [4, 6]],
    ["=== A\nonly ipv4\n", [4]],
    ["=== A\nonly ipv6\n", [6]],
    ["only ipv6\n=== A\n", [6]],
    ["=== define B\nonly ipv4\n=== A\nuse B\n", [4]],
  ];
  for (const [source, versions] of cases) {
    const [script] = parseFile("test.pkt", source);
    assertEquals(versionsOf(script!), versions, source);
  }
});

Deno.test("an error that ICMPv6 does not have cannot be sent over IPv6", () => {
  const lines = "=== Test\nonly ipv6\n+0 connect\n+0 > S 0:0(0) <mss 1460>\n";
  const [script] = parseFile("test.pkt", `${lines}+0 < icmp source_quench [0:0(0)]\n`);
  assertMatch(assertThrows(() => run(script!), Error).message, /over IPv6.*\n.*source_quench/);
});

Deno.test("a setting that does not exist is refused", () => {
  const [script] = parseFile("test.pkt", "=== Test\nset speed 9\n");
  assertMatch(assertThrows(() => run(script!), Error).message, /there is no setting "speed"/);
});
