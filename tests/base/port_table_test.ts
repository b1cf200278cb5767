import { assertEquals } from "@std/assert";
import { type Bound, PortTable } from "../../src/base/port_table.ts";
import { IpAddress } from "../../src/wire/address.ts";

const A = IpAddress.v4(10, 0, 0, 1);
const B = IpAddress.v4(10, 0, 0, 2);

function bound(address: IpAddress | null, port: number): Bound {
  return { address, port };
}

Deno.test("PortTable finds the exact address first, then all addresses, then every port", () => {
  const table = new PortTable<Bound>();
  const exact = bound(A, 80);
  const wildcard = bound(null, 80);
  const every = bound(null, 0);
  for (const one of [wildcard, exact, every]) assertEquals(table.add(one), true);
  assertEquals(table.find(A, 80), exact);
  assertEquals(table.find(B, 80), wildcard);
  assertEquals(table.find(A, 81), every);
  table.remove(wildcard);
  assertEquals(table.find(B, 80), every);
  table.remove(every);
  assertEquals(table.find(B, 80), undefined);
  assertEquals(table.find(A, 80), exact);
});

Deno.test("PortTable takes each address and port once, and one on all addresses beside it", () => {
  const table = new PortTable<Bound>();
  assertEquals(table.add(bound(A, 80)), true);
  assertEquals(table.add(bound(IpAddress.parse("10.0.0.1"), 80)), false);
  assertEquals(table.add(bound(B, 80)), true);
  assertEquals(table.add(bound(null, 80)), true);
  assertEquals(table.add(bound(null, 80)), false);
  assertEquals([table.has(80), table.has(81)], [true, false]);
});

Deno.test("PortTable has several on one address and port if all of them share it", () => {
  const table = new PortTable<Bound>();
  const shared = (address: IpAddress | null) => ({ ...bound(address, 80), isShared: true });
  const [one, other] = [shared(null), shared(null)];
  assertEquals([table.add(one), table.add(other)], [true, true]);
  assertEquals(table.add(bound(null, 80)), false);
  assertEquals(table.add(shared(A)), true);
  assertEquals(table.all(80).length, 3);
  table.remove(one);
  assertEquals(table.find(B, 80), other);
  assertEquals(table.all(81), []);
});
