/** How it stops while others are connected. */

import { assertEquals } from "@std/assert";
import { liveTest, Namespace } from "../namespace.ts";
import { interfaces, type Program, STACK } from "../program.ts";
import { Running } from "../running.ts";

/** Registers the tests. */
export function stoppingTests(program: Program): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const name = `serve (${program.name}): ${signal} closes every connection with FIN`;
    liveTest(name, ["nc", "socat"], async () => {
      await using ns = await Namespace.create();
      await using serving = await program.serve(ns);
      // socat tells a RST from a FIN; nc without input ends at the FIN.
      await using echo = new Running(ns, "socat", ["-d", "-", `TCP:${STACK}:7`]);
      await echo.type("hi\n");
      await echo.waitFor("hi\n");
      await using chat = new Running(ns, "socat", ["-d", "-", `TCP:${STACK}:8080`]);
      await chat.waitFor("Welcome");
      await using listener = new Running(ns, "nc", ["-d", STACK, "8080"]);
      await listener.waitFor("Welcome");
      // Somebody in the middle of a transfer, who gets an end as well.
      await using reader = new Running(ns, "sh", ["-c", `exec nc -d ${STACK} 19 >/dev/null`]);

      await serving.stop(signal);
      for (const client of [echo, chat, listener]) {
        assertEquals((await client.end()).code, 0);
        assertEquals(client.stderr, "");
      }
      await reader.end();
      assertEquals(await interfaces(ns), ["lo"]);
    });
  }

  liveTest(
    `serve (${program.name}): who does not answer can't hold up its end`,
    ["nc"],
    async () => {
      await using ns = await Namespace.create();
      await using serving = await program.serve(ns);
      await using reader = new Running(ns, "nc", ["-d", STACK, "19"]);
      await reader.waitFor("!");
      reader.signal("SIGSTOP");
      await serving.stop();
    },
  );

  liveTest(`serve (${program.name}): killed, it leaves no interface behind`, [], async () => {
    await using ns = await Namespace.create();
    await using serving = await program.serve(ns);
    assertEquals(await interfaces(ns), ["lo", "tun0"]);
    serving.process.signal("SIGKILL");
    await serving.process.end();
    assertEquals(await interfaces(ns), ["lo"]);
  });
}
