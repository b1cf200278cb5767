/** The TCP services, as `nc` and `socat` see them. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import { type Program, serveTest, STACK } from "../program.ts";
import { Running } from "../running.ts";
import { assertGivesBack, feedAll, readSome } from "../transfer.ts";

const MIB = 1024 * 1024;

/** Registers the tests. */
export function tcpTests(program: Program): void {
  const nc = { needs: ["nc", "curl"] };

  serveTest(program, "echo gives back a line while the connection is open", nc, async (ns) => {
    await using client = new Running(ns, "nc", ["-N", STACK, "7"]);
    await client.type("one\n");
    await client.waitFor("one\n");
    await client.type("two\n");
    await client.waitFor("one\ntwo\n");
    await client.closeInput();
    assertEquals((await client.end()).code, 0);
  });

  serveTest(program, "echo finishes what it was sent before a half-close", nc, async (ns) => {
    for (const stdin of ["", "x", "hello, world\n", "line\n".repeat(20_000)]) {
      assertEquals(await ns.check("nc", ["-N", STACK, "7"], { stdin }), stdin);
    }
  });

  serveTest(program, "100 MiB through the echo port come back as sent (nc)", nc, async (ns) => {
    await assertGivesBack((options) => ns.command("nc", ["-N", STACK, "7"], options), 100 * MIB);
  });

  serveTest(
    program,
    "100 MiB through the echo port come back as sent (socat)",
    { needs: ["socat"] },
    async (ns) => {
      const args = ["-t", "20", "-b", "131072", "-", `TCP:${STACK}:7`];
      await assertGivesBack((options) => ns.command("socat", args, options), 100 * MIB);
    },
  );

  serveTest(
    program,
    "echo moves data both ways at every MTU",
    { ...nc, args: ["--mtu", "600"] },
    async (ns) => {
      await assertGivesBack((options) => ns.command("nc", ["-N", STACK, "7"], options), 5 * MIB);
    },
  );

  serveTest(program, "discard takes 100 MiB, to the last byte", nc, async (ns, serving) => {
    await feedAll((options) => ns.command("nc", ["-N", STACK, "9"], options), 100 * MIB);
    const { tcpBytesReceived } = await serving.counters();
    const request = Number(tcpBytesReceived) - 100 * MIB;
    assert(request > 0 && request < 1000, `${tcpBytesReceived} bytes, HTTP's request included`);
  });

  serveTest(program, "chargen sends RFC 864's pattern without an end", nc, async (ns) => {
    const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("");
    const lines = Array.from(
      printable,
      (_, i) => `${(printable + printable).slice(i, i + 72)}\r\n`,
    );
    const pattern = new TextEncoder().encode(lines.join(""));
    // So that a piece can be compared whole, wherever in the pattern it begins.
    const cycle = new Uint8Array(pattern.length * 20);
    for (let at = 0; at < cycle.length; at += pattern.length) cycle.set(pattern, at);
    await readSome((options) => ns.command("nc", [STACK, "19"], options), 100e6, (chunk, at) => {
      const from = at % pattern.length;
      const wanted = cycle.subarray(from, from + chunk.length);
      assertEquals(wanted.length, chunk.length);
      assert(Buffer.compare(wanted, chunk) === 0, `byte ${at} and following are as they must be`);
    });
  });

  serveTest(program, "daytime says what time it is, and closes", nc, async (ns) => {
    const { stdout, code } = await ns.run("nc", ["-d", STACK, "13"]);
    assertEquals(code, 0);
    assertMatch(stdout, /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n$/);
    assert(Math.abs(Date.parse(stdout.trim()) - Date.now()) < 3000, `it is not ${stdout}`);
  });

  serveTest(program, "a closed port refuses at once", nc, async (ns) => {
    const start = performance.now();
    const { code, stderr } = await ns.run("nc", ["-v", "-w", "2", STACK, "99"]);
    const took = performance.now() - start;
    assertEquals(code, 1);
    assertStringIncludes(stderr, "Connection refused");
    assert(took < 1000, `it took ${took} ms`);
  });

  serveTest(
    program,
    "--accept-any echoes on every port, and leaves the services alone",
    { ...nc, args: ["--accept-any"] },
    async (ns) => {
      for (const port of [1, 99, 12345, 65535]) {
        assertEquals(await ns.check("nc", ["-N", STACK, `${port}`], { stdin: "hi\n" }), "hi\n");
      }
      assertMatch(await ns.check("nc", ["-d", STACK, "13"]), /GMT/);
    },
  );

  serveTest(
    program,
    "800 connections at once echo, and nothing is left",
    nc,
    async (ns, serving) => {
      const script = new URL("../inside/many_connections.ts", import.meta.url);
      const { code, stdout, stderr } = await ns.deno(script, [STACK, "7", "800"]);
      assertEquals(stderr, "");
      assertEquals(code, 0);
      assertEquals(stdout, "800 connections were open at once, 800 echoed\n");
      const { connections, tcpPassiveOpens, tcpResetsSent } = await serving.counters();
      assertEquals(tcpPassiveOpens, 801);
      assertEquals(tcpResetsSent, undefined);
      assertEquals(connections, { ESTABLISHED: 1 }, "only the one that asks");
    },
  );
}
