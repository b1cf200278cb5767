/** The HTTP service, as `curl` sees it. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { randomFillSync } from "node:crypto";
import { type Program, serveTest, SITE } from "../program.ts";
import { assertGivesBack } from "../transfer.ts";

/** Registers the tests. */
export function httpTests(program: Program): void {
  const options = { needs: ["curl"] };

  serveTest(program, "curl gets pages, and errors where there is none", options, async (ns) => {
    const curl = (...args: string[]) => ns.check("curl", ["-s", ...args]);
    const status = ["-o", "/dev/null", "-w", "%{http_code} %{content_type} %{size_download}"];
    const page = await curl(`${SITE}/`);
    assertMatch(page, /^Hello from 10\.0\.0\.2, /);
    assertMatch(await curl(...status, `${SITE}/`), /^200 text\/plain; charset=utf-8 [1-9]/);
    assertMatch(await curl(...status, `${SITE}/nowhere`), /^404 text\/plain/);
    assertMatch(await curl(...status, "-X", "DELETE", `${SITE}/`), /^405 /);
    assertMatch(await curl(...status, `${SITE}/counters`), /^200 application\/json /);

    const head = await curl("--head", `${SITE}/`);
    assertMatch(head, /^HTTP\/1\.1 200 OK\r\n/);
    assertMatch(head, /\r\nContent-Length: \d+\r\n/i);
    assertMatch(head, /\r\n\r\n$/);
  });

  serveTest(program, "curl posts 10 MB and gets them back", options, async (ns) => {
    const args = ["-s", "--fail", "--data-binary", "@-", `${SITE}/echo`];
    await assertGivesBack((options) => ns.command("curl", args, options), 10_000_000);
  });

  serveTest(
    program,
    "curl keeps its connection for the next request",
    options,
    async (ns, serving) => {
      const { stdout, stderr } = await ns.run("curl", [
        "-sv",
        `${SITE}/`,
        `${SITE}/nowhere`,
        `${SITE}/`,
      ]);
      assertMatch(stdout, /Hello[^]*Nothing is at \/nowhere[^]*Hello/);
      assertEquals(stderr.match(/Re-using existing connection/g)?.length, 2);
      assertEquals((await serving.counters()).tcpPassiveOpens, 2); // the other one asks for them
    },
  );

  serveTest(program, "20 curls at the same time all get their own", options, async (ns) => {
    await Promise.all(Array.from({ length: 20 }, async (_, index) => {
      const stdin = randomFillSync(new Uint8Array(5000 + index * 997)).toBase64();
      const args = ["-s", "--fail", "--data-binary", "@-", `${SITE}/echo`];
      assertEquals(await ns.check("curl", args, { stdin }), stdin);
    }));
    assertStringIncludes(await ns.check("curl", ["-s", `${SITE}/`]), "open connections: 1,");
  });
}
