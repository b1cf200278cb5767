/** Duplicate address detection (RFC 4862 §5.4), optimistic or not (RFC 4429). */

import { assert, assertEquals } from "@std/assert";
import { IpAddress } from "../../src/wire/address.ts";
import {
  ALL_NODES,
  na,
  NdScene,
  ns,
  OTHER_MAC,
  OWN,
  OWN_GROUP,
  OWN_MAC,
  PEER,
  PEER_GROUP,
  sourceMac,
  targetMac,
} from "./nd_scene.ts";

const PROBE = `ns :: > ${OWN_GROUP} ${OWN}`;

Deno.test("an address is asked for once, after a random delay, and is ours a second later (§5.4.2)", () => {
  const scene = new NdScene();
  assertEquals(scene.addresses[0], `${OWN} optimistic`);
  const sent = scene.pass(2000).filter((line) => line.includes(OWN));
  assertEquals(sent, [`500: ${PROBE}`]);
  assertEquals(scene.addresses[0], `${OWN} preferred`);
});

Deno.test("while others may have it, an address is used, but in no cache (RFC 4429 §3.3)", () => {
  const scene = new NdScene();
  assertEquals(scene.ping(PEER), [`ns ${OWN} > ${PEER_GROUP} ${PEER}`], "no hardware address");
  assertEquals(scene.receive(na(PEER, "SO", targetMac())), [`echo ${OWN} > ${PEER}`]);
  const answer = `na ${OWN} > ${PEER} ${OWN} at ${OWN_MAC} S`;
  assertEquals(scene.receive(ns(OWN, sourceMac())), [answer], "no override");
});

Deno.test("who answers a probe, or sends one as well, has the address (§5.4.3, §5.4.4)", () => {
  const cases: [what: string, packet: Uint8Array][] = [
    ["an answer", na(OWN, "O", targetMac(OTHER_MAC), { source: OWN, destination: ALL_NODES })],
    ["an answer from elsewhere", na(OWN, "O", targetMac(OTHER_MAC), { destination: ALL_NODES })],
    ["a probe", ns(OWN, [], { source: "::", destination: OWN_GROUP })],
  ];
  for (const [what, packet] of cases) {
    for (const time of [0, 700]) {
      const scene = new NdScene();
      scene.pass(time);
      scene.receive(packet, OTHER_MAC);
      assertEquals(scene.drops, [], what);
      assert(scene.entries.every(({ address }) => `${address}` !== OWN), what);
      assertEquals(scene.stack.counters.ndDuplicateAddresses, 1, what);
      assertEquals(scene.ping(PEER), ["no way"], "its route has gone with it");
      assertEquals(scene.receive(ns(OWN, sourceMac(), { destination: OWN_GROUP })), [], what);
    }
  }
});

Deno.test("later on nobody takes an address away (RFC 4862 §5.4 is for new ones)", () => {
  const scene = new NdScene();
  scene.pass(2000);
  scene.receive(na(OWN, "O", targetMac(OTHER_MAC), { destination: ALL_NODES }), OTHER_MAC);
  scene.receive(
    na(OWN, "O", targetMac(OTHER_MAC), { source: OWN, destination: ALL_NODES }),
    OTHER_MAC,
  );
  assertEquals(scene.drops, ["IP_BAD_SOURCE 1", "ND_NOT_FOR_US 1"]);
  assertEquals(scene.addresses[0], `${OWN} preferred`);
});

Deno.test("our own probe is not another's", () => {
  const scene = new NdScene();
  scene.receive(ns(OWN, [], { source: "::", destination: OWN_GROUP }), OWN_MAC);
  assertEquals(scene.drops, ["ETHERNET_NOT_FOR_US 1"]);
  scene.pass(2000);
  assertEquals(scene.addresses[0], `${OWN} preferred`);
});

Deno.test("only neighbor discovery is believed of who speaks from our address", () => {
  const scene = new NdScene();
  const packet = na(OWN, "O", targetMac(OTHER_MAC), { source: OWN });
  scene.receive(packet, OTHER_MAC);
  assertEquals(scene.drops, ["IP_BAD_SOURCE 1"], "an answer goes to all nodes");
});

Deno.test("a link-local address is tentative first: it answers nobody, and is not spoken from (§5.4)", () => {
  const scene = new NdScene();
  const { address } = scene.entryOf("link-local")!;
  const own = `${address.withZone(0)}`;
  const tail = address.toBytes().subarray(13).toHex();
  const group = `${IpAddress.parse(`ff02::1:ff${tail.slice(0, 2)}:${tail.slice(2)}`)}`;
  assertEquals(scene.receive(ns(own, sourceMac(), { destination: group })), []);
  assertEquals(scene.drops, ["ND_NOT_FOR_US 1"]);
  assertEquals(scene.pass(2000).filter((line) => line.includes("fe80")), [
    `500: ns :: > ${group} ${own}`,
  ]);
  const answer = `na ${own} > ${PEER} ${own} at ${OWN_MAC} SO`;
  assertEquals(scene.receive(ns(own, sourceMac(), { destination: group })), [answer]);
});

Deno.test("a link-local address that others have gives way to another, three times (RFC 7217 §6)", () => {
  const scene = new NdScene();
  const seen = new Set<string>();
  for (let i = 0; i < 4; i++) {
    const { address } = scene.entryOf("link-local")!;
    const taken = `${address.withZone(0)}`;
    seen.add(taken);
    scene.receive(na(taken, "O", targetMac(OTHER_MAC), { destination: ALL_NODES }), OTHER_MAC);
  }
  assertEquals(seen.size, 4);
  assertEquals(scene.entryOf("link-local"), undefined);
  assertEquals(scene.stack.counters.ndDuplicateAddresses, 4);
  const probes = scene.pass(10_000).filter((line) => line.includes("fe80"));
  assertEquals(probes, []);
});

Deno.test("a link-local address of the user's choice is the only one", () => {
  const scene = new NdScene({ addresses: ["fe80::5/64"] });
  assertEquals(scene.addresses, ["fe80::5 optimistic"]);
});
