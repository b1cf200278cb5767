import { assertEquals } from "@std/assert";
import { Counters } from "../../src/base/counters.ts";
import { Drop } from "../../src/wire/drop.ts";

Deno.test("Counters lists what is not zero, drops by their reason", () => {
  const counters = new Counters();
  assertEquals(counters.entries(), []);
  counters.tcpSent += 3;
  counters.drop(Drop.TCP_BAD_ACK);
  counters.drop(Drop.TCP_BAD_ACK);
  counters.drop(Drop.IP_BAD_SOURCE);
  assertEquals(counters.entries(), [
    ["tcpSent", 3],
    ["drop.IP_BAD_SOURCE", 1],
    ["drop.TCP_BAD_ACK", 2],
  ]);
});
