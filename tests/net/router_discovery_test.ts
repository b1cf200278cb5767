/** What a host learns from routers (RFC 4861 §6.3, RFC 4862 §5.5, RFC 8106). */

import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import {
  ALL_NODES,
  icmpv6,
  mtuOption,
  na,
  NdScene,
  OTHER_MAC,
  OTHER_ROUTER,
  OWN_MAC,
  prefixOption,
  ra,
  rdnssOption,
  ROUTER,
  ROUTER_MAC,
  type SceneOptions,
  sourceMac,
  targetMac,
} from "./nd_scene.ts";

const FAR = "2001:db8:ffff::1";
const HOUR = 3_600_000;
const HOURS = 3600;

/** A host that listens to routers, with a link-local address that nobody else has. */
function listening(options: SceneOptions = {}): NdScene {
  const scene = new NdScene({ addresses: [], autoconf: true, ...options });
  scene.pass(2000);
  return scene;
}

/** The same, which a router has told of a prefix. */
function configured(...options: number[][]): NdScene {
  const scene = listening();
  scene.receive(ra([...sourceMac(ROUTER_MAC), ...options.flat()]), ROUTER_MAC);
  scene.pass(2000);
  return scene;
}

/** When the address from a router stops to be valid, in seconds from now. */
function validFor(scene: NdScene): number {
  return (scene.entryOf("autoconf")!.validUntil - scene.now) / 1000;
}

Deno.test("routers are asked for three times, four seconds apart, after a random delay (§6.3.7)", () => {
  const scene = new NdScene({ addresses: [], autoconf: true });
  const sent = scene.pass(60_000).filter((line) => line.includes("rs"))
    .map((line) => line.replace(/fe80::[0-9a-f:]+/, "fe80::own"));
  assertEquals(sent, [
    "500: rs :: > ff02::2",
    `4500: rs fe80::own > ff02::2 from ${OWN_MAC}`,
    `8500: rs fe80::own > ff02::2 from ${OWN_MAC}`,
  ]);
});

Deno.test("who has heard of a router asks no more; of one that is none for us, it does (§6.3.7)", () => {
  for (const [lifetime, want] of [[1800, 0], [0, 2]] as const) {
    const scene = listening();
    scene.receive(ra([], { lifetime }), ROUTER_MAC);
    assertEquals(scene.pass(60_000).filter((line) => line.includes("rs")).length, want);
  }
});

Deno.test("a router that offers itself becomes the default router, for its lifetime (§6.3.4)", () => {
  const scene = listening();
  scene.receive(ra(sourceMac(ROUTER_MAC)), ROUTER_MAC);
  assertEquals(scene.routes, [`::/0 by ${ROUTER}`]);
  assertEquals(scene.neighbors, [`${ROUTER} ${ROUTER_MAC} stale router`]);
  scene.pass(1_799_999);
  assertEquals(scene.routes, [`::/0 by ${ROUTER}`]);
  scene.pass(1);
  assertEquals(scene.routes, []);
});

Deno.test("a router that offers itself no longer is gone at once (§6.3.4)", () => {
  const scene = configured();
  scene.receive(ra([], { lifetime: 0 }), ROUTER_MAC);
  assertEquals(scene.routes, []);
});

Deno.test("a default router that says it is no router any more is none (§7.2.5)", () => {
  const scene = configured();
  const envelope = { source: ROUTER, destination: ALL_NODES };
  scene.receive(na(ROUTER, "O", targetMac(ROUTER_MAC), envelope), ROUTER_MAC);
  assertEquals(scene.routes, []);
});

Deno.test("a router that does not answer is passed over (§6.3.6)", () => {
  const scene = configured(prefixOption("2001:db8:1::/64"));
  scene.receive(ra(sourceMac(OTHER_MAC), { source: OTHER_ROUTER }), OTHER_MAC);
  assertEquals(scene.routes.at(-1), `::/0 by ${ROUTER}`, "the first one stays in use");
  scene.ping(FAR);
  scene.pass(5000 + 3000);
  assertEquals(scene.routes.at(-1), `::/0 by ${OTHER_ROUTER}`);
  scene.ping(FAR);
  scene.pass(5000 + 3000);
  assertEquals(scene.routes.at(-1), `::/0 by ${ROUTER}`, "none answers: they are tried in turn");
  scene.receive(ra(sourceMac(OTHER_MAC), { source: OTHER_ROUTER }), OTHER_MAC);
  assertEquals(scene.routes.at(-1), `::/0 by ${OTHER_ROUTER}`, "it is there again");
});

Deno.test("a user's own router comes before those of advertisements", () => {
  const scene = listening({ addresses: ["fd00::2/64"], gateways: ["fe80::c"] });
  scene.receive(ra(sourceMac(ROUTER_MAC)), ROUTER_MAC);
  scene.receive(ra([], { source: "fe80::c" }), OTHER_MAC);
  const [asked] = scene.ping(FAR);
  assertMatch(asked!, /^ns .* fe80::c /);
  scene.receive(ra([], { source: "fe80::c", lifetime: 0 }), OTHER_MAC);
  assertMatch(scene.ping(FAR).join() || "waits", /waits|fe80::c/, "it is not the router's to end");
  assert(scene.stack.ip.routes.all.some(({ gateway }) => `${gateway}` === "fe80::c%2"));
});

Deno.test("a prefix on the link makes neighbors of its hosts, as long as it is valid (§6.3.4)", () => {
  const scene = configured(prefixOption("2001:db8:1::/64", { flags: "L", valid: 100 }));
  assertEquals(scene.routes, ["2001:db8:1::/64", `::/0 by ${ROUTER}`]);
  assertEquals(scene.addresses.length, 1, "it is not for addresses");
  assertMatch(scene.ping("2001:db8:1::9")[0]!, /^ns .* 2001:db8:1::9 from/);
  scene.receive(ra(prefixOption("2001:db8:1::/64", { flags: "L", valid: 200 })), ROUTER_MAC);
  scene.pass(150_000);
  assertEquals(scene.routes.length, 2);
  scene.receive(ra(prefixOption("2001:db8:1::/64", { flags: "L", valid: 0 })), ROUTER_MAC);
  assertEquals(scene.routes, [`::/0 by ${ROUTER}`]);
});

Deno.test("prefixes that are no networks of neighbors are ignored (§6.3.4)", () => {
  const scene = listening();
  for (const prefix of ["fe80::/64", "ff0e::/64"]) {
    scene.receive(ra(prefixOption(prefix), { lifetime: 0 }), ROUTER_MAC);
  }
  assertEquals([scene.routes, scene.addresses.length], [[], 1]);
});

Deno.test("a network of the user's is not the router's to end", () => {
  const scene = listening({ addresses: ["2001:db8:1::2/64"] });
  scene.receive(ra(prefixOption("2001:db8:1::/64", { valid: 100, preferred: 100 })), ROUTER_MAC);
  scene.pass(200_000);
  assertMatch(scene.ping("2001:db8:1::9")[0]!, /^ns 2001:db8:1::2 > .* 2001:db8:1::9 from/);
});

Deno.test("a host makes itself an address with the prefix, once nobody else has it (RFC 4862 §5.5)", () => {
  const scene = listening();
  const packet = ra([...sourceMac(ROUTER_MAC), ...prefixOption("2001:db8:1::/64")]);
  scene.receive(packet, ROUTER_MAC);
  assertMatch(scene.addresses[1]!, /^2001:db8:1:0?:?[0-9a-f:]+ tentative$/);
  assertEquals(scene.ping(FAR).length, 1, "meanwhile the link-local address must do");
  scene.pass(2000);
  assertMatch(scene.addresses[1]!, / preferred$/);
  const { address } = scene.entryOf("autoconf")!;
  assertEquals(scene.ping(FAR), [`echo ${address} > ${FAR}`]);
  scene.receive(packet, ROUTER_MAC);
  assertEquals(scene.addresses.length, 2, "one address for a prefix");
});

Deno.test("an address is deprecated, and gone, when its times are over (RFC 4862 §5.5.4)", () => {
  const scene = configured(prefixOption("2001:db8:1::/64", { valid: 100, preferred: 50 }));
  const at = () => scene.addresses[1]?.split(" ")[1];
  assertEquals(at(), "preferred");
  scene.pass(50_000);
  assertEquals(at(), "deprecated");
  scene.receive(ra(prefixOption("2001:db8:1::/64", { valid: 100, preferred: 60 })), ROUTER_MAC);
  assertEquals(at(), "preferred", "the router has changed its mind");
  scene.pass(60_000);
  assertEquals(at(), "deprecated");
  scene.pass(40_000);
  assertEquals(at(), undefined);
  assertEquals(scene.stack.ip.addresses.length, 1);
});

Deno.test("nobody can make an address end soon that would last (RFC 4862 §5.5.3 e)", () => {
  const cases: [had: number, valid: number, want: number][] = [
    [24 * HOURS, 48 * HOURS, 48 * HOURS],
    [24 * HOURS, 3 * HOURS, 3 * HOURS], // above two hours it is believed
    [24 * HOURS, 60, 2 * HOURS],
    [24 * HOURS, 0, 2 * HOURS],
    [HOURS, 60, HOURS], // what has less than two hours to live is not cut further
    [HOURS, 0, HOURS],
    [HOURS, 1.5 * HOURS, 1.5 * HOURS],
    [0xffff_ffff, 0, 2 * HOURS],
    [HOURS, 0xffff_ffff, Infinity],
  ];
  for (const [had, valid, want] of cases) {
    const scene = listening();
    const prefix = "2001:db8:1::/64";
    scene.receive(ra(prefixOption(prefix, { valid: had, preferred: 60 })), ROUTER_MAC);
    scene.receive(ra(prefixOption(prefix, { valid, preferred: 0 })), ROUTER_MAC);
    assertEquals(validFor(scene), want, `${had} ${valid}`);
    assertEquals(scene.entryOf("autoconf")!.preferredUntil, scene.now, "that is believed always");
  }
});

Deno.test("prefixes that are of no use for addresses make none (RFC 4862 §5.5.3)", () => {
  const cases: [what: string, option: number[]][] = [
    ["not autonomous", prefixOption("2001:db8:1::/64", { flags: "L" })],
    ["too long", prefixOption("2001:db8:1::/65")],
    ["too short", prefixOption("2001:db8:1::/48")],
    ["preferred longer than valid", prefixOption("2001:db8:1::/64", { valid: 10, preferred: 11 })],
    ["not valid", prefixOption("2001:db8:1::/64", { valid: 0, preferred: 0 })],
    ["link-local", prefixOption("fe80::/64")],
  ];
  for (const [what, option] of cases) {
    assertEquals(configured(option).addresses.length, 1, what);
  }
});

Deno.test("addresses are made of what nobody can guess, and the same each time (RFC 7217 §5)", () => {
  const made = (secret: number, prefix: string) => {
    const scene = listening({ secret: new Uint8Array(16).fill(secret) });
    scene.receive(ra(prefixOption(prefix)), ROUTER_MAC);
    return scene.entryOf("autoconf")!.address.toBytes().toHex();
  };
  const one = made(1, "2001:db8:1::/64");
  assertEquals(one.slice(0, 16), "20010db800010000");
  assertEquals(made(1, "2001:db8:1::/64"), one);
  assert(made(2, "2001:db8:1::/64") !== one);
  assert(made(1, "2001:db8:2::/64").slice(16) !== one.slice(16));
});

Deno.test("an address from a router that another host has gives way to another (RFC 7217 §6)", () => {
  const scene = listening();
  scene.receive(ra(prefixOption("2001:db8:1::/64")), ROUTER_MAC);
  const first = `${scene.entryOf("autoconf")!.address}`;
  scene.receive(na(first, "O", targetMac(OTHER_MAC), { destination: ALL_NODES }), OTHER_MAC);
  const second = `${scene.entryOf("autoconf")!.address}`;
  assert(first !== second);
  scene.pass(2000);
  assertEquals(scene.addresses[1], `${second} preferred`);
  assertMatch(
    scene.ping("2001:db8:1::9")[0]!,
    /^ns 2001:db8:1:/,
    "the prefix is on the link still",
  );
});

Deno.test("who gave up finding an address does not begin again with each advertisement", () => {
  const scene = listening();
  const packet = ra(prefixOption("2001:db8:1::/64"));
  scene.receive(packet, ROUTER_MAC);
  for (let i = 0; i < 4; i++) {
    const taken = `${scene.entryOf("autoconf")!.address}`;
    scene.receive(na(taken, "O", targetMac(OTHER_MAC), { destination: ALL_NODES }), OTHER_MAC);
  }
  scene.receive(packet, ROUTER_MAC);
  assertEquals(scene.entryOf("autoconf"), undefined);
});

Deno.test("routers set MTU, hop limit and the times of neighbor discovery (§6.3.4)", () => {
  const scene = configured(mtuOption(1400), prefixOption("2001:db8:1::/64"));
  const [, test0] = scene.stack.ip.interfaces;
  assertEquals([test0!.mtu(6), test0!.mtu(4), test0!.hopLimit], [1400, 1500, 0]);
  scene.receive(ra(mtuOption(1279), { hopLimit: 9, retransTimer: 3000 }), ROUTER_MAC);
  assertEquals([test0!.mtu(6), test0!.hopLimit], [1400, 9]);
  scene.receive(ra(mtuOption(9000), { reachableTime: 600_000 }), ROUTER_MAC);
  assertEquals([test0!.mtu(6), test0!.hopLimit], [1500, 9], "0 means that the router doesn't care");
  const start = scene.now;
  scene.ping("2001:db8:1::9");
  const asked = scene.pass(20_000).map((line) => Number.parseInt(line) - start);
  assertEquals(asked, [3000, 6000]);
  const destination = `${scene.entryOf("link-local")!.address.withZone(0)}`;
  scene.receive(
    na(ROUTER, "RSO", targetMac(ROUTER_MAC), { source: ROUTER, destination }),
    ROUTER_MAC,
  );
  scene.pass(599_000);
  assertEquals(scene.neighbors, [`${ROUTER} ${ROUTER_MAC} reachable router`]);
});

Deno.test("DNS servers that routers name are told on, as long as they may be asked (RFC 8106 §6)", () => {
  const scene = listening();
  const told: string[] = [];
  const { neighborDiscovery } = scene.stack;
  neighborDiscovery.onDnsServers = (servers) => told.push(`${scene.now}: ${servers.join(" ")}`);
  scene.receive(ra(rdnssOption(["2001:db8::53", "fe80::53"], 100)), ROUTER_MAC);
  scene.receive(ra(rdnssOption(["2001:db8::53"], 300)), ROUTER_MAC);
  scene.pass(200_000);
  scene.receive(ra(rdnssOption(["2001:db8::53"], 0)), ROUTER_MAC);
  assertEquals(told, [
    "2000: 2001:db8::53",
    "2000: 2001:db8::53 fe80::53%2",
    "102000: 2001:db8::53",
    "202000: ",
  ]);
  assertEquals(neighborDiscovery.dnsServers, []);
});

Deno.test("who does not listen to routers believes none", () => {
  const scene = new NdScene({ autoconf: false });
  scene.pass(2000);
  const packet = ra([...prefixOption("2001:db8:1::/64"), ...mtuOption(1300)], { hopLimit: 1 });
  scene.receive(packet, ROUTER_MAC);
  assertEquals(scene.drops, ["ND_NOT_FOR_US 1"]);
  assertEquals([scene.routes, scene.addresses.length, scene.neighbors], [[], 2, []]);
  assertEquals([scene.stack.ip.interfaces[1]!.hopLimit, scene.stack.ip.interfaces[1]!.mtu(6)], [
    0,
    1500,
  ]);
});

Deno.test("an Ethernet without addresses listens to routers, one with does if it is told to", () => {
  const cases: [options: SceneOptions, want: boolean][] = [
    [{ addresses: [] }, true],
    [{ addresses: [], autoconf: false }, false],
    [{ addresses: [], forward: true }, false],
    [{}, false],
    [{ autoconf: true }, true],
    [{ addresses: ["10.0.0.2/24"] }, false],
    [{ addresses: ["10.0.0.2/24"], autoconf: true }, true],
    [{ addresses: [], ethernet: false }, false],
    [{ addresses: [], ethernet: false, autoconf: true }, true],
    [{ addresses: [], autoconf: true, mtu: 1279 }, false],
  ];
  for (const [options, want] of cases) {
    const scene = new NdScene(options);
    const asks = scene.pass(60_000).some((line) => line.includes("rs"));
    assertEquals(asks, want, JSON.stringify(options));
  }
});

Deno.test("on a point-to-point link routers are found as well, without hardware addresses", () => {
  const scene = new NdScene({ addresses: [], ethernet: false, autoconf: true });
  assertMatch(scene.pass(1000).join(), /^500: rs fe80::[0-9a-f:]+ > ff02::2$/);
  scene.receive(ra(prefixOption("2001:db8:1::/64")));
  assertMatch(scene.addresses[1]!, / preferred$/, "nobody else can have it");
  const { address } = scene.entryOf("autoconf")!;
  assertEquals(scene.ping(FAR), [`echo ${address} > ${FAR}`]);
});

Deno.test("times above an hour are not believed (§6.2.1)", () => {
  const scene = listening();
  const times = { reachableTime: 0xffff_ffff, retransTimer: 0xffff_ffff };
  scene.receive(
    ra([...sourceMac(ROUTER_MAC), ...prefixOption("2001:db8:1::/64")], times),
    OTHER_MAC,
  );
  const start = scene.now;
  scene.ping("2001:db8:1::9");
  const asked = scene.pass(20_000).filter((line) => line.includes("2001:db8:1::9"));
  assertEquals(asked.map((line) => Number.parseInt(line) - start), [1000, 2000]);
});

Deno.test("of a flood of routers 16 are remembered", () => {
  const scene = listening();
  const router = (i: number, lifetime: number) =>
    scene.receive(ra([], { source: `fe80::1:${i}`, lifetime }), OTHER_MAC);
  for (let i = 1; i <= 1000; i++) router(i, 1800);
  for (let i = 1; i < 16; i++) router(i, 0);
  assertEquals(scene.routes, ["::/0 by fe80::1:16"]);
  router(16, 0);
  assertEquals(scene.routes, [], "the other ones were not taken");
});

Deno.test("whatever routers and neighbors say, a host goes on, within its bounds", () => {
  const types = fc.constantFrom(133, 134, 135, 136, 137);
  const option = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => [...bytes]),
    fc.constantFrom(sourceMac(), targetMac(), mtuOption(1300)),
    fc.tuple(fc.nat(128), fc.nat(0xffff_ffff), fc.nat(0xffff_ffff)).map((
      [length, valid, preferred],
    ) => prefixOption(`2001:db8:1::/${length}`, { valid, preferred })),
    fc.nat(0xffff_ffff).map((lifetime) => rdnssOption(["2001:db8::53"], lifetime)),
  );
  const message = fc.tuple(
    types,
    fc.uint8Array({ minLength: 12, maxLength: 36 }),
    fc.array(option, { maxLength: 4 }),
    fc.constantFrom(ROUTER, "::", "fd00::1", "fd00::2"),
    fc.constantFrom(ALL_NODES, "fd00::2", "ff02::1:ff00:2"),
  );
  fc.assert(fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
    const scene = new NdScene({ autoconf: true });
    for (const [type, body, options, source, destination] of messages) {
      const bytes = [type, 0, 0, 0, ...body, ...options.flat()];
      scene.receive(icmpv6(bytes, { source, destination }), ROUTER_MAC);
      scene.pass(1000);
    }
    assert(scene.addresses.length <= 17);
    assert(scene.routes.length <= 33);
  }));
});

Deno.test("a flood of routers, prefixes and servers is kept within bounds", () => {
  const scene = listening();
  for (let i = 1; i <= 1000; i++) {
    const n = i.toString(16);
    const options = [
      ...prefixOption(`2001:db8:${n}::/64`),
      ...prefixOption(`2001:db8:${n}:1::/64`),
      ...rdnssOption([`2001:db8:${n}::53`], 1000),
    ];
    scene.receive(ra(options, { source: `fe80::1:${n}` }), OTHER_MAC);
  }
  assertEquals(scene.addresses.length, 16, "the link-local one is among them");
  assertEquals(scene.routes.length, 16 + 1);
  assertEquals(scene.stack.neighborDiscovery.dnsServers.length, 8);
  scene.pass(24 * HOUR + 2000);
  assertEquals([scene.addresses.length, scene.routes.length], [1, 0]);
  scene.receive(ra(prefixOption("2001:db8:1::/64")), ROUTER_MAC);
  assertEquals([scene.addresses.length, scene.routes.length], [2, 2], "there is room again");
});
