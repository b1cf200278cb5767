import { assertEquals } from "@std/assert";
import { Interface } from "../../src/net/interface.ts";
import { PointToPoint } from "../../src/net/point_to_point.ts";
import { RouteCache } from "../../src/net/route_cache.ts";
import { type Route, RouteTable } from "../../src/net/routes.ts";
import { Counters } from "../../src/base/counters.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { withSeed } from "../random.ts";

const link = { mtu: 1500, transmit: () => true };
const [A, B] = ["a", "b"].map((name, i) =>
  new Interface(i + 1, name, link, () => new PointToPoint(link, new Counters()))
) as [Interface, Interface];

/** A route to `10.1.0.0/16 via 10.0.0.1 a 5`: network, router or -, interface, metric. */
function route(text: string): Route {
  const [network, gateway, name, metric] = text.split(" ") as [string, string, string, string];
  const [address, length] = network.split("/") as [string, string];
  return {
    prefix: IpAddress.parse(address),
    length: Number(length),
    gateway: gateway === "-" ? null : IpAddress.parse(gateway),
    interface: name === "a" ? A : B,
    metric: Number(metric),
    expiresAt: Infinity,
  };
}

function table(...routes: string[]): RouteTable {
  const made = new RouteTable();
  for (const one of routes) made.add(route(one));
  return made;
}

/** How a destination is reached: `gateway interface`. */
function way(from: RouteTable, destination: string, only: Interface | null = null): string {
  const found = from.lookup(IpAddress.parse(destination), only);
  return found === undefined ? "none" : `${found.gateway ?? "-"} ${found.interface.name}`;
}

Deno.test("the longest prefix counts, whatever the order and the metrics (RFC 1812 §5.2.4.3)", () => {
  const routes = [
    "0.0.0.0/0 10.0.0.1 a 0",
    "10.0.0.0/8 10.0.0.2 a 9",
    "10.1.0.0/16 10.0.0.3 a 99",
    "10.1.2.0/24 - b 999",
    "10.1.2.3/32 10.0.0.4 b 9999",
    "::/0 fd00::1 a 0",
    "fd00::/8 fd00::2 a 0",
    "fd00:0:0:1::/64 - b 0",
  ];
  for (const order of [routes, routes.toReversed()]) {
    const made = table(...order);
    const cases: [destination: string, want: string][] = [
      ["192.0.2.1", "10.0.0.1 a"],
      ["10.2.0.1", "10.0.0.2 a"],
      ["10.1.3.1", "10.0.0.3 a"],
      ["10.1.2.4", "- b"],
      ["10.1.2.3", "10.0.0.4 b"],
      ["2001:db8::1", "fd00::1 a"],
      ["fd01::1", "fd00::2 a"],
      ["fd00:0:0:1::9", "- b"],
    ];
    for (const [destination, want] of cases) assertEquals(way(made, destination), want);
  }
});

Deno.test("of equal prefixes the lowest metric counts, then the first", () => {
  const made = table("0.0.0.0/0 10.0.0.1 a 2", "0.0.0.0/0 10.0.0.2 b 1", "0.0.0.0/0 10.0.0.3 a 1");
  assertEquals(way(made, "192.0.2.1"), "10.0.0.2 b");
  assertEquals(way(made, "192.0.2.1", A), "10.0.0.3 a");
  assertEquals(way(made, "2001:db8::1"), "none");
});

Deno.test("a route replaces the one with its prefix, router and interface", () => {
  const made = table("10.0.0.0/8 10.0.0.1 a 5", "10.0.0.0/8 10.0.0.1 a 7");
  assertEquals(made.all.map(({ metric }) => metric), [7]);
});

Deno.test("each change makes earlier answers old", () => {
  const made = table("10.0.0.0/8 - a 0");
  const before = made.generation;
  made.remove(({ length }) => length === 9);
  assertEquals(made.generation, before);
  made.remove(({ length }) => length === 8);
  assertEquals([made.generation > before, way(made, "10.0.0.1")], [true, "none"]);
});

Deno.test("a route is gone when its time is over", () => {
  const made = table("0.0.0.0/0 10.0.0.1 a 2");
  made.add({ ...route("0.0.0.0/0 10.0.0.2 a 1"), expiresAt: 5000 });
  assertEquals(made.nextDeadline(), 5000);
  made.poll(4999);
  assertEquals(way(made, "192.0.2.1"), "10.0.0.2 a");
  made.poll(5000);
  assertEquals([way(made, "192.0.2.1"), made.nextDeadline()], ["10.0.0.1 a", Infinity]);
});

Deno.test("what is remembered of the table is what it would answer, whatever was asked and changed", () => {
  withSeed(1, (random) => {
    const made = table("0.0.0.0/0 10.0.0.1 a 0", "::/0 - a 0");
    const cache = new RouteCache(made);
    for (let i = 0; i < 20_000; i++) {
      // Of so many addresses some share a place.
      const n = random.below(1000);
      const address = random.chance(0.5)
        ? IpAddress.v4(10, 0, n >>> 8, n & 255)
        : IpAddress.parse(`fd00::${n.toString(16)}`);
      assertEquals(cache.lookup(address), made.lookup(address), `${address}`);
      if (!random.chance(0.01)) continue;
      const [third, length] = [random.below(4), random.between(17, 32)];
      if (random.chance(0.5)) made.remove((route) => route.length === length);
      else made.add(route(`10.0.${third}.0/${length} - b 0`));
    }
  });
});
