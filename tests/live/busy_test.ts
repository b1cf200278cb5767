/** A stack while data flows in both directions as fast as it can, with every reader. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { READER_KINDS } from "../../ffi/reader_kind.ts";
import { compile, type Compiled } from "../ffi/cc.ts";
import { denoArgs, liveTest, Namespace } from "./namespace.ts";
import { interfaces } from "./program.ts";
import { Running } from "./running.ts";

const BUSY_STACK = new URL("./inside/busy_stack.ts", import.meta.url);
const LOAD = new URL("../../bench/live/load.c", import.meta.url);
const STACK = "10.0.0.2";

/** Latest that the application's timer may be, in milliseconds. */
const LATEST = 50;

/** Loads a stack in both directions, for as long as the result is in use. */
class Load implements AsyncDisposable {
  readonly #programs: Running[];

  constructor(ns: Namespace, load: Compiled) {
    const ms = "30000";
    this.#programs = [
      new Running(ns, load.path, ["send", STACK, "9", ms, "1"]),
      new Running(ns, load.path, ["receive", STACK, "19", ms]),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) await program[Symbol.asyncDispose]();
  }
}

/** Registers a test for each kind of reader, with offload and without. */
function busyTest(
  name: string,
  fn: (ns: Namespace, stack: Running) => Promise<void>,
): void {
  for (const reader of READER_KINDS) {
    for (const offload of ["offload", "plain"]) {
      liveTest(`${name} (${reader} reader, ${offload})`, ["cc"], async () => {
        await using load = await compile(await Deno.readTextFile(LOAD), {
          args: ["-O2", "-pthread"],
        });
        await using ns = await Namespace.create();
        const args = [...await denoArgs(BUSY_STACK), reader, offload];
        await using stack = new Running(ns, Deno.execPath(), args);
        await stack.waitFor("ready\n");
        await using _ = new Load(ns, load);
        const before = await received(ns);
        await pause(300);
        assert(await received(ns) - before > 1_000_000, "data flows from the stack");
        await fn(ns, stack);
      });
    }
  }
}

/** How many bytes the kernel has received from the stack. */
async function received(ns: Namespace): Promise<number> {
  const [link] = JSON.parse(await ns.check("ip", ["-s", "-json", "link", "show", "dev", "stack0"]));
  return link.stats64.rx.bytes;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

busyTest("the application's timers fire in time while data flows both ways", async (_, stack) => {
  await stack.ask("how late?");
  await pause(1500);
  const { late, ownLate } = JSON.parse(await stack.ask("how late?"));
  assert(late > 0, "it fires");
  assert(ownLate < LATEST, `it was late by ${ownLate} ms, and by ${late} ms in all`);
});

busyTest("a signal is heard while data flows, and the stack ends in order", async (ns, stack) => {
  stack.signal("SIGINT");
  const { code, took } = await stack.end();
  assertEquals([code, stack.stderr], [0, ""]);
  assert(stack.stdout.endsWith("closed\n"), stack.stdout);
  assert(took < 2000, `it took ${took} ms`);
  assertEquals(await interfaces(ns), ["lo"]);
});

busyTest("an interface that is deleted while data flows is the end", async (ns, stack) => {
  await ns.check("ip", ["link", "delete", "stack0"]);
  const { code, took } = await stack.end();
  assertEquals(code, 1);
  assertMatch(stack.stderr, /Cannot read from stack0.*the interface has vanished/);
  assert(took < 2000, `it took ${took} ms`);
});
