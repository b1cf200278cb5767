/** The command line of iperf3. */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { helpText, readRequest } from "../../../src/app/commands.ts";
import { UsageError } from "../../../src/app/errors.ts";

const WRONG: [args: string, message: string][] = [
  ["", "Say either -s, to serve, or -c HOST, to measure with a server"],
  ["-s -c host", "Say either -s, to serve, or -c HOST, to measure with a server"],
  ["-s -P 4", "Option --parallel goes with -c HOST"],
  ["-s --bidir", "Option --bidir goes with -c HOST"],
  ["-c host -1", "Option --one-off goes with -s"],
  ["-c host -t 5 -n 1M", "Say either --time or --bytes"],
  ["-c host -n 5 -k 1M", "Say either --bytes or --blockcount"],
  ["-c host -R --bidir", "Say either -R or --bidir"],
  ["-c host -P 129", "Option --parallel needs a number from 1 to 128: got 129"],
  ["-c host -P x", 'Option --parallel: "x" is no number such as 100, 64K, 2.5M or 1G'],
  ["-c host -l 2M", "Option --length needs a number from 1 to 1048576: got 2097152"],
  ["-c host -u -l 8", "Option --length needs a number from 16 to 65507: got 8"],
  ["-c host -n 0", "Option --bytes needs a number from 1 to"],
  ["-c host -b fast", 'Option --bitrate: "fast" is no number'],
  ["-c host -i 0.01", "Option --interval needs 0.1 to 60 seconds, or 0 for none"],
  ["-c host -i x", "Option --interval"],
  ["-c host -p 65536", "Option --port needs a number from 1 to 65535: got 65536"],
  ["-c host -S 256", "Option --tos needs a number from 0 to 255: got 256"],
];

for (const [args, message] of WRONG) {
  Deno.test(`iperf3 ${args}: ${message}`, async () => {
    await assertRejects(
      async () => {
        const { command, line } = await readRequest(["iperf3", ...args.split(" ").filter(Boolean)]);
        await command.run(line);
      },
      UsageError,
      message,
    );
  });
}

Deno.test("-t is the time of iperf3, and the trace of serve", async () => {
  const { command, line } = await readRequest("iperf3 -c host -t 5 -4".split(" "));
  assertEquals(command.name, "iperf3");
  assertEquals(line.text("time"), "5");
  assertEquals(line.has("no-ipv6"), true);
  assertEquals((await readRequest(["-t"])).line.has("trace"), true);
});

Deno.test("iperf3 --help tells the options, and how to begin", async () => {
  const help = await helpText(await readRequest(["iperf3", "--help"]), "1.2.3");
  for (const text of ["-s, --server", "-c, --client HOST", "iperf3 -c 10.0.0.2"]) {
    assertStringIncludes(help, text);
  }
});
