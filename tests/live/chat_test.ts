/** `tcpstack chat-server` and `tcpstack chat`, on interfaces of their own, and `nc` among them. */

import { assertEquals, assertMatch } from "@std/assert";
import { liveTest, Namespace } from "./namespace.ts";
import { SOURCE } from "./program.ts";
import { Running } from "./running.ts";

/** Addresses for a second stack beside the usual one. */
const SECOND = [
  ..."--address 10.9.0.2 --host-address 10.9.0.1".split(" "),
  ..."--address fd09::2 --host-address fd09::1".split(" "),
];

/** A namespace whose kernel forwards from one interface to another. */
async function forwarding(): Promise<Namespace> {
  const ns = await Namespace.create();
  await ns.check("sh", [
    "-ec",
    `
    echo 1 >/proc/sys/net/ipv4/ip_forward
    echo 1 >/proc/sys/net/ipv6/conf/all/forwarding`,
  ]);
  return ns;
}

for (const [family, host] of [["IPv4", "10.0.0.2"], ["IPv6", "fd00::2"]] as const) {
  liveTest(
    `chat: two stacks on two TUNs, joined by the kernel, and nc, over ${family}`,
    ["nc"],
    async () => {
      await using ns = await forwarding();
      await using server = await SOURCE.start(ns, ["chat-server"]);
      await server.waitFor("A chat on port 8000 of 10.0.0.2 and fd00::2. Ctrl-C stops.\n");
      await using ann = await SOURCE.start(ns, ["chat", host, "--nick", "ann", ...SECOND]);
      await ann.waitFor(/^\* Welcome, \S+; 0 others are here\n\* You are called ann\n$/);
      await using bob = new Running(ns, "nc", ["-N", host, "8000"]);
      await bob.waitFor(/^\* Welcome, \S+; 1 other is here\n$/);
      await bob.type("/nick bob\n");
      await ann.waitFor(/\* \S+ has joined\n\* \S+ is called bob\n$/);
      await ann.type("hello, Bob\n");
      await bob.waitFor("ann: hello, Bob\n");
      await bob.type("\x1b[2Jhello, Ann\n/who\n");
      await ann.waitFor("bob: [2Jhello, Ann\n");
      await bob.waitFor("* Here are ann, bob (you)\n");
      await bob.type("/quit\n");
      await ann.waitFor("* bob has left\n");
      await ann.type("/quit\n");
      assertEquals((await ann.end()).code, 0);
      assertEquals(ann.stderr, "");
      await server.waitFor("* ann has left\n");
      server.signal("SIGINT");
      assertEquals((await server.end()).code, 0);
      const place = family === "IPv4" ? "10\\.9\\.0\\.2" : "\\[fd09::2\\]";
      assertMatch(server.stdout, new RegExp(`\\n\\* ${place}:\\d+ has joined\n`));
    },
  );
}

liveTest("chat: the port of serve is a chat, too, and errors are told", ["nc"], async () => {
  await using ns = await forwarding();
  await using server = await SOURCE.serve(ns);
  await using ann = await SOURCE.start(ns, ["chat", "10.0.0.2", "8080", ...SECOND]);
  await ann.waitFor(/^\* Welcome, 10\.9\.0\.2:\d+; 0 others are here\n$/);
  await server.stop();
  assertEquals((await ann.end()).code, 1);
  assertMatch(ann.stderr, /^tcpstack: (The server has ended the chat|Connection reset by \S+)\n$/);
  const cases: [args: string[], code: number, message: RegExp][] = [
    [["chat", "10.0.0.1"], 1, /^tcpstack: Connection refused by 10\.0\.0\.1:8000\n$/],
    [["chat"], 2, /Missing argument HOST/],
    [["chat", "10.0.0.1", "x"], 2, /Argument PORT: expected a port, 1 to 65535: got "x"/],
    [["chat-server", "-p", "0"], 2, /Option --port: expected a port/],
  ];
  for (const [args, code, message] of cases) {
    const outcome = await SOURCE.run(ns, args);
    assertMatch(outcome.stderr, message);
    assertEquals(outcome.code, code, args.join(" "));
  }
});
