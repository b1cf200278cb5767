/** The stub resolver of a stack on TUN, against dnsmasq on the kernel's side. */

import { assert, assertEquals } from "@std/assert";
import { denoArgs, liveTest, Namespace } from "./namespace.ts";
import { untilUp } from "./program.ts";
import { Running } from "./running.ts";

const RESOLVE = new URL("./inside/resolve.ts", import.meta.url);

/** The kernel's address on the interface, where dnsmasq serves. */
const HOST = "10.7.0.1";
const STACK = "10.7.0.2";

/** Bytes of the large text: far above what comes by UDP. */
const LARGE = 8000;

/** Pieces of a TXT record, of 200 bytes each. */
function largeText(): string[] {
  return Array.from({ length: LARGE / 200 }, (_, i) => String(i % 10).repeat(200));
}

const DNSMASQ = [
  "--keep-in-foreground",
  "--conf-file=/dev/null",
  "--no-resolv",
  "--no-hosts",
  "--pid-file=",
  "--user=",
  "--log-queries",
  "--log-facility=-",
  "--local=/lab.test/",
  "--local-ttl=60",
  `--listen-address=${HOST}`,
  "--bind-interfaces",
  "--host-record=both.lab.test,192.0.2.1,2001:db8::1",
  "--cname=alias.lab.test,both.lab.test",
  `--host-record=host.lab.test,${HOST}`,
  "--mx-host=lab.test,mail.lab.test,10",
  "--srv-host=_http._tcp.lab.test,both.lab.test,8080,1,2",
  `--txt-record=large.lab.test,${largeText().join(",")}`,
];

liveTest("names are resolved by dnsmasq", ["dnsmasq", "ss"], async () => {
  await using ns = await Namespace.create();
  await using stack = await resolver(ns);
  await using dnsmasq = new Running(ns, "dnsmasq", DNSMASQ);
  await untilServing(ns, dnsmasq);
  const ask = async (call: string, ...args: unknown[]) =>
    JSON.parse(await stack.ask(JSON.stringify([call, ...args])));

  assertEquals(await ask("resolve", "both.lab.test"), ["192.0.2.1", "2001:db8::1"]);
  assertEquals(await ask("resolve", "both.lab.test", { family: 6 }), ["2001:db8::1"]);
  assertEquals(await ask("resolve", "both"), ["192.0.2.1", "2001:db8::1"], "search domain");
  assertEquals(await ask("resolve", "alias"), ["192.0.2.1", "2001:db8::1"]);
  const chain = await ask("query", "alias.lab.test", "AAAA");
  assertEquals(chain.map(({ type, data }: Record<string, unknown>) => [type, data]), [
    ["CNAME", "both.lab.test"],
    ["AAAA", "2001:db8::1"],
  ]);
  assertEquals(await ask("query", "none.lab.test", "A"), {
    name: "NotFound",
    message: "There is no name none.lab.test",
  });
  assertEquals(await ask("query", "host.lab.test", "AAAA"), {
    name: "NotFound",
    message: "There is no AAAA record for host.lab.test",
  });
  assertEquals((await ask("query", "lab.test", "MX"))[0].data, {
    preference: 10,
    exchange: "mail.lab.test",
  });
  assertEquals((await ask("query", "_http._tcp.lab.test", "SRV"))[0].data, {
    priority: 1,
    weight: 2,
    port: 8080,
    target: "both.lab.test",
  });
  assertEquals(await ask("reverse", "2001:db8::1"), ["both.lab.test"]);

  const before = (await ask("counters")).tcpActiveOpens ?? 0;
  const [large] = await ask("query", "large.lab.test", "TXT");
  assertEquals(large.data, largeText());
  assertEquals((await ask("counters")).tcpActiveOpens, before + 1, "it came by TCP");

  assert(await ask("ping", "host") > 0);
  // Nobody but the stack has asked for this, and twice: dnsmasq was asked once.
  await ask("resolve", "host", { family: 4 });
  assertEquals(dnsmasq.stderr.match(/query\[A\] host\.lab\.test/gi)?.length, 1, dnsmasq.stderr);
  const { dnsMismatches = 0 } = await ask("counters");
  assertEquals(dnsMismatches, 0);
  await stack.closeInput();
  assertEquals((await stack.end()).code, 0);
  assertEquals(stack.stderr, "");
});

async function resolver(ns: Namespace): Promise<Running> {
  const args = [...await denoArgs(RESOLVE), STACK, HOST, "lab.test"];
  const process = new Running(ns, Deno.execPath(), args);
  await untilUp(ns, "tun0", process);
  return process;
}

/** Waits until dnsmasq has its port. */
async function untilServing(ns: Namespace, dnsmasq: Running): Promise<void> {
  while (!(await ns.check("ss", ["-lun"])).includes(`${HOST}:53`)) {
    assert(dnsmasq.isRunning, dnsmasq.stderr);
  }
}
