import { assert, assertEquals } from "@std/assert";
import { ESTIMATE_LIFETIME, MIN_PATH_MTU, PathMtuCache } from "../../src/net/path_mtu.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { PEER, STACK } from "../packets.ts";
import { PEER6 } from "../packets6.ts";
import { Random, withSeed } from "../random.ts";

const LINK = 1500;
const ENV = { random: () => 1 };

Deno.test("[RFC1191-01] an estimate falls to what a router tells, for that destination alone", () => {
  const paths = new PathMtuCache(ENV);
  assertEquals(paths.estimate(PEER, LINK, 0), LINK);
  assert(paths.tooBig(PEER, 1400, 1500, LINK, 0));
  assertEquals(paths.estimate(PEER, LINK, 0), 1400);
  assertEquals(paths.estimate(STACK, LINK, 0), LINK);
  assertEquals(paths.estimate(PEER, 1300, 0), 1300);
});

Deno.test("[RFC1191-02] [RFC8899-03] what cannot be true is not believed, and nothing raises an estimate", () => {
  const cases: [mtu: number, length: number, believed: boolean, estimate: number][] = [
    [1500, 1500, false, 1000],
    [1501, 1500, false, 1000],
    [65535, 1500, false, 1000],
    [67, 1500, false, 1000],
    [1, 1500, false, 1000],
    [0, 68, false, 1000],
    [0, 20, false, 1000],
    [1400, 1500, true, 1000], // sent before the estimate fell
    [1000, 1500, true, 1000],
    [999, 1500, true, 999],
    [68, 1500, true, 68],
  ];
  for (const [mtu, length, believed, estimate] of cases) {
    const paths = new PathMtuCache(ENV);
    paths.tooBig(PEER, 1000, 1500, LINK, 0);
    assertEquals(paths.tooBig(PEER, mtu, length, LINK, 0), believed, `${mtu}, ${length}`);
    assertEquals(paths.estimate(PEER, LINK, 0), estimate, `${mtu}, ${length}`);
  }
});

Deno.test("[RFC8201-01] of IPv6 nothing below 1280 is believed, nor is a router that does not tell", () => {
  const paths = new PathMtuCache(ENV);
  for (const mtu of [1279, 68, 1, 0]) {
    assert(!paths.tooBig(PEER6, mtu, 1500, LINK, 0), `${mtu}`);
    assertEquals(paths.estimate(PEER6, LINK, 0), LINK);
  }
  assert(paths.tooBig(PEER6, 1280, 1500, LINK, 0));
  assertEquals(paths.estimate(PEER6, LINK, 0), 1280);
});

Deno.test("[RFC1191-02] whatever is told, an estimate never rises in its time, and is 68 at least", () => {
  withSeed(1, (random) => {
    const paths = new PathMtuCache(ENV);
    let last = LINK;
    for (let i = 0; i < 10_000; i++) {
      paths.tooBig(PEER, random.below(1600), random.below(1600), LINK, i);
      const estimate = paths.estimate(PEER, LINK, i);
      assert(estimate <= last && estimate >= MIN_PATH_MTU, `${estimate}`);
      last = estimate;
    }
    assertEquals(last, MIN_PATH_MTU);
  });
});

Deno.test("[RFC1191-03] an estimate holds for 10 minutes after it last fell, then the link counts again", () => {
  const paths = new PathMtuCache(ENV);
  paths.tooBig(PEER, 1400, 1500, LINK, 1000);
  paths.tooBig(PEER, 1300, 1400, LINK, 2000);
  paths.tooBig(PEER, 1300, 1400, LINK, 500_000); // tells nothing new
  assertEquals(paths.estimate(PEER, LINK, 2000 + ESTIMATE_LIFETIME - 1), 1300);
  assertEquals(paths.estimate(PEER, LINK, 2000 + ESTIMATE_LIFETIME), LINK);
  assertEquals(paths.size, 0);
  assertEquals(ESTIMATE_LIFETIME, 10 * 60 * 1000);
});

Deno.test("[RFC1191-04] an MTU of 0 stands for the plateau below what was sent (RFC 1191 §7.1)", () => {
  const cases: [link: number, length: number, want: number][] = [
    [65535, 65535, 32000],
    [65535, 9000, 8166],
    [1500, 1500, 1492],
    [1500, 1493, 1492],
    [1500, 1492, 1006],
    [1500, 1006, 508],
    [1500, 576, 508],
    [1500, 508, 296],
    [1500, 296, 68],
    [1500, 69, 68],
    [1500, 1520, 1492], // some count the header twice
    [1492, 1512, 1006],
  ];
  for (const [link, length, want] of cases) {
    const paths = new PathMtuCache(ENV);
    assert(paths.tooBig(PEER, 0, length, link, 0));
    assertEquals(paths.estimate(PEER, link, 0), want, `${length}`);
  }
});

Deno.test("[RFC1191-04] errors without an MTU about all packets of a flight lower the estimate once", () => {
  const paths = new PathMtuCache(ENV);
  for (let i = 0; i < 10; i++) assert(paths.tooBig(PEER, 0, 1500, LINK, i));
  assertEquals(paths.estimate(PEER, LINK, 10), 1492);
});

Deno.test("the memory for estimates is bounded: the oldest is forgotten", () => {
  const paths = new PathMtuCache(ENV);
  const address = (i: number) => IpAddress.v4(10, 1, i >> 8, i & 255);
  for (let i = 0; i < 5000; i++) paths.tooBig(address(i), 1400, 1500, LINK, i);
  assertEquals(paths.size, 1024);
  assertEquals(paths.estimate(address(4999), LINK, 5000), 1400);
  assertEquals(paths.estimate(address(5000 - 1024), LINK, 5000), 1400);
  assertEquals(paths.estimate(address(5000 - 1025), LINK, 5000), LINK);
});

Deno.test("destinations with the same hash take each other's place, and have no estimate in common", () => {
  const paths = new PathMtuCache({ random: () => 0 });
  const [one, other] = twins();
  assert(paths.tooBig(one, 1400, 1500, LINK, 0));
  assertEquals(paths.estimate(other, LINK, 0), LINK);
  assert(paths.tooBig(other, 1300, 1500, LINK, 0));
  assertEquals([paths.estimate(one, LINK, 0), paths.estimate(other, LINK, 0)], [LINK, 1300]);
  assertEquals(paths.size, 1);
});

Deno.test("the same link-local address on two links has an estimate for each", () => {
  const paths = new PathMtuCache(ENV);
  const address = IpAddress.parse("fe80::1");
  paths.tooBig(address.withZone(2), 1300, 1500, LINK, 0);
  paths.tooBig(address.withZone(3), 1400, 1500, LINK, 0);
  assertEquals(paths.estimate(address.withZone(2), LINK, 0), 1300);
  assertEquals(paths.estimate(address.withZone(3), LINK, 0), 1400);
});

/** Two IPv6 addresses with the same hash for the seed 0. */
function twins(): [IpAddress, IpAddress] {
  const random = new Random(1);
  const byHash = new Map<number, IpAddress>();
  for (;;) {
    const address = IpAddress.fromBytes(random.bytes(16));
    const twin = byHash.get(address.hash(0));
    if (twin !== undefined) return [twin, address];
    byHash.set(address.hash(0), address);
  }
}
