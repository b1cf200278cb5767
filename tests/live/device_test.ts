/**
 * The devices against the real kernel: packets of the kernel's own `ping` pass both ways through
 * the whole of `ffi/`, without the stack.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { READER_KINDS, type ReaderKind } from "../../ffi/reader_kind.ts";
import type { Compiled } from "../ffi/cc.ts";
import { compileDarwin } from "./darwin.ts";
import { denoArgs, liveTest, Namespace } from "./namespace.ts";

const ECHO_PINGS = new URL("./echo_pings.ts", import.meta.url);

/** `echo_pings.ts`, running in a namespace. */
class Echo implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #text = "";

  static async start(ns: Namespace, ...args: string[]): Promise<Echo> {
    const child = ns.command(Deno.execPath(), [...await denoArgs(ECHO_PINGS), ...args], {
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    return new Echo(child);
  }

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next line of its output. */
  async line(): Promise<Record<string, unknown>> {
    while (!this.#text.includes("\n")) {
      const { value } = await this.#lines.read();
      if (value === undefined) throw new Error("It ended before it printed a line");
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return JSON.parse(line);
  }

  /** Closes the device. Returns its counters and the milliseconds until the process was gone. */
  async end(): Promise<{ counters: Record<string, unknown>; took: number }> {
    const start = performance.now();
    await this.#child.stdin.close();
    const counters = await this.line();
    assertEquals((await this.#child.status).code, 0);
    return { counters, took: performance.now() - start };
  }

  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#child.stdin.close().catch(() => {});
    await this.#lines.cancel();
    await this.#child.status;
  }
}

const MAC = "02:00:00:00:00:05";

type Kind = "tun" | "tap" | "utun";

/** Starts an {@linkcode Echo} with or without the library that stands in for Darwin's. */
async function start(
  ns: Namespace,
  kind: Kind,
  mtu: number,
  reader: ReaderKind,
  darwin?: Compiled,
): Promise<Echo> {
  const library = darwin === undefined ? [] : [darwin.path];
  return await Echo.start(ns, kind, `${mtu}`, reader, ...library);
}

async function darwinLibrary(kind: Kind): Promise<Compiled | undefined> {
  return kind === "utun" ? await compileDarwin() : undefined;
}

/** Tells a kernel which hardware address the pinged addresses have. */
async function introduce(ns: Namespace, name: string): Promise<void> {
  for (const address of ["10.0.0.2", "fd00::2"]) {
    await ns.check("ip", ["neigh", "replace", address, "lladdr", MAC, "dev", name]);
  }
}

/** Registers a live test for each kind of reader. */
function readerTest(
  name: string,
  programs: string[],
  fn: (reader: ReaderKind) => Promise<void>,
): void {
  for (const reader of READER_KINDS) {
    liveTest(`${name} (${reader} reader)`, programs, () => fn(reader));
  }
}

for (const kind of ["tun", "tap", "utun"] as const) {
  const name = kind === "utun" ? "utun7" : "stack0";
  const needs = kind === "utun" ? ["ping", "cc"] : ["ping"];
  const inet = kind === "tap"
    ? "inet 10.0.0.1/24 brd 10.0.0.255"
    : "inet 10.0.0.1 peer 10.0.0.2/32";

  readerTest(
    `${kind}: the kernel's pings pass both ways, at every size`,
    needs,
    async (reader) => {
      await using darwin = await darwinLibrary(kind);
      await using ns = await Namespace.create();
      await using echo = await start(ns, kind, 1500, reader, darwin);
      assertEquals(await echo.line(), { name, mtu: 1500 });

      const address = await ns.check("ip", ["-4", "address", "show", "dev", name]);
      assertStringIncludes(address, inet);
      assertMatch(address, /mtu 1500/);
      assertMatch(address, /[<,]UP[,>]/);
      if (kind === "tap") await introduce(ns, name);

      // 1472 bytes fill a packet; 0 bytes leave the headers alone.
      for (const size of [0, 56, 1472]) {
        const text = await ns.check("ping", pingArgs(5, size));
        assertMatch(text, /5 packets transmitted, 5 received, 0% packet loss/);
      }
      const flood = await ns.check("ping", ["-f", "-c", "3000", "-w", "20", "10.0.0.2"]);
      assertMatch(flood, /3000 received, 0% packet loss/);

      // The address is there at once, and the header is 20 bytes longer.
      for (const size of [0, 56, 1452]) {
        const text = await ns.check("ping", pingArgs(5, size, "fd00::2"));
        assertMatch(text, /5 packets transmitted, 5 received, 0% packet loss/);
      }

      const { counters, took } = await echo.end();
      assertEquals(counters.answered, 3030);
      assertEquals(counters.deviceSent, 3030);
      assertEquals(counters.failure, undefined);
      assert(took < 1000, `closing took ${took} ms`);
      const links = await ns.check("ip", ["link"]);
      assert(!links.includes(name), `${name} is gone once its device is closed`);
    },
  );

  readerTest(
    `${kind}: an MTU of 9000 lets larger packets pass`,
    needs,
    async (reader) => {
      await using darwin = await darwinLibrary(kind);
      await using ns = await Namespace.create();
      await using echo = await start(ns, kind, 9000, reader, darwin);
      assertEquals(await echo.line(), { name, mtu: 9000 });
      if (kind === "tap") await introduce(ns, name);
      const text = await ns.check("ping", pingArgs(5, 8972));
      assertMatch(text, /5 received, 0% packet loss/);
      await echo.end();
    },
  );

  readerTest(
    `${kind}: an interface that is deleted ends the device with an error`,
    needs,
    async (reader) => {
      await using darwin = await darwinLibrary(kind);
      await using ns = await Namespace.create();
      await using echo = await start(ns, kind, 1500, reader, darwin);
      await echo.line();
      await ns.check("ip", ["link", "delete", name]);
      const { failure } = await echo.line();
      assertMatch(`${failure}`, new RegExp(`Cannot read from ${name}.*the interface has vanished`));
      assertEquals((await echo.status).code, 0);
    },
  );
}

readerTest("tun: an interface may go down and come up again", ["ping"], async (reader) => {
  await using ns = await Namespace.create();
  await using echo = await start(ns, "tun", 1500, reader);
  await echo.line();
  await ns.check("ip", ["link", "set", "stack0", "down"]);
  await ns.check("ip", ["link", "set", "stack0", "up"]);
  await ns.check("ip", ["route", "replace", "10.0.0.2", "dev", "stack0"]);
  assertMatch(await ns.check("ping", pingArgs(3, 56)), /3 received, 0% packet loss/);
  await echo.end();
});

liveTest("tun: a name that is taken is refused with advice", [], async () => {
  await using ns = await Namespace.create();
  await ns.check("ip", ["tuntap", "add", "stack0", "mode", "tun"]);
  const { code, stderr } = await ns.deno(ECHO_PINGS, ["tun", "1500", "posting"]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "AddrInUse: Cannot create the interface stack0 (EBUSY): ");
  assertStringIncludes(stderr, "an interface has this name already; choose another one");
});

/** The hardware address of an interface. */
async function macOf(ns: Namespace, name: string): Promise<string> {
  const [link] = JSON.parse(await ns.check("ip", ["-json", "link", "show", "dev", name]));
  return link.address;
}

/** Two namespaces, `near` with eth0 and `far` with eth1, joined; the addresses end in 9 and 1. */
async function cable(near: Namespace, far: Namespace): Promise<void> {
  const peer = ["type", "veth", "peer", "name", "eth1", "netns", `${far.pid}`];
  await near.check("ip", ["link", "add", "eth0", ...peer]);
  for (const [ns, name, host] of [[near, "eth0", 9], [far, "eth1", 1]] as const) {
    await ns.check("ip", ["address", "add", `10.0.0.${host}/24`, "dev", name]);
    await ns.check("ip", ["address", "add", `fd00::${host}/64`, "dev", name, "nodad"]);
    await ns.check("ip", ["link", "set", name, "up"]);
  }
  await introduce(far, "eth1");
}

readerTest(
  "packet socket: another host's pings pass both ways, beside the kernel's",
  ["ping"],
  async (reader) => {
    await using near = await Namespace.create();
    await using far = await Namespace.create();
    await cable(near, far);
    await using echo = await Echo.start(near, "packet", "eth0", reader);
    assertEquals(await echo.line(), { name: "eth0", mtu: 1500 });
    for (const [size, size6] of [[0, 0], [56, 56], [1472, 1452]] as const) {
      assertMatch(await far.check("ping", pingArgs(5, size)), /5 received, 0% packet loss/);
      const text = await far.check("ping", pingArgs(5, size6, "fd00::2"));
      assertMatch(text, /5 received, 0% packet loss/);
    }
    const flood = await far.check("ping", ["-f", "-c", "3000", "-w", "20", "10.0.0.2"]);
    assertMatch(flood, /3000 received, 0% packet loss/);
    // The kernel goes on as before, on the same interface.
    assertMatch(await far.check("ping", pingArgs(5, 56, "10.0.0.9")), /5 received, 0% packet loss/);
    assertMatch(
      await near.check("ping", pingArgs(5, 56, "10.0.0.1")),
      /5 received, 0% packet loss/,
    );

    const { counters } = await echo.end();
    assertEquals(counters.answered, 3030);
    const own = await macOf(near, "eth0");
    const senders = new Set(
      (counters.others as string[]).map((frame) => frame.slice(0, own.length)),
    );
    assert(senders.has(await macOf(far, "eth1")), "its ARP requests are for everyone");
    assert(!senders.has(own), "what this kernel sends itself does not come");
    assertMatch(await near.check("ip", ["-d", "link", "show", "eth0"]), /promiscuity 0/);
  },
);

for (const [how, state] of [["begun", "begun"], ["whole", "good"]] as const) {
  readerTest(
    `packet socket: checksums that a sender has left out are ${state} when they come`,
    ["nc"],
    async (reader) => {
      await using near = await Namespace.create();
      await using far = await Namespace.create();
      await cable(near, far);
      await using echo = await Echo.start(near, "packet", "eth0", reader, how);
      await echo.line();
      await far.run("nc", ["-u", "-w", "1", "10.0.0.2", "99"], { stdin: "hello" });
      await far.run("nc", ["-w", "1", "10.0.0.2", "99"]);
      const { counters } = await echo.end();
      const from = await macOf(far, "eth1");
      const got = (counters.others as string[]).filter((frame) => frame.includes("protocol"));
      const [udp, tcp] = [17, 6].map((protocol) =>
        got.filter((frame) => frame === `${from} protocol ${protocol}, ${state} checksum`).length
      );
      assertEquals(udp, 1);
      // The SYN, and perhaps its repetition after a second.
      assert(tcp === 1 || tcp === 2, `${tcp} SYNs`);
      assertEquals(got.length, 1 + tcp);
      assertEquals(counters.devicePartialReceived, 1 + tcp);
    },
  );
}

readerTest("packet socket: an interface may go down and come up; deleted, it ends the device", [
  "ping",
], async (reader) => {
  await using near = await Namespace.create();
  await using far = await Namespace.create();
  await cable(near, far);
  await using echo = await Echo.start(near, "packet", "eth0", reader);
  await echo.line();
  await near.check("ip", ["link", "set", "eth0", "down"]);
  await near.check("ip", ["link", "set", "eth0", "up"]);
  await introduce(far, "eth1");
  assertMatch(await far.check("ping", pingArgs(3, 56)), /3 received, 0% packet loss/);
  await near.check("ip", ["link", "delete", "eth0"]);
  const { failure } = await echo.line();
  assertMatch(`${failure}`, /Cannot read from eth0 \(ENODEV\): the interface has vanished/);
});

liveTest("packet socket: what cannot be joined is refused with advice", [], async () => {
  await using ns = await Namespace.create();
  await ns.check("ip", ["link", "add", "eth0", "type", "veth", "peer", "name", "eth1"]);
  await ns.check("ip", ["tuntap", "add", "tun9", "mode", "tun"]);
  const cases: [name: string, message: string][] = [
    ["lo", "NotSupported: Cannot join lo: it is the loopback interface"],
    ["tun9", "NotSupported: Cannot join tun9: it is not an Ethernet (its type is 65534)"],
    ["eth0", "DeviceError: Cannot join eth0 (ENETDOWN): the interface is down; bring it up"],
    ["eth7", "NotFound: Cannot get the number of eth7 (ENODEV): there is no such interface"],
  ];
  for (const [name, message] of cases) {
    const { code, stderr } = await ns.deno(ECHO_PINGS, ["packet", name, "posting"]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, message);
  }
});

liveTest("where the kernel has IPv6 turned off, a device has none and says why", [], async () => {
  await using ns = await Namespace.create();
  const off = "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6";
  await ns.check("sh", ["-c", off]);
  for (const kind of ["tun", "tap"] as const) {
    await using echo = await start(ns, kind, 1500, "posting");
    assertEquals(await echo.line(), {
      name: "stack0",
      mtu: 1500,
      ipv6Missing:
        "Cannot set the address fd00::1 of stack0 (EACCES): IPv6 is turned off for new " +
        "interfaces; turn it on with sysctl net.ipv6.conf.default.disable_ipv6=0, or use IPv4 " +
        "addresses only",
    });
    await echo.end();
  }
});

function pingArgs(count: number, size: number, to = "10.0.0.2"): string[] {
  return ["-c", `${count}`, "-i", "0.02", "-w", "10", "-M", "do", "-s", `${size}`, to];
}
