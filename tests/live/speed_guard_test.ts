/** The stack is as fast, beside C and the kernel, as it has been: half of it at least. */

import { assertEquals } from "@std/assert";
import { guard } from "../../bench/live/guard.ts";
import { liveTest } from "./namespace.ts";

liveTest("beside C and the kernel, the stack has half of the recorded speed", ["cc"], async () => {
  const { report, lost } = await guard();
  assertEquals(lost, [], `The speed of ${lost.join(", ")} is lost:\n${report}`);
});
