/** IPv6 on Ethernet beside the kernel: neighbor discovery, link-local addresses, and radvd. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { denoArgs, liveTest, Namespace } from "./namespace.ts";
import { Running } from "./running.ts";
import { assertGivesBack } from "./transfer.ts";

const IPV6_STACK = new URL("./inside/ipv6_stack.ts", import.meta.url);
const MAC = "02:00:00:00:00:05";
const STACK = "fd00::2";
/** The kernel's address on the link, as openTap() has it by default. */
const KERNEL = "fd00::1";
/** An address of the kernel that is on no link. */
const BEHIND = "2001:db8:ffff::1";
const MIB = 1024 * 1024;

/** Starts `inside/ipv6_stack.ts`, and waits until it is up and the kernel sure of its addresses. */
async function start(ns: Namespace, ...addresses: string[]): Promise<Running> {
  const stack = new Running(ns, Deno.execPath(), [...await denoArgs(IPV6_STACK), ...addresses]);
  try {
    await stack.waitFor(/^stack0 is up$/m);
    await untilTrue("the kernel's addresses", async () => {
      return await ns.check("ip", ["-6", "addr", "show", "dev", "stack0", "tentative"]) === "";
    });
    return stack;
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}

async function untilTrue(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 15_000;
  while (!await holds()) {
    if (performance.now() > end) throw new Error(`${what}: not within 15 s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function ask<T>(stack: Running, line: string): Promise<T> {
  return JSON.parse(await stack.ask(line));
}

/** The address of the stack that begins with `prefix`, once nobody else has it. */
async function ownAddress(stack: Running, prefix: string): Promise<string> {
  let own: string | undefined;
  await untilTrue(`an address ${prefix}`, async () => {
    const addresses = await ask<string[]>(stack, "addresses");
    own = addresses.find((address) => address.startsWith(prefix));
    return own !== undefined;
  });
  return own!;
}

/** The kernel's link-local address. */
async function kernelLinkLocal(ns: Namespace): Promise<string> {
  const text = await ns.check("ip", [
    "-6",
    "-br",
    "addr",
    "show",
    "dev",
    "stack0",
    "scope",
    "link",
  ]);
  return /fe80::[0-9a-f:]+/.exec(text)![0];
}

/** Has `ping` send five echoes of some sizes, and none be lost. */
async function pings(ns: Namespace, address: string): Promise<void> {
  for (const size of [0, 56, 1452, 4000]) {
    const how = ["-6", "-c", "5", "-i", "0.02", "-W", "5", "-s", `${size}`];
    const text = await ns.check("ping", [...how, address]);
    assertMatch(text, /5 packets transmitted, 5 received, 0% packet loss/);
  }
}

/** Has `curl` post `length` bytes and get them back. */
async function curls(ns: Namespace, host: string, length: number): Promise<void> {
  const curl = ["--silent", "--fail", "--globoff", "--noproxy", "*", "--max-time", "20"];
  const args = [...curl, "--data-binary", "@-", `http://[${host}]:8080/echo`];
  await assertGivesBack((options) => ns.command("curl", args, options), length);
}

/** Ends the stack, and returns its counters. */
async function end(stack: Running): Promise<Record<string, number>> {
  const counters = await ask<Record<string, number>>(stack, "counters");
  await stack.closeInput();
  assertEquals((await stack.end()).code, 0);
  assertEquals(stack.stderr, "");
  return counters;
}

liveTest("a stack and the kernel find each other by neighbor discovery", [
  "ping",
  "curl",
], async () => {
  await using ns = await Namespace.create();
  await using stack = await start(ns, "10.0.0.2/24", `${STACK}/64`);
  assert(await ask<number>(stack, `ping ${KERNEL}`) >= 0);
  await ns.check("ip", ["-6", "neigh", "flush", "dev", "stack0"]); // it has learned of our request
  await pings(ns, STACK);
  await curls(ns, STACK, 8 * MIB);
  const neighbor = await ns.check("ip", ["-6", "neigh", "show", STACK, "dev", "stack0"]);
  assertMatch(neighbor, new RegExp(`lladdr ${MAC}`));
  const counters = await end(stack);
  assertEquals(counters.icmpEchoReplies, 20);
  assert(counters.ndAdvertisementsSent! > 0);
  assertEquals(counters.ndDuplicateAddresses, undefined);
});

liveTest("link-local addresses are reached by way of an interface", ["ping", "curl"], async () => {
  await using ns = await Namespace.create();
  await using stack = await start(ns, `${STACK}/64`);
  const own = await ownAddress(stack, "fe80::");
  await pings(ns, `${own}%stack0`);
  await curls(ns, `${own}%25stack0`, MIB);
  const text = await ns.check("ping", ["-6", "-c", "1", "-w", "5", "ff02::1%stack0"]);
  assertMatch(text, / 0% packet loss/);
  assert(await ask<number>(stack, `ping ${await kernelLinkLocal(ns)}%stack0`) >= 0);
  await end(stack);
});

liveTest("an address that the kernel has is given up", [], async () => {
  await using ns = await Namespace.create();
  await using stack = await start(ns, `${KERNEL}/64`);
  await ownAddress(stack, "fe80::");
  assertEquals((await ask<string[]>(stack, "addresses")).length, 1);
  assertEquals((await end(stack)).ndDuplicateAddresses, 1);
});

liveTest("the kernel does without an address that a stack has", [], async () => {
  await using ns = await Namespace.create();
  await using stack = await start(ns, `${STACK}/64`);
  await ownAddress(stack, STACK);
  await ns.check("ip", ["addr", "add", `${STACK}/64`, "dev", "stack0"]);
  await untilTrue("the kernel's detection", async () => {
    const show = ["-6", "addr", "show", "dev", "stack0", "dadfailed"];
    return (await ns.check("ip", show)).includes(STACK);
  });
  await end(stack);
});

/** What radvd is to offer. */
const RADVD = `interface stack0 {
  AdvSendAdvert on;
  MinRtrAdvInterval 3;
  MaxRtrAdvInterval 4;
  AdvLinkMTU 1400;
  AdvCurHopLimit 33;
  prefix 2001:db8:5::/64 { };
  RDNSS 2001:db8:5::1 { };
};
`;

liveTest("a stack without addresses gets all that it needs from radvd", [
  "radvd",
  "ping",
  "curl",
], async () => {
  await using ns = await Namespace.create();
  await using stack = await start(ns);
  for (
    const command of [
      "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding",
      "ip addr add 2001:db8:5::1/64 dev stack0 nodad",
      `ip addr add ${BEHIND}/128 dev lo nodad`,
    ]
  ) await ns.check("sh", ["-c", command]);
  const folder = await Deno.makeTempDir({ prefix: "radvd" });
  try {
    const [config, pid] = [`${folder}/radvd.conf`, `${folder}/radvd.pid`];
    await Deno.writeTextFile(config, RADVD);
    await using _radvd = new Running(ns, "radvd", [
      "--nodaemon",
      `--config=${config}`,
      `--pidfile=${pid}`,
      "--logmethod=stderr",
    ]);
    const own = await ownAddress(stack, "2001:db8:5:");
    assertEquals(await ask(stack, "routers"), [`${await kernelLinkLocal(ns)}%stack0`]);
    assertEquals(await ask(stack, "dns"), ["2001:db8:5::1"]);
    assert(await ask<number>(stack, `ping ${BEHIND}`) >= 0);
    await pings(ns, own);
    await curls(ns, own, MIB);
    const text = await ns.check("ping", ["-6", "-c", "1", "-w", "5", own]);
    assertMatch(text, /ttl=33 /);
    assert((await end(stack)).ndRouterAdvertisementsReceived! > 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
