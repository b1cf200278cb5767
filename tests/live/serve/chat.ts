/** The chat, as people with `nc` see it. */

import { assert, assertEquals } from "@std/assert";
import type { Namespace } from "../namespace.ts";
import { type Program, serveTest, STACK } from "../program.ts";
import { Running } from "../running.ts";

/** Somebody who chats. */
async function join(ns: Namespace): Promise<{ client: Running; name: string }> {
  const client = new Running(ns, "nc", ["-N", STACK, "8080"]);
  try {
    await client.waitFor(/^\* Welcome, \S+; .*\n/);
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
  return { client, name: /Welcome, (\S+);/.exec(client.stdout)![1]! };
}

/** Registers the tests. */
export function chatTests(program: Program): void {
  const needs = ["nc"];

  serveTest(
    program,
    "chat passes lines on, and tells who comes and goes",
    { needs },
    async (ns) => {
      const { client: ann, name: annsName } = await join(ns);
      await using _ann = ann;
      const { client: bob, name: bobsName } = await join(ns);
      await using _bob = bob;
      assertEquals(bob.stdout, `* Welcome, ${bobsName}; 1 other is here\n`);
      await ann.waitFor(`* ${bobsName} has joined\n`);
      await ann.type("hello, Bob\n");
      await bob.waitFor(`${annsName}: hello, Bob\n`);
      await bob.type("hello, Ann\r\nhow do you do?\n");
      await ann.waitFor(`${bobsName}: hello, Ann\n${bobsName}: how do you do?\n`);
      await bob.closeInput();
      await ann.waitFor(`* ${bobsName} has left\n`);
      assertEquals((await bob.end()).code, 0);
      assert(!ann.stdout.includes(`${annsName}:`), "nobody hears themselves");
    },
  );

  serveTest(program, "who never reads in the chat holds up nobody", { needs }, async (ns) => {
    // Stopped, so that its buffers fill, and then the stack's for it.
    const { client: sleeper, name: sleepersName } = await join(ns);
    await using _sleeper = sleeper;
    sleeper.signal("SIGSTOP");
    const { client: speaker } = await join(ns);
    await using _speaker = speaker;
    const { client: listener } = await join(ns);
    await using _listener = listener;
    const text = "all work and no play ".repeat(100);
    for (let block = 0; block < 20; block++) {
      await speaker.type(`${text}\n`.repeat(99) + `block ${block}\n`);
      await listener.waitFor(`block ${block}\n`);
    }
    assertEquals(listener.stdout.split(text).length - 1, 99 * 20);
    await listener.waitFor(`* ${sleepersName} has left\n`);
  });
}
