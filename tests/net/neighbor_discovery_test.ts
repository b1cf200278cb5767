/** Neighbor solicitations and advertisements (RFC 4861 §7), and redirects (§8). */

import { assertEquals } from "@std/assert";
import { IpAddress } from "../../src/wire/address.ts";
import {
  ALL_NODES,
  echoRequest,
  icmpv6,
  na,
  NdScene,
  ns,
  OTHER_MAC,
  OTHER_ROUTER,
  OWN,
  OWN_GROUP,
  OWN_MAC,
  PEER,
  PEER_GROUP,
  PEER_MAC,
  redirect,
  ROUTER,
  ROUTER_MAC,
  type SceneOptions,
  sourceMac,
  targetMac,
} from "./nd_scene.ts";

/** A host whose addresses nobody else has: two seconds after it started. */
function settled(options: SceneOptions = {}): NdScene {
  const scene = new NdScene(options);
  scene.pass(2000);
  return scene;
}

Deno.test("a solicitation is answered to who asked, and who asked is known then (§7.2.3, §7.2.4)", () => {
  const cases: [what: string, asked: Uint8Array, want: string[], neighbors: string[]][] = [
    [
      "to the group",
      ns(OWN, sourceMac(), { destination: OWN_GROUP }),
      [`na ${OWN} > ${PEER} ${OWN} at ${OWN_MAC} SO`],
      [`${PEER} ${PEER_MAC} delay`],
    ],
    [
      "to us alone",
      ns(OWN, sourceMac()),
      [`na ${OWN} > ${PEER} ${OWN} at ${OWN_MAC} SO`],
      [`${PEER} ${PEER_MAC} delay`],
    ],
    [
      "without a hardware address: all hear the answer, as it could not go to one",
      ns(OWN),
      [`na ${OWN} > ${ALL_NODES} ${OWN} at ${OWN_MAC} O`],
      [],
    ],
    [
      "from a host that looks for duplicates",
      ns(OWN, [], { source: "::", destination: OWN_GROUP }),
      [`na ${OWN} > ${ALL_NODES} ${OWN} at ${OWN_MAC} O`],
      [],
    ],
  ];
  for (const [what, asked, want, neighbors] of cases) {
    const scene = settled();
    assertEquals(scene.receive(asked), want, what);
    assertEquals(scene.neighbors, neighbors, what);
    assertEquals(scene.drops, [], what);
  }
});

Deno.test("an answer to a known neighbor needs no hardware address in the question", () => {
  const scene = settled();
  scene.receive(ns(OWN, sourceMac()));
  assertEquals(scene.receive(ns(OWN)), [`na ${OWN} > ${PEER} ${OWN} at ${OWN_MAC} SO`]);
});

Deno.test("a neighbor is asked for by its group, and packets wait for it (§7.2.2)", () => {
  const scene = settled();
  assertEquals(scene.ping(PEER), [`ns ${OWN} > ${PEER_GROUP} ${PEER} from ${OWN_MAC}`]);
  assertEquals(scene.receive(na(PEER, "SO", targetMac())), [`echo ${OWN} > ${PEER}`]);
  assertEquals(scene.neighbors, [`${PEER} ${PEER_MAC} reachable`]);
});

Deno.test("who does not answer is asked three times, a second apart (§7.2.2)", () => {
  const scene = settled();
  scene.ping(PEER);
  const asked = `ns ${OWN} > ${PEER_GROUP} ${PEER} from ${OWN_MAC}`;
  assertEquals(scene.pass(5000), [`3000: ${asked}`, `4000: ${asked}`]);
  assertEquals(scene.drops, ["NEIGHBOR_UNREACHABLE 1"]);
  assertEquals(scene.neighbors, []);
});

Deno.test("a neighbor in use is asked alone, and forgotten if it keeps silent (§7.3.3)", () => {
  const scene = settled();
  scene.receive(ns(OWN, sourceMac()));
  assertEquals(scene.ping(PEER), [`echo ${OWN} > ${PEER}`]);
  assertEquals(scene.neighbors, [`${PEER} ${PEER_MAC} delay`]);
  const asked = `ns ${OWN} > ${PEER} ${PEER} from ${OWN_MAC}`;
  assertEquals(scene.pass(10_000), [`7000: ${asked}`, `8000: ${asked}`, `9000: ${asked}`]);
  assertEquals(scene.neighbors, []);
});

Deno.test("an echo to us is answered, once the neighbor is found", () => {
  const scene = settled();
  assertEquals(scene.receive(echoRequest()), [
    `ns ${OWN} > ${PEER_GROUP} ${PEER} from ${OWN_MAC}`,
  ]);
  assertEquals(scene.receive(na(PEER, "SO", targetMac())), [`reply ${OWN} > ${PEER}`]);
});

Deno.test("what is not to be believed changes nothing, and is counted", () => {
  const bad = "ND_BAD_MESSAGE 1";
  const other = "ND_NOT_FOR_US 1";
  const group = { destination: OWN_GROUP };
  const cases: [what: string, packet: Uint8Array, want: string][] = [
    ["forwarded by a router", ns(OWN, sourceMac(), { hopLimit: 254 }), bad],
    ["an option of length 0", ns(OWN, [1, 0, 0, 0, 0, 0, 0, 0]), bad],
    ["an option beyond the end", ns(OWN, [1, 2, 0, 0, 0, 0, 0, 0]), bad],
    ["for a group", ns(ALL_NODES, sourceMac(), group), bad],
    ["from :: to one host", ns(OWN, [], { source: "::" }), "IP_BAD_SOURCE 1"],
    ["from :: with an address", ns(OWN, sourceMac(), { source: "::", ...group }), bad],
    ["cut short", icmpv6([135, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]), bad],
    ["solicited, but to all", na(PEER, "SO", targetMac(), { destination: ALL_NODES }), bad],
    ["for another host", ns("fd00::1:2", sourceMac(), group), other],
    ["an answer that nobody asked for", na("fd00::9", "SO", targetMac()), other],
    ["an answer for an address of ours", na(OWN, "O", targetMac()), other],
    ["a router solicitation", icmpv6([133, 0, 0, 0, 0, 0, 0, 0]), other],
    ["a router advertisement", icmpv6([134, ...Array(15).fill(0)], { source: ROUTER }), other],
    ["a redirect of nobody we use", redirect(OTHER_ROUTER, "2001:db8::1"), other],
  ];
  for (const [what, packet, want] of cases) {
    const scene = settled();
    const { addresses } = scene;
    assertEquals(scene.receive(packet), [], what);
    assertEquals(scene.drops, [want], what);
    assertEquals([scene.neighbors, scene.routes], [[], []], what);
    assertEquals(scene.addresses, addresses, what);
  }
});

Deno.test("a message that came in fragments is not believed (RFC 6980 §5)", () => {
  const scene = settled();
  const whole = ns(OWN, sourceMac());
  const fragment = (from: number, to: number, more: number) => {
    const part = whole.subarray(40 + from, 40 + to);
    const head = whole.slice(0, 40);
    head[5] = 8 + part.length;
    head[6] = 44;
    return Uint8Array.of(...head, 58, 0, 0, from | more, 0, 0, 0, 1, ...part);
  };
  assertEquals(scene.receive(fragment(0, 24, 1)), []);
  assertEquals(scene.receive(fragment(24, 32, 0)), []);
  assertEquals(scene.drops, ["ND_BAD_MESSAGE 1"]);
  assertEquals(scene.neighbors, []);
});

Deno.test("an interface with IPv4 addresses alone says nothing of IPv6, and believes nothing", () => {
  const scene = new NdScene({ addresses: ["10.0.0.2/24"] });
  assertEquals(scene.poll(), ["arp"]);
  assertEquals(scene.stack.ip.interfaces[1]!.addresses.length, 1);
  assertEquals(scene.receive(ns("fe80::2", sourceMac(), { destination: ALL_NODES })), []);
  assertEquals(scene.drops, ["ND_NOT_FOR_US 1"]);
});

Deno.test("a point-to-point link has a link-local address, and nobody is asked for anything", () => {
  const scene = new NdScene({ addresses: [`${OWN}/64`], ethernet: false });
  const [own, linkLocal] = scene.addresses;
  assertEquals(own, `${OWN} preferred`);
  assertEquals(linkLocal!.replace(/^fe80::[0-9a-f:]+/, "fe80"), "fe80 preferred");
  assertEquals(scene.pass(100_000), []);
  assertEquals(scene.ping(PEER), [`echo ${OWN} > ${PEER}`]);
  const silent = new NdScene({ addresses: ["10.0.0.2/32"], ethernet: false });
  assertEquals(silent.addresses, ["10.0.0.2 preferred"]);
  assertEquals(silent.stack.nextDeadline(), Infinity);
});

Deno.test("a link that is too small for IPv6 gets no link-local address", () => {
  const scene = new NdScene({ addresses: [`${OWN}/64`], ethernet: false, mtu: 1279 });
  assertEquals(scene.addresses, [`${OWN} preferred`]);
});

Deno.test("solicitations from ever new hosts fill the cache to its bound, and no further", () => {
  const scene = settled();
  scene.receive(ns(OWN, sourceMac()));
  scene.ping(PEER);
  for (let i = 0; i < 3000; i++) {
    const source = `fd00::${(i + 0x1000).toString(16)}`;
    scene.receive(ns(OWN, sourceMac(OTHER_MAC), { source, destination: OWN_GROUP }));
  }
  assertEquals(scene.neighbors.length, 1024);
  assertEquals(scene.ping(PEER), [`echo ${OWN} > ${PEER}`], "who is in use is kept");
});

const FAR = "2001:db8::1";

/** A host with a router, which it has found already. */
function routed(forward = false): NdScene {
  const scene = settled({ gateways: [ROUTER], forward });
  scene.ping(FAR);
  const source = { source: ROUTER };
  const answer = na(ROUTER, "RSO", targetMac(ROUTER_MAC), source);
  assertEquals(scene.receive(answer, ROUTER_MAC), [`echo ${OWN} > ${FAR}`]);
  return scene;
}

Deno.test("a redirect to another router takes one destination there (§8.3)", () => {
  const scene = routed();
  scene.receive(redirect(OTHER_ROUTER, FAR, targetMac(OTHER_MAC)), ROUTER_MAC);
  assertEquals(scene.routes, [`${FAR}/128 by ${OTHER_ROUTER}`]);
  assertEquals(scene.neighbors.at(-1), `${OTHER_ROUTER} ${OTHER_MAC} stale router`);
  assertEquals(scene.ping(FAR), [`echo ${OWN} > ${FAR}`]);
  assertEquals(scene.neighbors.at(-1), `${OTHER_ROUTER} ${OTHER_MAC} delay router`);
  scene.pass(600_000);
  assertEquals(scene.routes, [], "it does not hold for ever");
});

Deno.test("a redirect to the destination itself makes it a neighbor (§8.3)", () => {
  const scene = routed();
  scene.receive(redirect(FAR, FAR, targetMac(OTHER_MAC)), ROUTER_MAC);
  assertEquals(scene.routes, [`${FAR}/128`]);
  assertEquals(scene.neighbors[0], `${FAR} ${OTHER_MAC} stale`);
});

Deno.test("a redirect to a router that does not answer is taken back", () => {
  const scene = routed();
  scene.receive(redirect(OTHER_ROUTER, FAR), ROUTER_MAC);
  scene.ping(FAR);
  scene.pass(4000);
  assertEquals(scene.routes, []);
});

Deno.test("a redirect to a router that says it is none is taken back (§7.2.5)", () => {
  const scene = routed();
  scene.receive(redirect(OTHER_ROUTER, FAR, targetMac(OTHER_MAC)), ROUTER_MAC);
  scene.receive(na(OTHER_ROUTER, "O", targetMac(OTHER_MAC), { source: OTHER_ROUTER }), OTHER_MAC);
  assertEquals(scene.routes, []);
});

Deno.test("a redirect is believed of the router in use alone (§8.1)", () => {
  const cases: [what: string, packet: Uint8Array, want: string][] = [
    ["from another", redirect(OTHER_ROUTER, FAR, [], { source: OTHER_ROUTER }), "ND_NOT_FOR_US 1"],
    ["of a neighbor", redirect(OTHER_ROUTER, PEER), "ND_NOT_FOR_US 1"],
    ["to ourselves", redirect("fd00::2", "fd00::2"), "ND_NOT_FOR_US 1"],
    [
      "from a global address",
      redirect(OTHER_ROUTER, FAR, [], { source: PEER }),
      "ND_BAD_MESSAGE 1",
    ],
    ["to a group", redirect(OTHER_ROUTER, "ff0e::1"), "ND_BAD_MESSAGE 1"],
    ["to a global router", redirect("2001:db8::2", FAR), "ND_BAD_MESSAGE 1"],
    ["forwarded", redirect(OTHER_ROUTER, FAR, [], { hopLimit: 64 }), "ND_BAD_MESSAGE 1"],
  ];
  for (const [what, packet, want] of cases) {
    const scene = routed();
    scene.receive(packet, ROUTER_MAC);
    assertEquals(scene.drops, [want], what);
    assertEquals(scene.routes, [], what);
  }
});

Deno.test("a router says that it is one, and believes no redirects (§8.2)", () => {
  const scene = routed(true);
  const asked = ns(OWN, [], { source: "::", destination: OWN_GROUP });
  assertEquals(scene.receive(asked), [`na ${OWN} > ${ALL_NODES} ${OWN} at ${OWN_MAC} RO`]);
  scene.receive(redirect(OTHER_ROUTER, FAR), ROUTER_MAC);
  assertEquals(scene.drops, ["ND_NOT_FOR_US 1"]);
  assertEquals(scene.routes, []);
});

Deno.test("of ever new redirects the latest 16 hold", () => {
  const scene = routed();
  for (let i = 0; i < 100; i++) {
    scene.now++;
    scene.receive(redirect(OTHER_ROUTER, `2001:db8::${(i + 1).toString(16)}`), ROUTER_MAC);
  }
  assertEquals(scene.routes.length, 16);
  const last = IpAddress.parse("2001:db8::64");
  assertEquals(scene.stack.ip.routes.lookup(last)?.length, 128);
});
