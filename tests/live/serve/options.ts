/** What the options of the command line do. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { liveTest, Namespace } from "../namespace.ts";
import { interfaces, type Program, serveTest, STACK, untilUp } from "../program.ts";
import { Running } from "../running.ts";

/** What a terminal takes for a colour. */
// deno-lint-ignore no-control-regex
const COLOUR = /\x1b\[/;

/** Registers the tests. */
export function optionTests(program: Program): void {
  const test = (name: string, needs: string[], fn: (ns: Namespace) => Promise<void>) =>
    liveTest(`serve (${program.name}): ${name}`, needs, async () => {
      await using ns = await Namespace.create();
      await fn(ns);
    });

  serveTest(
    program,
    "--address, --host-address, --mtu and --name are the interface's",
    {
      needs: ["nc"],
      args: [
        ...["--address", "192.0.2.7", "--host-address", "198.51.100.1"],
        ...["--mtu", "1280", "--name", "stack9"],
      ],
    },
    async (ns, serving) => {
      assertEquals(serving.name, "stack9");
      assertStringIncludes(serving.process.stdout, "curl http://192.0.2.7:8080/");
      const address = await ns.check("ip", ["-4", "address", "show", "dev", "stack9"]);
      assertStringIncludes(address, "inet 198.51.100.1 peer 192.0.2.7/32");
      assertMatch(address, /[<,]UP[,>].* mtu 1280 /);
      const options = { stdin: "hi\n" };
      assertEquals(await ns.check("nc", ["-N", "192.0.2.7", "7"], options), "hi\n");
    },
  );

  serveTest(
    program,
    "the host's end is in the network that --address tells, on each of two interfaces",
    {
      needs: ["nc"],
      args: [
        ...["serve", "--address", "192.0.2.7/24", "--address", "fd07::7/64"],
        ...["--and", "--address", "198.51.100.1/25"],
      ],
    },
    async (ns) => {
      const addresses = await ns.check("ip", ["address"]);
      assertStringIncludes(addresses, "inet 192.0.2.1 peer 192.0.2.7/32");
      assertStringIncludes(addresses, "inet6 fd07::1/64");
      assertStringIncludes(addresses, "inet 198.51.100.2 peer 198.51.100.1/32");
      for (const address of ["192.0.2.7", "fd07::7", "198.51.100.1"]) {
        assertEquals(await ns.check("nc", ["-N", address, "7"], { stdin: "hi\n" }), "hi\n");
      }
    },
  );

  serveTest(
    program,
    "--trace shows packets and changes of state, without colours in a file",
    { needs: ["nc", "ping", "socat"], args: ["serve", "--trace"] },
    async (ns, { process }) => {
      await ns.check("ping", ["-c", "1", "-s", "10", STACK]);
      await ns.check("nc", ["-N", STACK, "7"], { stdin: "hello\n" });
      await ns.check("socat", ["-t", "0.1", "-", `UDP:${STACK}:53`], { stdin: "four" });
      await process.waitFor(/LAST_ACK → CLOSED/);
      const lines = process.stdout.split("\n").map((line) => line.replace(/^ +\d+\.\d{6} /, ""));
      const peer = /^\* 10\.0\.0\.2:7 - (\S+) LISTEN → SYN_RECEIVED$/m.exec(lines.join("\n"))![1]!;
      const shown = lines.join("\n").replaceAll(peer, "PEER").replaceAll("10.0.0.2:7", "ECHO");
      for (
        const line of [
          /^< 10\.0\.0\.1 → 10\.0\.0\.2 ICMP echo id \d+ seq 1 len 10$/m,
          /^> 10\.0\.0\.2 → 10\.0\.0\.1 ICMP echo reply id \d+ seq 1 len 10$/m,
          /^< PEER → ECHO TCP SYN seq \d+ win \d+ len 0 <mss 1460.*>$/m,
          /^> ECHO → PEER TCP SYN,ACK seq \d+ ack 1 win 65535 len 0 <mss 1460.*>$/m,
          /^\* ECHO - PEER SYN_RECEIVED → ESTABLISHED$/m,
          /^< PEER → ECHO TCP .*ACK.* seq 1 ack 1 win \d+ len 6( <.*>)?$/m,
          /^> ECHO → PEER TCP .*ACK.* seq 1 ack [78] win \d+ len 6( <.*>)?$/m,
          /^< PEER → ECHO TCP .*FIN.* seq [17] ack \d win \d+ len [06]( <.*>)?$/m,
          /^\* ECHO - PEER ESTABLISHED → CLOSE_WAIT$/m,
          /^\* ECHO - PEER CLOSE_WAIT → LAST_ACK$/m,
          /^> ECHO → PEER TCP .*FIN.* seq [17] ack 8 win \d+ len [06]( <.*>)?$/m,
          /^\* ECHO - PEER LAST_ACK → CLOSED$/m,
          /^< 10\.0\.0\.1:\d+ → 10\.0\.0\.2:53 UDP len 4$/m,
          /^> 10\.0\.0\.2:53 → 10\.0\.0\.1:\d+ UDP len 4$/m,
        ]
      ) assertMatch(shown, line);
      assert(!COLOUR.test(process.stdout), "no colours where there is no terminal");
    },
  );

  serveTest(
    program,
    "--trace on TAP shows frames, ARP and Neighbor Discovery",
    { needs: ["ping"], args: ["--tap", "--trace"] },
    async (ns, { process }) => {
      await ns.check("ping", ["-c", "1", "-s", "10", STACK]);
      await ns.check("ping", ["-c", "1", "-s", "10", "fd00::2"]);
      const mac = "(?:[0-9a-f]{2}:){5}[0-9a-f]{2}";
      for (
        const line of [
          `< ${mac} → broadcast ARP who has 10\\.0\\.0\\.2\\? tell 10\\.0\\.0\\.1`,
          `> ${mac} → ${mac} ARP 10\\.0\\.0\\.2 is at ${mac}`,
          `< ${mac} → ${mac} 10\\.0\\.0\\.1 → 10\\.0\\.0\\.2 ICMP echo id \\d+ seq 1 len 10`,
          `< ${mac} → ${mac} \\S+ → \\S+ ICMPv6 neighbor solicitation: who has fd00::2\\? from ${mac}`,
          `> ${mac} → ${mac} fd00::2 → fd00::1 ICMPv6 echo reply id \\d+ seq 1 len 10`,
        ]
      ) assertMatch(process.stdout, new RegExp(`^ +\\d+\\.\\d{6} ${line}$`, "m"));
    },
  );

  serveTest(
    program,
    "--hex shows the bytes of packets too",
    { needs: ["socat"], args: ["--hex"] },
    async (ns, { process }) => {
      await ns.check("socat", ["-t", "0.1", "-", `UDP:${STACK}:7`], { stdin: "bytes of mine" });
      assertMatch(
        process.stdout,
        /UDP len 13\n +0000 {2}45 00 00 29 .*\n.*\n +0020 {2}.*of mine\n/,
      );
    },
  );

  test("--pcap writes what passed to a file, whole when it has ended", ["ping"], async (ns) => {
    const path = await Deno.makeTempFile({ suffix: ".pcap" });
    try {
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        await using serving = await program.serve(ns, "--pcap", path);
        await ns.check("ping", ["-c", "2", "-i", "0.2", "-s", "10", STACK]);
        await serving.stop(signal);
        assertEquals(pings(await Deno.readFile(path)), [8, 0, 8, 0], "echo, reply, echo, reply");
      }
    } finally {
      await Deno.remove(path);
    }
  });

  test("--quiet prints nothing", ["ping"], async (ns) => {
    await using process = await program.start(ns, ["--quiet", "--name", "silent0"]);
    await untilUp(ns, "silent0", process);
    await ns.check("ping", ["-c", "1", "-w", "5", STACK]);
    process.signal("SIGINT");
    assertEquals((await process.end()).code, 0);
    assertEquals(process.stdout + process.stderr, "");
    assertEquals(await interfaces(ns), ["lo"]);
  });

  test("--help fits a screen and --version is one line, without an interface", [], async (ns) => {
    for (const args of [["--help"], ["-h"], ["help"]]) {
      const { code, stdout } = await program.run(ns, args);
      assertEquals(code, 0);
      assertMatch(stdout, /Usage: tcpstack/);
      const lines = stdout.trimEnd().split("\n");
      assert(lines.length <= 24, `${lines.length} lines`);
      for (const line of lines) assert(line.length <= 100, line);
    }
    for (const args of [["--version"], ["-V"]]) {
      const { code, stdout } = await program.run(ns, args);
      assertEquals(code, 0);
      assertMatch(stdout, /^tcpstack \d+\.\d+\.\d+\n$/);
    }
  });

  test("a terminal has colours, and its Ctrl-C stops it", ["script", "ping"], async (ns) => {
    const commandLine = await program.commandLine(["--trace"]);
    const quoted = commandLine.map((word) => `'${word}'`).join(" ");
    for (const colours of [true, false]) {
      const env = { TERM: "xterm", NO_COLOR: colours ? "" : "1", SHELL: "/bin/sh" };
      const args = ["-qec", `exec ${quoted}`, "/dev/null"];
      await using terminal = new Running(ns, "script", args, { ...await program.env(), ...env });
      await terminal.waitFor("Ctrl-C stops.");
      await ns.check("ping", ["-c", "1", STACK]);
      await terminal.waitFor("echo reply");
      await terminal.type("\x03");
      assertEquals((await terminal.end()).code, 0);
      assertStringIncludes(terminal.stdout, "is gone");
      assertEquals(COLOUR.test(terminal.stdout), colours);
      assertEquals(await interfaces(ns), ["lo"]);
    }
  });
}

/** The ICMP types of the packets of ICMP in a capture file of IP packets. */
function pings(file: Uint8Array): number[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  assertEquals([view.getUint32(0), view.getUint32(20)], [0xa1b2c3d4, 101]);
  const types: number[] = [];
  let at = 24;
  for (; at < file.length; at += 16 + view.getUint32(at + 8)) {
    const isIcmp = view.getUint8(at + 16) === 0x45 && view.getUint8(at + 16 + 9) === 1;
    if (isIcmp) types.push(view.getUint8(at + 16 + 20));
  }
  assertEquals(at, file.length, "the last packet is whole");
  return types;
}
