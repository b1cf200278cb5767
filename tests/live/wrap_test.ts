/** More bytes than sequence numbers are left: they start over on the way. */

import { assertEquals } from "@std/assert";
import { End } from "./end.ts";
import { liveTest, Namespace } from "./namespace.ts";

const LENGTH = 2 ** 30;
/** On both sides they start over while some of it is still to come. */
const SETTINGS = JSON.stringify({ wrapWithin: 0.9 * LENGTH });
/** Patience with a transfer, in milliseconds. */
const LONG = 60_000;

liveTest("1 GiB arrives whole, to and from the kernel, across the wrap", [], async () => {
  await using ns = await Namespace.create();
  await using stack = await End.start(ns, "10.0.0.2", ["10.0.0.2", "10.0.0.1", SETTINGS]);
  await using kernel = await End.start(ns, "10.0.0.1", []);

  const [received, sent] = await Promise.all([
    kernel.receive(LONG),
    stack.send(kernel, LENGTH, LONG),
  ]);
  assertEquals(received.bytes, LENGTH);
  assertEquals(received.hash, sent.hash);

  const [fetched, served] = await Promise.all([
    stack.fetch(kernel, LONG),
    kernel.serve(LENGTH, LONG),
  ]);
  assertEquals(fetched.bytes, LENGTH);
  assertEquals(fetched.hash, served.hash);
});
