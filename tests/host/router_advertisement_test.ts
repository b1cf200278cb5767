/**
 * Stacks that take addresses, routes and DNS servers from the advertisements of an IPv6 router on a
 * switch.
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { createStack, memoryPair, memorySwitch, type NetworkStack } from "../../mod.ts";
import { AddressState } from "../../src/net/interface.ts";
import { parseMac } from "../../src/wire/mac.ts";
import { prefixOption, ra, rdnssOption, ROUTER_MAC, sourceMac } from "../net/nd_scene.ts";
import { packetOf } from "../packets.ts";
import { settles, until } from "../stacks.ts";

const EVERYBODY = "33:33:00:00:00:01";
const SECRET = new Uint8Array(16).fill(1);

/** Puts a router on the switch, and has it advertise a prefix and a DNS server. */
function advertise(lan: ReturnType<typeof memorySwitch>): void {
  const port = lan.connect({ mac: ROUTER_MAC });
  const options = [
    ...sourceMac(ROUTER_MAC),
    ...prefixOption("2001:db8:1::/64"),
    ...rdnssOption(["2001:db8::53", "fe80::53"], 600),
  ];
  const head = [...parseMac(EVERYBODY), ...parseMac(ROUTER_MAC), 0x86, 0xdd];
  port.transmit(packetOf(Uint8Array.of(...head, ...ra(options))));
}

/** The address that a stack has made with the router's prefix, once it may be used. */
async function ownAddress(host: NetworkStack): Promise<string> {
  const { addresses } = host.core.ip.interfaces[1]!;
  const find = () => addresses.find(({ origin }) => origin === "autoconf");
  await until(() => find()?.state === AddressState.PREFERRED, "an address");
  return `${find()!.address}`;
}

Deno.test("hosts without addresses get them from a router, and reach each other", async () => {
  const lan = memorySwitch();
  await using first = createStack({ device: lan.connect(), secret: SECRET });
  await using second = createStack({ device: lan.connect(), secret: SECRET });
  await until(() => first.core.counters.ndSolicitationsSent > 0, "the start");
  advertise(lan);
  const [one, other] = await settles(Promise.all([first, second].map(ownAddress)));
  assertMatch(one!, /^2001:db8:1:/);
  assert(one !== other, "the same secret makes different addresses of different interfaces");
  assert(await first.ping(other!) >= 0);
  assertEquals(first.dnsServers, ["2001:db8::53", `fe80::53%${first.deviceName}`]);
  assertEquals(first.addresses.at(-1), one);
  assertMatch(first.addresses[0]!, new RegExp(`^fe80::.*%${first.deviceName}$`));
  await using named = createStack({
    device: lan.connect(),
    dns: { servers: ["10.0.0.1"] },
    secret: SECRET,
  });
  await until(() => named.core.counters.ndSolicitationsSent > 0, "the start");
  advertise(lan);
  await ownAddress(named);
  assertEquals(named.dnsServers, ["10.0.0.1"], "the user's own servers stay");
});

Deno.test("a secret has 16 bytes at least", () => {
  const [device] = memoryPair();
  const options = { device, address: "fd00::1", secret: new Uint8Array(15) };
  assertThrows(() => createStack(options), RangeError, "A secret has 16 bytes or more: got 15");
});
