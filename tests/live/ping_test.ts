/** `tcpstack ping`, `traceroute` and `resolve`, with kernels for hosts and routers. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { liveTest, Namespace } from "./namespace.ts";
import { SOURCE } from "./program.ts";
import { Running } from "./running.ts";

const TIME = String.raw`\d+(\.\d+)? ms`;

const statistics = (sent: number, received: number, loss: string) =>
  new RegExp(
    `\n${sent} packets transmitted, ${received} received, ${loss} packet loss, time \\d+ms\n`,
  );

const LIMITS = ["/proc/sys/net/ipv4/icmp_ratelimit", "/proc/sys/net/ipv6/icmp/ratelimit"];

/**
 * Two namespaces in a row: the near one, where the stack's interface is, forwards to the far one,
 * 10.1.0.2 and fd01::2.
 */
async function chain(body: (near: Namespace, far: Namespace) => Promise<void>): Promise<void> {
  await using near = await Namespace.create();
  await using far = await Namespace.create();
  await near.check("sh", [
    "-ec",
    `
    echo 1 >/proc/sys/net/ipv4/ip_forward
    echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
    ip link add east type veth peer name west netns ${far.pid}
    ip address add 10.1.0.1/24 dev east
    ip address add fd01::1/64 dev east nodad
    ip link set east up
    ip route add unreachable 10.66.0.0/16
    ip route add prohibit 10.67.0.0/16
    ip route add blackhole 10.68.0.0/16
    ip route add 10.69.0.0/16 via 10.1.0.2 mtu lock 1000`,
  ]);
  await far.check("sh", [
    "-ec",
    `
    ip address add 10.1.0.2/24 dev west
    ip address add fd01::2/64 dev west nodad
    ip link set west up
    ip route add 10.0.0.0/24 via 10.1.0.1
    ip route add fd00::/64 via fd01::1`,
  ]);
  // Kernels send few errors to one host, and are slow to use a new link.
  for (const ns of [near, far]) {
    await ns.check("sh", ["-ec", "echo 0 | tee $1 $2", "sh", ...LIMITS]);
  }
  for (const host of ["10.1.0.2", "fd01::2"]) await near.check("ping", ["-c1", "-w10", host]);
  await body(near, far);
}

liveTest("ping: the host at the other end answers, at every size (TUN)", [], async () => {
  await using ns = await Namespace.create();
  const { code, stdout, stderr } = await SOURCE.run(ns, [
    "ping",
    "10.0.0.1",
    "-c",
    "3",
    "-i",
    "0.01",
  ]);
  assertEquals([stderr, code], ["", 0]);
  const [header, ...lines] = stdout.split("\n");
  assertEquals(header, "PING 10.0.0.1 (10.0.0.1) 56(84) bytes of data.");
  for (const sequence of [1, 2, 3]) {
    const line = `^64 bytes from 10\\.0\\.0\\.1: icmp_seq=${sequence} ttl=64 time=${TIME}$`;
    assertMatch(lines[sequence - 1]!, new RegExp(line));
  }
  assertMatch(stdout, statistics(3, 3, "0%"));
  assertMatch(stdout, /\nrtt min\/avg\/max\/mdev = (\d+\.\d{3}\/){3}\d+\.\d{3} ms\n$/);
  for (const [host, size, bytes] of [["10.0.0.1", 65507, 65515], ["fd00::1", 65527, 65535]]) {
    const { code, stdout } = await SOURCE.run(ns, ["ping", `${host}`, "-c1", "-s", `${size}`]);
    assertEquals(code, 0, stdout);
    assertMatch(stdout, new RegExp(`\n${bytes} bytes from ${host}: icmp_seq=1 ttl=64`));
  }
});

liveTest("ping: Ctrl-C prints what has become of the requests so far", [], async () => {
  await using ns = await Namespace.create();
  const [command, ...args] = await SOURCE.commandLine(["ping", "10.0.0.1", "-i", "0.01"]);
  await using ping = new Running(ns, command!, args);
  await ping.waitFor("icmp_seq=3 ");
  ping.signal("SIGINT");
  assertEquals((await ping.end()).code, 0);
  assertMatch(ping.stdout, /\n\d+ packets transmitted, \d+ received, [\d.]+% packet loss/);
  assertEquals(ping.stderr, "");
});

liveTest(
  "ping: routers' errors are told, and make no answer",
  ["ping"],
  () =>
    chain(async (near) => {
      const cases: [args: string[], line: RegExp | null][] = [
        [["10.66.0.1"], /From 10\.0\.0\.1 icmp_seq=1 Destination Host Unreachable/],
        [["10.67.0.1"], /From 10\.0\.0\.1 icmp_seq=1 Communication Administratively Prohibited/],
        [["-t", "1", "10.1.0.2"], /From 10\.0\.0\.1 icmp_seq=1 Time to live exceeded/],
        [["-t", "1", "fd01::2"], /From fd00::1 icmp_seq=1 Time to live exceeded/],
        [
          ["-M", "do", "-s", "1400", "10.69.0.1"],
          /From 10\.0\.0\.1 icmp_seq=1 Packet too big \(mtu = 1000\)/,
        ],
        [["10.68.0.1"], null],
      ];
      for (const [args, line] of cases) {
        const { code, stdout } = await SOURCE.run(near, ["ping", "-c", "1", "-W", "0.5", ...args]);
        assertEquals(code, 1, stdout);
        if (line !== null) assertMatch(stdout, line);
        const errors = line === null ? "" : " \\+1 errors,";
        assertMatch(
          stdout,
          new RegExp(`1 packets transmitted, 0 received,${errors} 100% packet loss`),
        );
      }
      const { code, stdout } = await SOURCE.run(near, ["ping", "-c", "2", "-i", "0", "10.1.0.2"]);
      assertEquals(code, 0, stdout);
      assertMatch(stdout, /64 bytes from 10\.1\.0\.2: icmp_seq=2 ttl=63/);
    }),
);

liveTest("ping: a command line that makes no sense ends with code 2", [], async () => {
  await using ns = await Namespace.create();
  const cases: [args: string[], message: RegExp][] = [
    [["ping"], /Missing argument HOST/],
    [["ping", "10.0.0.1", "10.0.0.2"], /Unexpected argument 10\.0\.0\.2/],
    [["ping", "10.0.0.1", "-c", "0"], /Option --count needs a number above 0/],
    [["ping", "10.0.0.1", "-i", "soon"], /Option --interval: expected seconds: got "soon"/],
    [["ping", "10.0.0.1", "-t", "256"], /Time to live must be an integer from 1 to 255: got 256/],
    [["ping", "10.0.0.1", "-s", "65508"], /carries 0 to 65507 bytes: got 65508/],
    [
      ["ping", "10.0.0.1", "-M", "perhaps"],
      /Option --fragment is do, for never, or dont: got perhaps/,
    ],
    [["ping", "10.0.0.1", "-4", "-6"], /Options -4 and -6 exclude each other/],
    [["ping", "there.test"], /To look up there\.test, name a server for names: --dns IP/],
    [["traceroute", "10.0.0.1", "-q", "11"], /Queries must be an integer from 1 to 10: got 11/],
    [["traceroute", "10.0.0.1", "-p", "65530"], /There are no 90 ports from 65530 on/],
    [["resolve", "there.test", "WKS"], /Unknown type WKS: it is one of A, AAAA/],
    [["resolve", "there.test", "MX"], /To look up there\.test, name a server/],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await SOURCE.run(ns, args);
    assertMatch(stderr, message);
    assertEquals([code, stdout.includes("from")], [2, false], args.join(" "));
  }
});

const WAYS = [
  [4, "10.1.0.2", ["10.0.0.1", "10.1.0.2"], 60],
  [6, "fd01::2", ["fd00::1", "fd01::2"], 80],
] as const;

for (const [family, host, hops, length] of WAYS) {
  const name = `traceroute: across two kernels, by UDP and by ICMP (IPv${family})`;
  liveTest(name, ["ping"], () =>
    chain(async (near) => {
      for (const method of [[], ["-I"]]) {
        const args = ["traceroute", "-n", ...method, host];
        const { code, stdout, stderr } = await SOURCE.run(near, args);
        assertEquals([stderr, code], ["", 0]);
        const [header, ...lines] = stdout.trimEnd().split("\n");
        const what = `${host} (${host}), 30 hops max, ${length} byte packets`;
        assertEquals(header, `traceroute to ${what}`);
        assertEquals(lines.length, 2, stdout);
        lines.forEach((line, i) => {
          assertMatch(line, new RegExp(`^ ${i + 1}  ${hops[i]}(  ${TIME}){3}$`));
        });
      }
    }));
}

liveTest(
  "traceroute: a way that ends, and one that says nothing",
  ["ping"],
  () =>
    chain(async (near) => {
      const trace = async (...args: string[]) => {
        const { code, stdout } = await SOURCE.run(near, ["traceroute", "-n", ...args]);
        assertEquals(code, 0);
        return stdout;
      };
      assertMatch(await trace("-q", "1", "10.66.0.1"), new RegExp(`\n 1  10.0.0.1  ${TIME} !H\n$`));
      const silent = await trace("-w", "0.2", "-m", "2", "10.68.0.1");
      assert(silent.endsWith("\n 1  * * *\n 2  * * *\n"), silent);
    }),
);

liveTest(
  "resolve, ping and traceroute: names are looked up at the server given",
  ["dnsmasq"],
  async () => {
    await using ns = await Namespace.create();
    await ns.check("ip", ["address", "add", "10.9.9.9/32", "dev", "lo"]);
    await using dnsmasq = new Running(ns, "dnsmasq", [
      "--keep-in-foreground",
      "--log-facility=-",
      "--user=root",
      "--no-resolv",
      "--no-hosts",
      "--no-daemon",
      "--listen-address=10.9.9.9",
      "--bind-interfaces",
      "--host-record=host.test,10.0.0.1,fd00::1",
      "--mx-host=host.test,mx.test,7",
    ]);
    while (!(await ns.check("ss", ["-lun"])).includes("10.9.9.9:53")) {
      assert(
        dnsmasq.isRunning,
        dnsmasq.stderr,
      );
    }
    const dns = ["--dns", "10.9.9.9"];
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await SOURCE.run(ns, [...args, ...dns]);
      assertEquals([stderr, code], ["", 0]);
      return stdout;
    };
    assertEquals(await run("resolve", "host.test"), "fd00::1\n10.0.0.1\n");
    assertEquals(await run("resolve", "10.0.0.1"), "host.test\n");
    assertMatch(await run("resolve", "host.test", "mx"), /^host\.test\. \d+ IN MX 7 mx\.test\.\n$/);
    assertMatch(
      await run("ping", "-4", "-c", "1", "host.test"),
      /\n64 bytes from host\.test \(10\.0\.0\.1\): icmp_seq=1/,
    );
    assertMatch(
      await run("ping", "-6", "-c", "1", "host.test"),
      /^PING host\.test \(fd00::1\) 56 data bytes\n/,
    );
    assertMatch(
      await run("traceroute", "-4", "host.test"),
      /\n 1 {2}host\.test \(10\.0\.0\.1\) {2}/,
    );
    const { code, stderr } = await SOURCE.run(ns, ["resolve", "nowhere.test", ...dns]);
    assertMatch(stderr, /^tcpstack: .*nowhere\.test/);
    assertEquals(code, 1);
  },
);
