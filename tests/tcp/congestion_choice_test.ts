import { assertEquals, assertThrows } from "@std/assert";
import {
  CONGESTION_NAMES,
  type CongestionName,
  isCongestionName,
  makeCongestion,
} from "../../src/tcp/congestion/registry.ts";
import { NO_USER, type Tcb } from "../../src/tcp/tcb.ts";
import { PEER, STACK } from "../packets.ts";
import { Random } from "../random.ts";
import { SimulatedNetwork } from "../sim/network.ts";

Deno.test("every congestion control there is can be made by its name", () => {
  for (const name of CONGESTION_NAMES) assertEquals(makeCongestion(name).name, name);
  assertEquals(isCongestionName("newreno"), true);
  for (const name of ["", "vegas", "toString"]) assertEquals(isCongestionName(name), false);
});

/** The controls of the two ends of a new connection. */
function controls(
  stack: CongestionName,
  open: CongestionName | undefined,
  listener: CongestionName | null,
): string[] {
  const network = new SimulatedNetwork(new Random(1));
  const a = network.host(PEER, { congestion: stack });
  const b = network.host(STACK, { congestion: stack });
  network.link(a, b, { delay: 1 });
  const listening = b.stack.tcp.listen(null, 7, 1, () => {})!;
  if (listener !== null) listening.options = { congestion: listener };
  const client = a.stack.tcp.open(STACK, 7, null, 0, NO_USER, network.now, {
    congestion: open,
  }) as Tcb;
  network.run(() => listening.queue.length > 0, 1000);
  return [client.congestion.name, listening.accept()!.congestion.name];
}

Deno.test("[MAY-18] a connection has the congestion control of its stack, unless it is given another", () => {
  for (const stack of CONGESTION_NAMES) {
    assertEquals(controls(stack, undefined, null), [stack, stack]);
    for (const other of CONGESTION_NAMES) {
      assertEquals(controls(stack, other, null), [other, stack]);
      assertEquals(controls(stack, undefined, other), [stack, other]);
    }
  }
});

Deno.test("a stack with a congestion control that there isn't is refused by name", () => {
  const network = new SimulatedNetwork(new Random(1));
  const vegas = { congestion: "vegas" as CongestionName };
  assertThrows(() => network.host(PEER, vegas), RangeError, 'Unknown congestion control "vegas"');
});
