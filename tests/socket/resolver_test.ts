/** The stub resolver against a scripted server: each rule of asking and of believing. */

import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  createStack,
  DnsError,
  type DnsOptions,
  memoryPair,
  type NetworkStack,
} from "../../mod.ts";
import { Resolver } from "../../src/socket/resolver.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { FAR, isPending, NEAR, settles, until } from "../stacks.ts";
import { type Asked, type Reply, responseTo, type Script, ScriptedServer } from "./dns_server.ts";

/** The far stack's other address. */
const SECOND = "10.0.0.3";

interface Bench {
  near: NetworkStack;
  far: NetworkStack;
  server: ScriptedServer;
}

/** How long a server that is going to be silent may take, in milliseconds. */
const SHORT = { timeout: 100 };

/** A resolver on the near stack, and a server on the far one. */
function dnsTest(
  name: string,
  script: Script,
  body: (bench: Bench) => Promise<void>,
  options: { dns?: DnsOptions; addresses?: string[] } = {},
): void {
  Deno.test(name, async () => {
    const [nearDevice, farDevice] = memoryPair();
    const dns = { servers: [FAR], ...options.dns };
    const near = createStack({ device: nearDevice, address: options.addresses ?? NEAR, dns });
    const far = createStack({ device: farDevice, address: [FAR, SECOND] });
    const server = new ScriptedServer(far, FAR, script);
    try {
      await settles(body({ near, far, server }), "the test");
    } finally {
      await settles(Promise.all([near.close(), far.close()]), "closing the stacks");
    }
  });
}

const NXDOMAIN = 3;

function a(name: string, data: string, ttl = 60) {
  return { type: "A" as const, name, ttl, data };
}

function cname(name: string, data: string, ttl = 60) {
  return { type: "CNAME" as const, name, ttl, data };
}

function soa(name: string, minimum: number, ttl = 3600) {
  const data = { mname: `ns.${name}`, rname: `root.${name}`, minimum };
  return { type: "SOA" as const, name, ttl, data };
}

/** A server that knows what is in this table, by `name type`, and that nothing else has a name. */
function zone(records: Record<string, Reply>): Script {
  return ({ name, type }) => records[`${name.toLowerCase()} ${type}`] ?? { rcode: NXDOMAIN };
}

const HOST = zone({ "host.test A": { answers: [a("host.test", "192.0.2.1")] } });
const silent: Script = () => null;

dnsTest(
  "A and AAAA are asked for at the same time, by EDNS with 1232 bytes",
  zone({
    "both.test A": { answers: [a("both.test", "192.0.2.1"), a("both.test", "192.0.2.2")] },
    "both.test AAAA": {
      answers: [{ type: "AAAA", name: "both.test", ttl: 60, data: "2001:db8:0:0::1" }],
    },
  }),
  async ({ near, server }) => {
    assertEquals(await near.resolve("both.test"), ["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
    assertEquals(server.questions, ["both.test A", "both.test AAAA"]);
    assertEquals(server.asked.map(({ payload, over }) => [payload, over]), [
      [1232, "udp"],
      [1232, "udp"],
    ]);
    assertEquals(await near.resolve("both.test", { family: 6 }), ["2001:db8::1"]);
  },
);

dnsTest(
  "IPv6 addresses come first on a stack that has one",
  zone({
    "both.test A": { answers: [a("both.test", "192.0.2.1")] },
    "both.test AAAA": {
      answers: [{ type: "AAAA", name: "both.test", ttl: 60, data: "2001:db8::1" }],
    },
  }),
  async ({ near }) => {
    assertEquals(await near.resolve("both.test"), ["2001:db8::1", "192.0.2.1"]);
  },
  { addresses: [NEAR, "fd00::1"] },
);

dnsTest("addresses and localhost are known without asking", silent, async ({ near, server }) => {
  const cases: [name: string, want: string[]][] = [
    ["192.0.2.7", ["192.0.2.7"]],
    ["2001:DB8:0::1", ["2001:db8::1"]],
    ["fe80::1%memory0", ["fe80::1%memory0"]],
    ["fe80::1", ["fe80::1%memory0"]],
    ["１９２.0.2.7", ["192.0.2.7"]],
    ["localhost", ["::1", "127.0.0.1"]],
    ["LOCALHOST.", ["::1", "127.0.0.1"]],
    ["db.localhost", ["::1", "127.0.0.1"]],
  ];
  for (const [name, want] of cases) assertEquals(await near.resolve(name), want, name);
  assertEquals(await near.resolve("localhost", { family: 6 }), ["::1"]);
  await assertRejects(
    () => near.resolve("192.0.2.7", { family: 6 }),
    Deno.errors.NotFound,
    "192.0.2.7 is not an IPv6 address",
  );
  assertEquals(server.asked, []);
});

dnsTest("what can't be a name is not asked for", silent, async ({ near, server }) => {
  const cases: [name: string, want: string][] = [
    ["", "it is empty"],
    [".", "it is empty"],
    ["a..b", "a part between dots is empty"],
    ["a b", '" " may not stand in it'],
    [`${"a".repeat(64)}.test`, "a part is longer than 63"],
    [`${"a.".repeat(127)}a`, "longer than 253"],
    ["192.0.2.256", "256 is above 255"],
    ["192.0.2", "expected 4 numbers"],
    ["192.0.2.1.", "expected 4 numbers"],
  ];
  for (const [name, want] of cases) {
    await assertRejects(() => near.resolve(name), TypeError, want);
  }
  assertEquals(server.asked, []);
});

dnsTest(
  "international names are asked for in Punycode",
  zone({ "xn--bcher-kva.test A": { answers: [a("xn--bcher-kva.test", "192.0.2.1")] } }),
  async ({ near }) => {
    assertEquals(await near.resolve("Bücher.test", { family: 4 }), ["192.0.2.1"]);
  },
);

dnsTest("each query has an id, a port and a case of its own", silent, async ({ near, server }) => {
  await assertRejects(() => near.resolve("a-rather-long-name.test"), Deno.errors.TimedOut);
  const asked = server.asked;
  assertEquals(asked.length, 4);
  for (const key of ["id", "port", "name"] as const) {
    assert(new Set(asked.map((one) => one[key])).size > 1, `all have one ${key}`);
  }
}, { dns: SHORT });

dnsTest("a silent server is asked again, as often as is said", silent, async ({ near, server }) => {
  await assertRejects(
    () => near.resolve("host.test", { family: 4 }),
    Deno.errors.TimedOut,
    "Cannot look up A of host.test: 10.0.0.2 did not answer within 100 ms",
  );
  assertEquals(server.asked.length, 3);
}, { dns: { ...SHORT, attempts: 3 } });

dnsTest("a lost query is sent again", silent, async ({ near, server }) => {
  server.script = (asked) => server.asked.length === 1 ? null : HOST(asked);
  assertEquals(await near.resolve("host.test", { family: 4 }), ["192.0.2.1"]);
  assertEquals(server.asked.length, 2);
}, { dns: SHORT });

for (
  const [what, first] of [
    ["silent", silent],
    ["that fails", () => ({ rcode: 2 })],
    ["that refuses", () => ({ rcode: 5 })],
  ] as [string, Script][]
) {
  dnsTest(
    `after a server ${what} the next one is asked, and from then on first`,
    first,
    async (bench) => {
      const { near, far, server } = bench;
      const second = new ScriptedServer(far, SECOND, HOST);
      assertEquals(await near.resolve("host.test", { family: 4 }), ["192.0.2.1"]);
      assertEquals([server.asked.length, second.asked.length], [1, 1]);
      await assertRejects(() => near.resolve("other.test", { family: 4 }), Deno.errors.NotFound);
      assertEquals([server.asked.length, second.asked.length], [1, 2]);
    },
    { dns: { ...SHORT, servers: [FAR, SECOND] } },
  );
}

dnsTest("a server whose port is closed is left at once", HOST, async ({ near }) => {
  const before = performance.now();
  assertEquals(await near.resolve("host.test", { family: 4 }), ["192.0.2.1"]);
  assert(performance.now() - before < 1000);
  assertEquals(near.dnsServers, [`${FAR}#54`, FAR]);
}, { dns: { servers: [`${FAR}#54`, { hostname: FAR }], timeout: 3000 } });

dnsTest("if all fail the error says what each did", () => ({ rcode: 2 }), async ({ near, far }) => {
  new ScriptedServer(far, SECOND, silent);
  const error = await assertRejects(() => near.resolver.query("host.test", "MX"), DnsError);
  assertEquals(
    error.message,
    "Cannot look up MX of host.test: 10.0.0.2 answers SERVFAIL; " +
      "10.0.0.3 did not answer within 100 ms",
  );
}, { dns: { ...SHORT, servers: [FAR, SECOND] } });

for (
  const [what, forge] of [
    ["with another id", (asked) => ({ id: asked.id ^ 1 })],
    ["to another name", () => ({ question: { name: "evil.test", type: "A" } })],
    ["to another type", (asked) => ({ question: { name: asked.name, type: "AAAA" } })],
    ["without a question", () => ({ question: null })],
  ] as [string, (asked: Asked) => Reply][]
) {
  dnsTest(`a response ${what} is left lying`, (asked) => [
    { answers: [a(asked.name, "198.51.100.66")], ...forge(asked) },
    { answers: [a(asked.name, "192.0.2.1")] },
  ], async ({ near }) => {
    assertEquals(await near.resolve("host.test", { family: 4 }), ["192.0.2.1"]);
    assertEquals(near.counters().dnsMismatches, 1);
  });
}

dnsTest("broken responses, and queries, are left lying", silent, async ({ near, far, server }) => {
  server.script = (asked) => {
    const good = responseTo(asked, { answers: [a(asked.name, "192.0.2.1")] });
    for (let length = 0; length < good.length; length++) {
      sendFrom(far, FAR, 53, asked, good.subarray(0, length));
    }
    const query = Uint8Array.from(good);
    query[2]! &= 0x7f;
    sendFrom(far, FAR, 53, asked, query);
    return good;
  };
  assertEquals(await near.resolve("host.test", { family: 4 }), ["192.0.2.1"]);
  assert(near.counters().dnsMismatches! > 40);
});

function sendFrom(far: NetworkStack, from: string, port: number, to: Asked, bytes: Uint8Array) {
  far.core.udp.send(IpAddress.parse(from), port, IpAddress.parse(NEAR), to.port, bytes);
}

for (const [what, from, port] of [["address", SECOND, 53], ["port", FAR, 54]] as const) {
  dnsTest(`a response from another ${what} than the query went to is left lying`, silent, async (
    { near, far, server },
  ) => {
    server.script = (asked) => {
      const forged = responseTo(asked, { answers: [a(asked.name, "198.51.100.66")] });
      sendFrom(far, from, port, asked, forged);
      return { answers: [a(asked.name, "192.0.2.1")] };
    };
    assertEquals(await near.resolve("host.test", { family: 4 }), ["192.0.2.1"]);
    assertEquals(near.counters().dnsMismatches, 1);
  });
}

dnsTest("a truncated response is asked for again by TCP", (asked) => ({
  truncated: asked.over === "udp",
  answers: Array.from({ length: asked.over === "udp" ? 1 : 300 }, (_, i) => {
    return a("host.test", `192.0.${i >> 8}.${i & 255}`);
  }),
}), async ({ near, server }) => {
  const addresses = await near.resolve("host.test", { family: 4 });
  assertEquals(addresses.length, 300);
  assertEquals(addresses[299], "192.0.1.43");
  assertEquals(server.asked.map(({ over }) => over), ["udp", "tcp"]);
});

dnsTest("a truncated response may end in the middle of a record", (asked) => {
  const answers = [a(asked.name, "192.0.2.1")];
  if (asked.over === "tcp") return { answers };
  return responseTo(asked, { answers, truncated: true }).subarray(0, -3);
}, async ({ near }) => {
  assertEquals(await near.resolve("host.test", { family: 4 }), ["192.0.2.1"]);
});

dnsTest("a server that is silent by TCP has failed like one that is silent by UDP", (asked) => {
  return asked.over === "udp" ? { truncated: true } : null;
}, async ({ near, server }) => {
  await assertRejects(
    () => near.resolve("host.test", { family: 4 }),
    Deno.errors.TimedOut,
    "did not answer within 100 ms",
  );
  assertEquals(server.asked.map(({ over }) => over), ["udp", "tcp"]);
}, { dns: { ...SHORT, attempts: 1 } });

for (
  const [what, forge] of [
    ["truncated", () => ({ truncated: true })],
    ["one with another id", (asked) => ({ id: asked.id ^ 1 })],
    ["one to another question", () => ({ question: { name: "evil.test", type: "A" } })],
  ] as [string, (asked: Asked) => Reply][]
) {
  dnsTest(`by TCP a response that is ${what} is a failure of the server`, (asked) => {
    if (asked.over === "udp") return { truncated: true };
    return { answers: [a(asked.name, "198.51.100.66")], ...forge(asked) };
  }, async ({ near }) => {
    const want = "10.0.0.2 answers by TCP what is no answer";
    await assertRejects(() => near.resolve("host.test", { family: 4 }), DnsError, want);
    assertEquals(near.counters().dnsMismatches, 1);
  });
}

dnsTest("where the question's case is not kept, TCP decides", (asked) => {
  const name = asked.name.toLowerCase();
  return {
    question: { name, type: asked.type },
    answers: [a(name, asked.over === "udp" ? "198.51.100.66" : "192.0.2.1")],
  };
}, async ({ near, server }) => {
  const name = "a-name-with-letters-enough.test";
  assertEquals(await near.resolve(name, { family: 4 }), ["192.0.2.1"]);
  assertEquals(server.asked.map(({ over }) => over), ["udp", "tcp"]);
});

for (
  const [what, rcode, question] of [
    ["FORMERR", 1, undefined],
    ["FORMERR without a question", 1, null],
    ["NOTIMP", 4, undefined],
  ] as const
) {
  dnsTest(`after ${what} a server is asked without EDNS, and so from then on`, (asked) => {
    if (asked.payload !== undefined) return { rcode, question };
    return { answers: [a(asked.name, "192.0.2.1")] };
  }, async ({ near, server }) => {
    assertEquals(await near.resolve("host.test", { family: 4 }), ["192.0.2.1"]);
    assertEquals(await near.resolve("other.test", { family: 4 }), ["192.0.2.1"]);
    assertEquals(server.asked.map(({ payload }) => payload), [1232, undefined, undefined]);
  });
}

dnsTest("aliases are followed within a response, and others' records are not believed", () => ({
  answers: [
    a("evil.test", "198.51.100.66"),
    a("three.test", "192.0.2.3"),
    cname("one.test", "Two.test"),
    cname("two.test", "three.test"),
  ],
}), async ({ near, server }) => {
  assertEquals(await near.resolve("one.test", { family: 4 }), ["192.0.2.3"]);
  const records = await near.resolver.query("one.test", "A");
  assertEquals(records.map(({ type, data }) => `${type} ${data}`), [
    "CNAME Two.test",
    "CNAME three.test",
    "A 192.0.2.3",
  ]);
  assertEquals(server.asked.length, 1);
});

dnsTest(
  "aliases are followed over several questions",
  zone({
    "one.test A": { answers: [cname("one.test", "two.test")] },
    "two.test A": { answers: [cname("two.test", "three.test")] },
    "three.test A": { answers: [a("three.test", "192.0.2.3")] },
  }),
  async ({ near, server }) => {
    assertEquals(await near.resolve("one.test", { family: 4 }), ["192.0.2.3"]);
    assertEquals(server.questions, ["one.test A", "two.test A", "three.test A"]);
  },
);

dnsTest("aliases in a circle within a response are an error", () => ({
  answers: [cname("one.test", "two.test"), cname("two.test", "one.test")],
}), async ({ near }) => {
  await assertRejects(() => near.resolve("one.test"), Deno.errors.InvalidData, "in a circle");
});

dnsTest("aliases without an end over several questions are an error", ({ name }) => ({
  answers: [cname(name, `x${name.length}.test`), cname(`x${name.length}.test`, `${name}z`)],
}), async ({ near, server }) => {
  await assertRejects(
    () => near.resolver.query("one", "A"),
    Deno.errors.InvalidData,
    "in a circle",
  );
  assert(server.asked.length <= 17, `${server.asked.length} questions`);
});

dnsTest("an alias of what is no name is an error", () => ({
  answers: [cname("one.test", "a\x1b[2Jb.test")],
}), async ({ near, server }) => {
  await assertRejects(
    () => near.resolve("one.test"),
    Deno.errors.InvalidData,
    "one.test is an alias",
  );
  assertEquals(server.asked.length, 2);
});

dnsTest(
  "no name, and no address, are told apart in what a query says",
  zone({
    "text.test A": { authorities: [soa("test", 60)] },
    "text.test AAAA": { authorities: [soa("test", 60)] },
    "dangling.test A": { rcode: NXDOMAIN, answers: [cname("dangling.test", "gone.test")] },
  }),
  async ({ near }) => {
    const { resolver } = near;
    const cases: [call: () => Promise<unknown>, want: string][] = [
      [() => near.resolve("none.test"), "No address for none.test: there is none for none.test"],
      [() => near.resolve("text.test"), "No address for text.test"],
      [() => resolver.query("none.test", "A"), "There is no name none.test"],
      [() => resolver.query("text.test", "A"), "There is no A record for text.test"],
      [
        () => resolver.query("dangling.test", "A"),
        "There is no name gone.test, of which dangling.test is an alias",
      ],
    ];
    for (const [call, want] of cases) await assertRejects(call, Deno.errors.NotFound, want);
  },
);

dnsTest(
  "an address of one family does when the other's query fails",
  ({ name, type }) => type === "A" ? { answers: [a(name, "192.0.2.1")] } : { rcode: 2 },
  async ({ near }) => assertEquals(await near.resolve("host.test"), ["192.0.2.1"]),
);

dnsTest(
  "names with fewer dots than ndots are looked for in the search domains first",
  zone({
    "host.b.test A": { answers: [a("host.b.test", "192.0.2.1")] },
    "x.host A": { answers: [a("x.host", "192.0.2.2")] },
    "y.host.b.test A": { answers: [a("y.host.b.test", "192.0.2.3")] },
  }),
  async ({ near, server }) => {
    const cases: [name: string, want: string[], asked: string[]][] = [
      ["host", ["192.0.2.1"], ["host.a.test A", "host.b.test A"]],
      ["x.host", ["192.0.2.2"], ["x.host A"]],
      ["y.host", ["192.0.2.3"], ["y.host A", "y.host.a.test A", "y.host.b.test A"]],
    ];
    for (const [name, want, asked] of cases) {
      server.asked.length = 0;
      assertEquals(await near.resolve(name, { family: 4 }), want, name);
      assertEquals(server.questions, asked, name);
    }
    server.asked.length = 0;
    await assertRejects(() => near.resolve("host.", { family: 4 }), Deno.errors.NotFound);
    assertEquals(server.questions, ["host A"]);
    await assertRejects(
      () => near.resolve("none", { family: 4 }),
      Deno.errors.NotFound,
      "No address for none: there is none for none.a.test, none.b.test, none",
    );
  },
  { dns: { search: ["a.test", "b.test."] } },
);

/** A resolver with a clock of the test's own; by UDP alone. */
function withClock(near: NetworkStack): { resolver: Resolver; pass(seconds: number): void } {
  let now = 0;
  const context = { stack: near.core, now: () => now, kick() {}, open: new Set<Resolver>() };
  const resolver = new Resolver(context, { servers: [FAR] });
  return { resolver, pass: (seconds) => now += seconds * 1000 };
}

dnsTest("an answer is kept as long as the shortest time to live in it says", () => ({
  answers: [cname("host.test", "end.test", 30), a("end.test", "192.0.2.1", 90)],
}), async ({ near, server }) => {
  const { resolver, pass } = withClock(near);
  const ttls = async () => (await resolver.query("host.test", "A")).map(({ ttl }) => ttl);
  assertEquals(await ttls(), [30, 90]);
  pass(29);
  assertEquals(await ttls(), [1, 61]);
  assertEquals(server.asked.length, 1);
  assertEquals(near.counters().dnsCacheHits, 1);
  pass(1);
  assertEquals(await ttls(), [30, 90]);
  assertEquals(server.asked.length, 2);
  resolver.servers = [FAR];
  assertEquals(await ttls(), [30, 90]);
  assertEquals(server.asked.length, 3);
});

for (const [what, ttl] of [["0", 0], ["with the highest bit set", 0x8000_0001]] as const) {
  dnsTest(`a time to live ${what} keeps nothing`, () => ({
    answers: [a("host.test", "192.0.2.1", ttl)],
  }), async ({ near, server }) => {
    const { resolver } = withClock(near);
    await resolver.query("host.test", "A");
    await resolver.query("host.test", "A");
    assertEquals(server.asked.length, 2);
  });
}

for (
  const [what, authorities, kept] of [
    ["by the SOA's minimum", [soa("test", 20)], 20],
    ["by the SOA's own time to live", [soa("test", 20, 10)], 10],
    ["no longer than 5 minutes", [soa("test", 86_400, 86_400)], 300],
    ["not at all without a SOA", [], 0],
  ] as const
) {
  dnsTest(`absence is kept ${what}`, () => ({
    rcode: NXDOMAIN,
    authorities: [...authorities],
  }), async ({ near, server }) => {
    const { resolver, pass } = withClock(near);
    const ask = () => assertRejects(() => resolver.query("none.test", "A"), Deno.errors.NotFound);
    await ask();
    if (kept > 0) {
      pass(kept - 1);
      await ask();
      assertEquals(server.asked.length, 1);
      pass(1);
    }
    await ask();
    assertEquals(server.asked.length, 2);
  });
}

dnsTest("the cache is bounded: the oldest answer makes room", ({ name }) => ({
  answers: [a(name, "192.0.2.1")],
}), async ({ near, server }) => {
  const { resolver } = withClock(near);
  for (let i = 0; i <= 512; i++) await resolver.query(`host${i}.test`, "A");
  server.asked.length = 0;
  await resolver.query("host1.test", "A");
  assertEquals(server.asked.length, 0);
  await resolver.query("host0.test", "A");
  assertEquals(server.asked.length, 1);
});

dnsTest("failures are not kept", silent, async ({ near, server }) => {
  server.script = () => ({ rcode: 2 });
  await assertRejects(() => near.resolve("host.test", { family: 4 }), DnsError);
  server.script = HOST;
  assertEquals(await near.resolve("host.test", { family: 4 }), ["192.0.2.1"]);
});

dnsTest("who asks the same at the same time shares the query", HOST, async ({ near, server }) => {
  const name = "host.test";
  const all = ["host.test", "HOST.test", "host.test."].map((name) =>
    near.resolver.query(name, "A")
  );
  for (const records of await Promise.all(all)) assertEquals(records[0]!.data, "192.0.2.1");
  assertEquals(server.questions, [`${name} A`]);
});

dnsTest("one who gives up does not end the query of others", silent, async ({ near, server }) => {
  const controller = new AbortController();
  const given = near.resolver.query("host.test", "A", { signal: controller.signal });
  const kept = near.resolver.query("host.test", "A");
  await until(() => server.asked.length === 1, "the query");
  controller.abort(new Error("enough"));
  await assertRejects(() => given, Error, "enough");
  server.script = HOST;
  assertEquals((await kept).length, 1);
  assertEquals(server.asked.length, 2);
}, { dns: SHORT });

dnsTest("when all have given up nothing is asked any more", silent, async ({ near, server }) => {
  const controller = new AbortController();
  const given = near.resolve("host.test", { signal: controller.signal });
  await until(() => server.asked.length === 2, "the queries");
  controller.abort();
  await assertRejects(() => given, DOMException);
  await new Promise((resolve) => setTimeout(resolve, 150));
  assertEquals(server.asked.length, 2);
  await assertRejects(
    () => near.resolve("host.test", { signal: controller.signal }),
    DOMException,
  );
}, { dns: SHORT });

dnsTest("new servers are asked even while the old ones still are", silent, async (bench) => {
  const { near, far, server } = bench;
  const second = new ScriptedServer(far, SECOND, HOST);
  const old = assertRejects(() => near.resolver.query("host.test", "A"), Deno.errors.TimedOut);
  await until(() => server.asked.length === 1, "the query");
  near.dnsServers = [SECOND];
  assertEquals(await near.resolve("host.test", { family: 4 }), ["192.0.2.1"]);
  assertEquals(second.asked.length, 1);
  await old;
}, { dns: SHORT });

for (const over of ["udp", "tcp"] as const) {
  dnsTest(`lookups by ${over} end with the stack`, (asked) => {
    return over === "tcp" && asked.over === "udp" ? { truncated: true } : null;
  }, async ({ near, server }) => {
    const asking = near.resolve("host.test", { family: 4 });
    await until(() => server.asked.some((asked) => asked.over === over), "the query");
    assert(await isPending(asking));
    const rejected = assertRejects(() => asking, Deno.errors.BadResource, "stack is closed");
    await near.close();
    await rejected;
    await assertRejects(() => near.resolve("host.test"), Deno.errors.BadResource);
    await assertRejects(() => near.resolver.query("host.test", "A"), Deno.errors.BadResource);
  }, { dns: { timeout: 60_000 } });
}

dnsTest("records of every type come as what they hold", (asked) => {
  const name = asked.name;
  const ttl = 5;
  const text = { type: "TXT" as const, name, ttl, data: ["one", "zwei ü"] };
  const answers = {
    MX: [{ type: "MX" as const, name, ttl, data: { preference: 10, exchange: "mail.test" } }],
    TXT: [text],
    SRV: [{
      type: "SRV" as const,
      name,
      ttl,
      data: { priority: 1, weight: 2, port: 443, target: "www.test" },
    }],
    NS: [{ type: "NS" as const, name, ttl, data: "ns.test" }],
    SOA: [soa(name, 7, ttl)],
    CNAME: [cname(name, "a\x07b.test", ttl)],
  }[asked.type];
  return { answers };
}, async ({ near }) => {
  const data = async (type: "MX" | "TXT" | "SRV" | "NS" | "SOA" | "CNAME") => {
    const records = await near.resolver.query("_a.test", type);
    return records.map((record) => record.data);
  };
  assertEquals(await data("MX"), [{ preference: 10, exchange: "mail.test" }]);
  assertEquals(await data("TXT"), [["one", "zwei ü"]]);
  assertEquals(await data("SRV"), [{ priority: 1, weight: 2, port: 443, target: "www.test" }]);
  assertEquals(await data("NS"), ["ns.test"]);
  assertEquals(await data("CNAME"), ["a\\007b.test"]);
  const [zone] = await data("SOA");
  assertEquals((zone as { minimum: number }).minimum, 7);
  await assertRejects(
    // deno-lint-ignore no-explicit-any
    () => near.resolver.query("a.test", "AXFR" as any),
    TypeError,
    "Unknown type of records AXFR",
  );
});

dnsTest("the names of an address are found under its reverse", ({ name, type }) => ({
  answers: [{ type: "PTR", name, ttl: 5, data: `${type.toLowerCase()}.test` }],
}), async ({ near, server }) => {
  assertEquals(await near.resolver.reverse("192.0.2.7"), ["ptr.test"]);
  assertEquals(await near.resolver.reverse("2001:db8::567:89ab"), ["ptr.test"]);
  assertEquals(server.questions, [
    "7.2.0.192.in-addr.arpa PTR",
    "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR",
  ]);
});

dnsTest(
  "ping and connect take names",
  zone({
    "far.test A": { answers: [a("far.test", FAR)] },
  }),
  async ({ near, far }) => {
    assert(await near.ping("far.test") >= 0);
    const listener = far.listen({ port: 7 });
    const conn = await near.connect({ hostname: "far.test", port: 7 });
    assertEquals(conn.remoteAddr.hostname, FAR);
    conn.close();
    (await listener.accept()).close();
  },
);

dnsTest("connect goes on to the next address after a failure, and beside silence", (asked) => ({
  answers: asked.name.toLowerCase() === "refused.test"
    ? [a(asked.name, FAR), a(asked.name, SECOND)]
    : [a(asked.name, "10.0.0.99"), a(asked.name, SECOND)],
}), async ({ near, far }) => {
  const listener = far.listen({ hostname: SECOND, port: 7 });
  for (const hostname of ["refused.test", "silent.test"]) {
    const start = performance.now();
    const conn = await near.connect({ hostname, port: 7 });
    const took = performance.now() - start;
    assertEquals(conn.remoteAddr.hostname, SECOND);
    if (hostname === "refused.test") assert(took < 200, `${took} ms`);
    else assert(took >= 240, `${took} ms`);
    conn.close();
    (await listener.accept()).close();
  }
  listener.close();
  const connections = () => [...near.core.tcp.connections()].map((tcb) => `${tcb.remote}`);
  await until(() => !connections().includes("10.0.0.99"), "the late one is given up");
});

dnsTest("connect tells what each address has said", (asked) => ({
  answers: asked.type === "A" ? [a(asked.name, FAR), a(asked.name, SECOND)] : [],
}), async ({ near }) => {
  await assertRejects(
    () => near.connect({ hostname: "host.test", port: 7 }),
    Deno.errors.ConnectionRefused,
    `Connection refused by ${FAR}:7; Connection refused by ${SECOND}:7`,
  );
});

dnsTest("connect to several addresses is given up with its signal", (asked) => ({
  answers: [a(asked.name, "10.0.0.98"), a(asked.name, "10.0.0.99")],
}), async ({ near }) => {
  const signal = AbortSignal.timeout(50);
  const error = await assertRejects(() => near.connect({ hostname: "host.test", port: 7, signal }));
  assertInstanceOf(error, DOMException);
  await until(() => [...near.core.tcp.connections()].length === 0, "nothing is left");
});

Deno.test("settings of the resolver are checked", async () => {
  const [device] = memoryPair();
  await using stack = createStack({ device, address: NEAR });
  const context = { stack: stack.core, now: () => 0, kick() {}, open: new Set<Resolver>() };
  const cases: [options: DnsOptions, want: ErrorConstructor, message: string][] = [
    [{ servers: ["dns.test"] }, TypeError, 'Not an IP address: "dns.test"'],
    [{ servers: ["10.0.0.2#"] }, RangeError, "Port must be"],
    [{ servers: ["10.0.0.2#65536"] }, RangeError, "Port must be"],
    [{ servers: [{ hostname: FAR, port: 0 }] }, RangeError, "Port must be"],
    [{ search: ["a..b"] }, TypeError, "Not a host name"],
    [{ ndots: 16 }, RangeError, "ndots must be an integer from 0 to 15"],
    [{ attempts: 0 }, RangeError, "attempts must be an integer from 1 to 10"],
    [{ timeout: 0 }, RangeError, "timeout must be above 0 ms"],
  ];
  for (const [options, want, message] of cases) {
    assertThrows(() => new Resolver(context, options), want, message);
  }
  await assertRejects(() => stack.resolve("host.test"), TypeError, "no server for names is known");
  stack.dnsServers = ["10.0.0.2", "fd00::2#5353"];
  assertEquals(stack.dnsServers, ["10.0.0.2", "fd00::2#5353"]);
});

Deno.test("a server is asked at its link-local address, whose zone is named where it has to be", async () => {
  const [one, other] = memoryPair();
  await using far = createStack({ device: other, address: "fd00::2" });
  const address = far.addresses.find((text) => text.startsWith("fe80:"))!;
  const server = new ScriptedServer(far, address, HOST);
  const [bare] = address.split("%");
  await using near = createStack({ device: one, address: "fd00::1", dns: { servers: [bare!] } });
  const named = `${bare}%${near.deviceName}`;
  assertEquals(near.dnsServers, [named]);
  for (const servers of [[bare!], [named], [`${bare}%2#53`]]) {
    near.dnsServers = servers;
    assertEquals(await settles(near.resolve("host.test", { family: 4 })), ["192.0.2.1"]);
  }
  assertEquals(server.asked.length, 3);
});

Deno.test("whoever gets no stack for a bad setting still has the device", async () => {
  const [device, other] = memoryPair();
  await using far = createStack({ device: other, address: FAR });
  const dns = { servers: ["dns.test"] };
  assertThrows(() => createStack({ device, address: NEAR, dns }), TypeError, "Not an IP address");
  await new Promise((resolve) => setTimeout(resolve, 10)); // a loop of it would wait by now
  await using near = createStack({ device, address: NEAR });
  assert(await settles(far.ping(NEAR)) >= 0);
  assert(await settles(near.ping(FAR)) >= 0);
});
