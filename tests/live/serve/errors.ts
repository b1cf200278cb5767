/** What goes wrong, how it is told, and with which exit code. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { liveTest, Namespace } from "../namespace.ts";
import { interfaces, type Program, serveTest } from "../program.ts";

/** Wrong command lines, and what is said about them. */
const USAGE: [args: string[], message: RegExp][] = [
  [["--adress", "10.0.0.2"], /Unknown option --adress/],
  [["-z"], /Unknown option -z/],
  [["server"], /Unknown command server/],
  [["serve", "now"], /Unexpected argument now/],
  [["--name"], /Option --name needs a value/],
  [["--address", "10.0.0"], /Option --address: .*"10\.0\.0"/],
  [["--address", "10.0.0.256"], /Option --address: .*"10\.0\.0\.256"/],
  [["--host-address", "fe80::1"], /fd00::2 and fe80::1.*have to be in one/],
  [["--address", "224.0.0.1"], /224\.0\.0\.1.*not the address of one host/],
  [["--address", "10.0.0.1"], /10\.0\.0\.1 for both ends/],
  [["--tap", "--address", "10.0.0.255/24"], /10\.0\.0\.255\/24: it is not the address of one host/],
  [["--address", "10.0.0.2", "--address", "10.0.0.2"], /10\.0\.0\.2 twice/],
  [["--mtu", "67"], /MTU of 67: it must be .* from 68 to 65535/],
  [["--mtu", "65536"], /MTU of 65536/],
  [["--mtu", "many"], /--mtu needs a number: got many/],
  [["--mtu", "-1500"], /-1500/],
  [["--name", "sixteen_letters_"], /at most 15 characters/],
  [["--name", "a/b"], /Cannot name an interface "a\/b"/],
];

/** Registers the tests. */
export function errorTests(program: Program): void {
  const test = (name: string, needs: string[], fn: (ns: Namespace) => Promise<void>) =>
    liveTest(`serve (${program.name}): ${name}`, needs, async () => {
      await using ns = await Namespace.create();
      await fn(ns);
    });

  /** Runs it, and checks that it fails with this code and one line about why. */
  async function assertFails(
    ns: Namespace,
    args: string[],
    code: 1 | 2,
    message: RegExp,
    through?: string[],
  ): Promise<void> {
    const before = await interfaces(ns);
    const outcome = await program.run(ns, args, through);
    const { stderr } = outcome;
    assertMatch(stderr, message);
    assertMatch(
      stderr,
      code === 2
        ? /^tcpstack: [^\n]+\nTry: tcpstack( serve)? --help\n$/
        : /^tcpstack: [^\n]+[^.]\n$/,
    );
    assertEquals(outcome.stdout, "");
    assertEquals(outcome.code, code, stderr);
    assertEquals(await interfaces(ns), before);
  }

  test("a capture file that can't be made ends with code 1", [], async (ns) => {
    const args = ["--pcap", "/nowhere/at/all.pcap"];
    await assertFails(ns, args, 1, /Cannot make the capture file \/nowhere\/at\/all\.pcap: /);
    const kernels = ["--pcap", "/proc/all.pcap"];
    await assertFails(ns, kernels, 1, /Cannot make .* \/proc\/all\.pcap: No such file/);
  });

  test("a command line that makes no sense ends with code 2", [], async (ns) => {
    await Promise.all(USAGE.map(([args, message]) => assertFails(ns, args, 2, message)));
  });

  test("a name that is taken ends it with code 1 and advice", [], async (ns) => {
    await ns.check("ip", ["tuntap", "add", "taken0", "mode", "tun"]);
    await assertFails(ns, ["--name", "taken0"], 1, /taken0.*choose another one or remove that one/);
    await assertFails(ns, ["--name", "lo"], 1, /lo.*choose another one/);
  });

  test(
    "addresses that another interface leads to end it with code 1 and advice",
    [],
    async (ns) => {
      await using serving = await program.serve(ns);
      const taken = /Cannot use 10\.0\.0\.2 on t..\d: this host's way to it is tun0.*choose other/;
      await assertFails(ns, [], 1, taken);
      await assertFails(ns, ["--tap"], 1, taken);
      await assertFails(ns, ["--address", "fd00::7"], 1, /Cannot use fd00::7 on tun1.* is tun0/);
      await assertFails(ns, ["--address", "10.0.0.1", "--host-address", "10.9.0.1"], 1, / is lo,/);
      await serving.stop();
    },
  );

  test("without the right to make interfaces it says so, with code 1", ["setpriv"], async (ns) => {
    const without = ["setpriv", "--bounding-set", "-net_admin", "--"];
    await assertFails(ns, [], 1, /EPERM.*run it with sudo.*CAP_NET_ADMIN/, without);
  });

  test("without /dev/net/tun it says so, with code 1", ["mount"], async (ns) => {
    const hide = 'mount -t tmpfs none /dev/net && exec "$@"';
    const without = ["unshare", "--mount", "sh", "-c", hide, "sh"];
    await assertFails(ns, [], 1, /open \/dev\/net\/tun \(ENOENT\).*modprobe tun/, without);
  });

  liveTest(
    `serve (${program.name}): an interface that is deleted ends it with code 1`,
    ["nc"],
    async () => {
      await using ns = await Namespace.create();
      await using serving = await program.serve(ns);
      await ns.check("ip", ["link", "delete", serving.name]);
      const { code, took } = await serving.process.end();
      assertEquals(code, 1);
      assert(took < 2000, `it took ${took} ms`);
      assertMatch(serving.process.stderr, /^tcpstack: Cannot read from tun0 .*vanished[^\n]*\n$/);
    },
  );

  serveTest(program, "two of them take an interface each", { needs: ["ping"] }, async (ns) => {
    const ends = ["--address", "10.9.0.2", "--host-address", "10.9.0.1"];
    await using other = await program.serve(ns, ...ends);
    assertEquals(await interfaces(ns), ["lo", "tun0", "tun1"]);
    for (const address of ["10.0.0.2", "10.9.0.2"]) {
      await ns.check("ping", ["-c", "1", "-w", "5", address]);
    }
    await other.stop();
    assertEquals(await interfaces(ns), ["lo", "tun0"]);
    await ns.check("ping", ["-c", "1", "-w", "5", "10.0.0.2"]);
  });
}
