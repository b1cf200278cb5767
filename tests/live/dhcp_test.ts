/** DHCP against dnsmasq, on TAP and on one end of a veth pair beside the kernel. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { liveTest, Namespace } from "./namespace.ts";
import { interfaces, SOURCE } from "./program.ts";
import { Running } from "./running.ts";

const DHCP_RESOLVE = new URL("./inside/dhcp_resolve.ts", import.meta.url);

/** How long an address may take: the server answers at once, but RFC 5227 takes up to 9 seconds. */
const PATIENCE = 30_000;

/** A server for names and addresses, on `device` as soon as there is one. */
function startDnsmasq(ns: Namespace, device: string, ...more: string[]): Running {
  return new Running(ns, "dnsmasq", [
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--no-resolv",
    "--no-hosts",
    "--pid-file=",
    "--user=",
    "--log-facility=-",
    "--log-dhcp",
    "--dhcp-leasefile=/dev/null",
    "--leasefile-ro",
    "--no-ping",
    "--bind-dynamic",
    `--interface=${device}`,
    ...more,
  ]);
}

/** Waits until the server has logged something. */
async function untilLogged(server: Running, wanted: RegExp): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (wanted.test(server.stderr)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`dnsmasq has not logged ${wanted}:\n${server.stderr}`);
}

/** Waits until `serve` has an address, and returns it. */
async function addressOf(serving: Running): Promise<string> {
  await serving.waitFor("Ctrl-C stops.\n", PATIENCE);
  return /^ {2}ping (\d\S+)$/m.exec(serving.stdout)![1]!;
}

async function stop(serving: Running): Promise<void> {
  serving.signal("SIGINT");
  const { code, took } = await serving.end();
  assertEquals(serving.stderr, "");
  assertEquals(code, 0);
  assert(took < 1000, `it ended within a second: took ${took} ms`);
}

/** Two namespaces with a veth pair between them: `eth0` in the near one, `eth1` in the far one. */
async function join(near: Namespace, far: Namespace): Promise<void> {
  const peer = ["type", "veth", "peer", "name", "eth1", "netns", `${far.pid}`];
  await near.check("ip", ["link", "add", "eth0", ...peer]);
  for (const [ns, device, host] of [[near, "eth0", 1], [far, "eth1", 9]] as const) {
    await ns.check("ip", ["address", "add", `10.5.0.${host}/24`, "dev", device]);
    await ns.check("ip", ["address", "add", `fd05::${host}/64`, "dev", device, "nodad"]);
    await ns.check("ip", ["link", "set", device, "up"]);
  }
}

/** Uses the stack from another host, with unmodified tools. */
async function useFrom(ns: Namespace, address: string): Promise<void> {
  const host = address.includes(":") ? `[${address}]` : address;
  await ns.check("ping", ["-c", "3", "-i", "0.1", "-w", "10", address]);
  const page = await ns.check("curl", ["-s", "--max-time", "5", `http://${host}:8080/counters`]);
  assert(JSON.parse(page).connections !== undefined);
  assertEquals(await ns.check("nc", ["-N", address, "7"], { stdin: "hello\n" }), "hello\n");
}

liveTest(
  "serve --tap --dhcp has its address from dnsmasq, renews it, and gives it back",
  ["dnsmasq", "ping", "curl", "nc"],
  async () => {
    await using ns = await Namespace.create();
    await using server = startDnsmasq(
      ns,
      "tap0",
      "--dhcp-range=10.0.0.50,10.0.0.60,120",
      "--dhcp-option=option:T1,12",
    );
    await using serving = await SOURCE.start(ns, ["--tap", "--name", "tap0", "--dhcp"]);
    await serving.waitFor("tap0: waiting for an address");
    const address = await addressOf(serving);
    assertMatch(address, /^10\.0\.0\.(5\d|60)$/);
    assertStringIncludes(serving.stdout, `${address} are the stack.`);
    assertMatch(server.stderr, new RegExp(`DHCPACK\\(tap0\\) ${RegExp.escape(address)} `));
    await useFrom(ns, address);
    await useFrom(ns, "fd00::2");

    const requests = () => server.stderr.match(/DHCPREQUEST/g)!.length;
    const before = requests();
    while (requests() === before) await new Promise((resolve) => setTimeout(resolve, 100));
    await useFrom(ns, address);

    await stop(serving);
    assertStringIncludes(serving.stdout, "tap0 is gone");
    assertMatch(serving.stdout, /dhcpRenewals +1\n/);
    // DISCOVER, two REQUESTs and a RELEASE, which dnsmasq may be too late for: the interface is gone.
    const [, sent] = /dhcpSent +(\d+)\n/.exec(serving.stdout)!;
    assert(Number(sent) >= 4, `${sent} messages`);
  },
);

liveTest(
  "serve --interface --dhcp is a host of its own beside the kernel",
  ["dnsmasq", "ping", "curl", "nc"],
  async () => {
    await using near = await Namespace.create();
    await using far = await Namespace.create();
    await join(near, far);
    await using server = startDnsmasq(far, "eth1", "--dhcp-range=10.5.0.50,10.5.0.60,1h");
    await using serving = await SOURCE.start(near, ["serve", "--interface", "eth0", "--dhcp"]);
    const address = await addressOf(serving);
    assertMatch(address, /^10\.5\.0\.(5\d|60)$/);
    await useFrom(far, address);
    await far.check("ping", ["-c", "3", "-i", "0.1", "-w", "5", "10.5.0.1"]);
    await stop(serving);
    await untilLogged(server, new RegExp(`DHCPRELEASE\\(eth1\\) ${RegExp.escape(address)} `));
    assert((await interfaces(near)).includes("eth0"), "the interface stays");
  },
);

liveTest(
  "serve --interface --address leaves the kernel's own stack on the interface alone",
  ["ping", "curl", "nc"],
  async () => {
    await using near = await Namespace.create();
    await using far = await Namespace.create();
    await join(near, far);
    const kernel = () => near.check("ip", ["-brief", "address", "show", "eth0"]);
    const before = await kernel();
    const args = ["--interface", "eth0", "--address", "10.5.0.2/24", "--address", "fd05::2/64"];
    await using serving = await SOURCE.start(near, args);
    assertEquals(await addressOf(serving), "10.5.0.2");
    for (const address of ["10.5.0.2", "fd05::2"]) await useFrom(far, address);
    // Both of them are there, each with a hardware address of its own.
    const pings = ["-c", "3", "-i", "0.1", "-w", "5"];
    for (const address of ["10.5.0.1", "fd05::1"]) await far.check("ping", [...pings, address]);
    for (const address of ["10.5.0.9", "fd05::9"]) await near.check("ping", [...pings, address]);
    const neighbors = await far.check("ip", ["neighbor"]);
    const macOf = (address: string) =>
      new RegExp(`^${RegExp.escape(address)} .*lladdr (\\S+)`, "m").exec(neighbors)?.[1];
    assert(macOf("10.5.0.1") !== undefined && macOf("10.5.0.2") !== undefined, neighbors);
    assert(macOf("10.5.0.1") !== macOf("10.5.0.2"), neighbors);
    assertEquals(macOf("10.5.0.2"), macOf("fd05::2"));

    serving.signal("SIGUSR2");
    await serving.waitFor(
      /^ {2}10\.5\.0\.9 +\S+:\S+ +(reachable|stale|delay|probe) +\d+ s +eth0$/m,
    );
    await stop(serving);
    assertStringIncludes(serving.stdout, "eth0 is left");
    assertEquals(await kernel(), before);
  },
);

liveTest("what comes with a lease serves to resolve names", ["dnsmasq"], async () => {
  await using near = await Namespace.create();
  await using far = await Namespace.create();
  await join(near, far);
  await using _server = startDnsmasq(
    far,
    "eth1",
    "--dhcp-range=10.5.0.50,10.5.0.60,1h",
    "--dhcp-option=option:classless-static-route,10.6.0.0/16,10.5.0.9,0.0.0.0/0,10.5.0.9",
    "--domain=lab.test",
    "--host-record=far.lab.test,10.6.0.9",
  );
  await far.check("ip", ["address", "add", "10.6.0.9/32", "dev", "lo"]);
  const args = ["resolve", "--interface", "eth0", "--dhcp", "--no-ipv6", "far"];
  const asked = await SOURCE.run(near, args);
  assertEquals([asked.code, asked.stderr], [0, ""]);
  assertStringIncludes(asked.stdout, "10.6.0.9");
  const { code, stdout, stderr } = await near.deno(DHCP_RESOLVE, ["eth0", "far"]);
  assertEquals([code, stderr], [0, ""]);
  const { interfaces: [eth0], routes, neighbors, servers, addresses } = JSON.parse(stdout);
  assertEquals(servers, ["10.5.0.9"]);
  assertEquals(addresses, ["10.6.0.9"]);
  const [{ address, prefixLength, origin, state, validFor }] = eth0.addresses;
  assertMatch(address, /^10\.5\.0\.(5\d|60)$/);
  assertEquals([eth0.name, prefixLength, origin, state], ["eth0", 24, "dhcp", "preferred"]);
  assert(validFor > 3_500_000 && validFor <= 3_600_000, `${validFor}`);
  const ways = routes.map(({ network, gateway }: Record<string, string>) => [network, gateway]);
  assertEquals(ways, [
    ["10.5.0.0/24", undefined],
    ["10.6.0.0/16", "10.5.0.9"],
    ["0.0.0.0/0", "10.5.0.9"],
  ]);
  assertEquals(neighbors.length, 1);
  assertEquals([neighbors[0].address, neighbors[0].state], ["10.5.0.9", "reachable"]);
});
