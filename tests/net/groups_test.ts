/** What hosts say of their multicast groups, and when (RFC 3376, RFC 3810 and their forerunners). */

import { assert, assertEquals } from "@std/assert";
import { AddressState } from "../../src/net/interface.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { igmpQuery, igmpReport, Listener, mld, mldQuery, type Said } from "./listener.ts";

const A = "239.1.2.3";
const B = "239.1.2.4";
const GROUP6 = "ff05::1235";
const TO_ROUTERS = "10.0.0.2 > 224.0.0.22 report";
const MINUTE = 60_000;

/** Every message within its time, and none besides. */
function assertSaid(said: Said[], ...want: [from: number, to: number, message: string][]): void {
  assertEquals(said.map(([, message]) => message), want.map(([, , message]) => message));
  said.forEach(([after], i) => {
    const [from, to, message] = want[i]!;
    assert(after >= from && after <= to, `${message} after ${after} ms`);
  });
}

/** A host that has joined these, and has nothing more to say about that. */
function joined(groups: string[], addresses?: string[]): Listener {
  const host = new Listener(addresses).join(...groups);
  host.run(MINUTE);
  return host.mark();
}

Deno.test("a host in no group is silent in IPv4, even when it is asked (RFC 3376 §5)", () => {
  const host = new Listener();
  host.receive(igmpQuery({ version: 3 }));
  assertEquals(host.run(MINUTE), []);
  assertEquals(host.stack.nextDeadline(), Infinity);
});

Deno.test("joining is told at once, and again within a second (RFC 3376 §5.1)", () => {
  const host = new Listener().join(A);
  assertSaid(
    host.run(MINUTE),
    [0, 0, `${TO_ROUTERS} TO_EX ${A}`],
    [0, 1000, `${TO_ROUTERS} TO_EX ${A}`],
  );
});

Deno.test("the times in between are random (RFC 3376 §5.1)", () => {
  const times = Array.from(
    { length: 20 },
    (_, seed) => new Listener(["10.0.0.2"], { seed }).join(A).run(MINUTE)[1]![0],
  );
  assert(new Set(times).size > 15, `${times}`);
  assert(Math.min(...times) < 300 && Math.max(...times) > 700, `${times}`);
});

Deno.test("leaving is told as often; only the last user leaves (RFC 3376 §3.2, §5.1)", () => {
  const host = joined([A, A]);
  assertEquals(host.leave(A).run(MINUTE), []);
  assertSaid(
    host.mark().leave(A).run(MINUTE),
    [0, 0, `${TO_ROUTERS} TO_IN ${A}`],
    [0, 1000, `${TO_ROUTERS} TO_IN ${A}`],
  );
});

Deno.test("changes are told together; a new one goes out at once (RFC 3376 §5.1)", () => {
  const host = new Listener().join(A, B);
  assertEquals(host.says(0), [`${TO_ROUTERS} TO_EX ${A}, TO_EX ${B}`]);
  host.leave(A);
  assertEquals(host.says(0), [`${TO_ROUTERS} TO_IN ${A}`]);
  assertEquals(host.says(MINUTE), [`${TO_ROUTERS} TO_IN ${A}, TO_EX ${B}`]);
});

Deno.test("who joins and leaves at once has nothing to say", () => {
  assertEquals(new Listener().join(A).leave(A).run(MINUTE), []);
});

Deno.test("as often as the querier's robustness says, if it does (RFC 3376 §4.1.6)", () => {
  const host = new Listener();
  host.receive(igmpQuery({ version: 3, robustness: 4 }));
  host.run(MINUTE);
  assertEquals(host.join(A).says(MINUTE).length, 4);
  host.receive(igmpQuery({ version: 3, robustness: 0 }));
  host.run(MINUTE);
  assertEquals(host.leave(A).says(MINUTE).length, 2);
});

Deno.test("224.0.0.1 is never reported, 224.0.0.251 is (RFC 3376 §6)", () => {
  const host = new Listener().join("224.0.0.1", "224.0.0.251");
  assertEquals(host.says(0), [`${TO_ROUTERS} TO_EX 224.0.0.251`]);
});

Deno.test("a general query is answered once, for all groups, in its time (RFC 3376 §5.2)", () => {
  const host = joined([A, B]);
  const answer = `${TO_ROUTERS} IS_EX ${A}, IS_EX ${B}`;
  host.receive(igmpQuery({ version: 3, within: 3000 }));
  assertSaid(host.run(MINUTE), [0, 3000, answer]);
  // Rule 1: of several queries the earliest answer is the answer to all.
  for (const within of [10_000, 200, 5000]) host.receive(igmpQuery({ version: 3, within }));
  assertSaid(host.mark().run(MINUTE), [0, 200, answer]);
});

Deno.test("a query for a group is answered for it alone, if we are in it (RFC 3376 §5.2)", () => {
  const host = joined([A, B]);
  host.receive(igmpQuery({ version: 3, group: B, within: 1000 }));
  assertSaid(host.run(MINUTE), [0, 1000, `${TO_ROUTERS} IS_EX ${B}`]);
  host.receive(igmpQuery({ version: 3, group: "239.9.9.9", within: 1000 }));
  assertEquals(host.run(MINUTE), []);
});

Deno.test("a query for a group adds nothing to a general answer that comes first (RFC 3376 §5.2, rule 1)", () => {
  const host = joined([A]);
  host.receive(igmpQuery({ version: 3, within: 100 }));
  host.receive(igmpQuery({ version: 3, group: A, within: 25_000 }));
  assertEquals(host.says(MINUTE).length, 1);
});

Deno.test("who is asked for sources wants those (RFC 3376 §5.2, rules 3 to 5)", () => {
  const [one, other] = ["192.0.2.1", "192.0.2.2"];
  const ask = (host: Listener, sources: string[]) =>
    host.receive(igmpQuery({ version: 3, group: A, sources, within: 1000 }));
  const host = joined([A]);
  ask(host, [one]);
  assertSaid(host.run(MINUTE), [0, 1000, `${TO_ROUTERS} IS_IN ${A} {${one}}`]);
  ask(host, [one]);
  ask(host, [other, one]);
  assertEquals(host.says(MINUTE), [`${TO_ROUTERS} IS_IN ${A} {${one} ${other}}`]);
  for (const orders of [[[one], []], [[], [one]]]) {
    orders.forEach((sources) => ask(host, sources));
    assertEquals(host.says(MINUTE), [`${TO_ROUTERS} IS_EX ${A}`]);
  }
});

Deno.test("more sources than are kept are answered for all of them", () => {
  const host = joined([A]);
  const sources = Array.from({ length: 33 }, (_, i) => `192.0.2.${i}`);
  host.receive(igmpQuery({ version: 3, group: A, sources: sources.slice(1), within: 100 }));
  assert(host.says(MINUTE)[0]!.includes("IS_IN"));
  host.receive(igmpQuery({ version: 3, group: A, sources, within: 100 }));
  assertEquals(host.says(MINUTE), [`${TO_ROUTERS} IS_EX ${A}`]);
});

Deno.test("an answer that is due when the group has been left is not given", () => {
  const host = joined([A]);
  host.receive(igmpQuery({ version: 3, group: A }));
  assertEquals(host.leave(A).says(MINUTE).filter((text) => text.includes("IS_")), []);
});

Deno.test("many groups are reported in as many packets as the link asks for", () => {
  const groups = Array.from({ length: 100 }, (_, i) => `239.0.0.${i}`);
  const host = new Listener(["10.0.0.2"], { mtu: 576 }).join(...groups);
  const said = host.says(0);
  assertEquals(said.map((text) => text.split(", ").length), [68, 32]);
  assert(host.packets.every(({ length }) => length <= 576));
});

Deno.test("an interface is in 256 groups at most, and joins again when there is room", () => {
  const { stack, interface: on } = new Listener();
  for (let i = 0; i < 256; i++) assert(stack.ip.join(on, IpAddress.v4(239, 0, 0, i)));
  assert(!stack.ip.join(on, IpAddress.parse(A)));
  assert(stack.ip.join(on, IpAddress.v4(239, 0, 0, 0)));
  stack.ip.leave(on, IpAddress.v4(239, 0, 0, 1));
  assert(stack.ip.join(on, IpAddress.parse(A)));
});

Deno.test("who has no address yet reports from 0.0.0.0 (RFC 3376 §4.2.13)", () => {
  assertEquals(new Listener([]).join(A).says(0), [`0.0.0.0 > 224.0.0.22 report TO_EX ${A}`]);
});

Deno.test("a querier of IGMPv2 gets reports of IGMPv2 (RFC 3376 §7.2.1, RFC 2236 §3)", () => {
  const host = joined([A]);
  host.receive(igmpQuery({ version: 2, within: 1000 }));
  assertSaid(host.run(MINUTE), [0, 1000, `10.0.0.2 > ${A} v2 report ${A}`]);
  // Within 10 seconds rather than one, and a leave that goes to all routers.
  assertSaid(
    host.mark().join(B).run(MINUTE),
    [0, 0, `10.0.0.2 > ${B} v2 report ${B}`],
    [0, 10_000, `10.0.0.2 > ${B} v2 report ${B}`],
  );
  assertSaid(host.mark().leave(B).run(MINUTE), [0, 0, `10.0.0.2 > 224.0.0.2 leave ${B}`]);
});

Deno.test("a querier of IGMPv1 gets reports of IGMPv1, and no leaves (RFC 3376 §7.2.1, RFC 2236 §4)", () => {
  const host = joined([A]);
  host.receive(igmpQuery({ version: 2 }));
  host.receive(igmpQuery({ version: 1 }));
  assertSaid(host.run(MINUTE), [0, 10_000, `10.0.0.2 > ${A} v1 report ${A}`]);
  assertEquals(host.leave(A).says(MINUTE), []);
});

Deno.test("old versions are spoken until their queriers have been silent for long enough (RFC 3376 §8.12)", () => {
  const host = joined([A]);
  host.receive(igmpQuery({ version: 3, robustness: 3, interval: 20, within: 1000 }));
  host.run(1000);
  host.receive(igmpQuery({ version: 2, within: 5000 }));
  host.receive(igmpQuery({ version: 1 }));
  const asked = () => {
    host.receive(igmpQuery({ version: 3, robustness: 3, interval: 20, within: 100 }));
    return host.says(100).map((text) => text.split(" ").slice(3, 5).join(" "));
  };
  host.run(69_000); // version 1: 3 times 20 seconds, and 10 to answer
  assertEquals(asked(), ["v1 report"]);
  host.receive(igmpQuery({ version: 2, within: 5000 }));
  host.run(64_000);
  assertEquals(asked(), ["v2 report"]);
  host.run(1000);
  assertEquals(asked(), [`report IS_EX`]);
});

Deno.test("who changes versions drops what was due in the other (RFC 3376 §7.2.1)", () => {
  const host = new Listener().join(A);
  host.says(0);
  host.receive(igmpQuery({ version: 3 }));
  host.receive(igmpQuery({ version: 2, group: A })); // does not tell who the querier is
  assertEquals(host.stack.counters.groupQueriesReceived, 2);
  host.receive(igmpQuery({ version: 2, within: 500 }));
  assertEquals(host.says(MINUTE), [`10.0.0.2 > ${A} v2 report ${A}`]);
});

Deno.test("in old versions a running timer is only set anew if it would end too late (RFC 2236 §3)", () => {
  const host = joined([A]);
  host.receive(igmpQuery({ version: 2, within: 300 }));
  host.receive(igmpQuery({ version: 2, within: 25_000 }));
  assertSaid(host.mark().run(MINUTE), [0, 300, `10.0.0.2 > ${A} v2 report ${A}`]);
  host.receive(igmpQuery({ version: 2, within: 25_000 }));
  host.receive(igmpQuery({ version: 2, group: A, within: 100 }));
  assertSaid(host.mark().run(MINUTE), [0, 100, `10.0.0.2 > ${A} v2 report ${A}`]);
});

Deno.test("another's report answers for us, and then another leaves last (RFC 2236 §3)", () => {
  const host = joined([A, B]);
  host.receive(igmpQuery({ version: 2 }));
  host.receive(igmpReport(A));
  assertEquals(host.says(MINUTE), [`10.0.0.2 > ${B} v2 report ${B}`]);
  assertEquals(host.leave(A, B).says(MINUTE), [`10.0.0.2 > 224.0.0.2 leave ${B}`]);
});

Deno.test("in IGMPv3 everybody reports, whatever others say (RFC 3376 §7.2.2)", () => {
  const host = joined([A]);
  host.receive(igmpQuery({ version: 3, within: 500 }));
  host.receive(igmpReport(A));
  assertEquals(host.says(MINUTE), [`${TO_ROUTERS} IS_EX ${A}`]);
});

Deno.test("IGMP messages that came from afar, or otherwise than they must, are dropped", () => {
  const cases: [what: string, bytes: Uint8Array, isGood: boolean][] = [
    ["a query", igmpQuery({ version: 3 }), true],
    ["from a switch without an address", igmpQuery({ version: 2, source: "0.0.0.0" }), true],
    ["of version 1, without a router alert", igmpQuery({ version: 1 }), true],
    ["of version 2, without one", igmpQuery({ version: 2, routerAlert: false }), false],
    ["of version 3, without one", igmpQuery({ version: 3, routerAlert: false }), false],
    ["with a TTL of 2", igmpQuery({ version: 3, ttl: 2 }), false],
    ["that is cut short", igmpQuery({ version: 3, sources: ["10.0.0.9"] }).fill(9, 35, 36), false],
    ["a report", igmpReport(A), true],
    ["a report with a TTL of 64", igmpReport(A, 0x16, 64), false],
    ["a type that nobody knows", igmpReport(A, 0x55), true],
  ];
  for (const [what, bytes, isGood] of cases) {
    const host = joined([A]);
    host.receive(bytes);
    assertEquals(host.badMessages, isGood ? 0 : 1, what);
    const drops = host.stack.counters.drops.reduce((total, count) => total + count, 0);
    assertEquals(drops, host.badMessages, what);
  }
});

const LINK_LOCAL = "fe80::ff:fe00:1";
const OWN_GROUP = "ff02::1:ff00:1";
const TO_ROUTERS_6 = `${LINK_LOCAL} > ff02::16 report`;

Deno.test("MLD reports the groups that neighbors ask for addresses in (RFC 4861 §7.2.1, RFC 3810 §6.1)", () => {
  const host = new Listener([LINK_LOCAL, "fd00::2", "fd01::2", "10.0.0.2"]);
  const report = `${TO_ROUTERS_6} TO_EX ${OWN_GROUP}, TO_EX ff02::1:ff00:2`;
  assertSaid(host.run(MINUTE), [0, 0, report], [0, 1000, report]);
  host.stack.ip.removeAddress(host.interface, IpAddress.parse("fd00::2"));
  assertEquals(host.says(MINUTE), []);
  host.stack.ip.removeAddress(host.interface, IpAddress.parse("fd01::2"));
  assertEquals(host.says(0), [`${TO_ROUTERS_6} TO_IN ff02::1:ff00:2`]);
});

Deno.test("MLD reports no group of all nodes, and none that does not leave the host (RFC 3810 §6)", () => {
  const host = joined([], [LINK_LOCAL]);
  assertEquals(host.join("ff02::1", "ff01::7", "ff00::7").says(MINUTE), []);
  assertEquals(host.join("ff02::fb").says(0), [`${TO_ROUTERS_6} TO_EX ff02::fb`]);
});

Deno.test("MLD reports from :: while the link-local address is tentative, and again then (RFC 3590 §4)", () => {
  const host = new Listener([]);
  const address = IpAddress.parse(LINK_LOCAL);
  const { ip } = host.stack;
  const entry = ip.addAddress(host.interface, {
    address,
    prefixLength: 64,
    state: AddressState.TENTATIVE,
  });
  const tentative = `:: > ff02::16 report TO_EX ${OWN_GROUP}`;
  assertEquals(host.says(MINUTE), [tentative, tentative]);
  entry.state = AddressState.PREFERRED;
  ip.changed();
  const said = `${TO_ROUTERS_6} TO_EX ${OWN_GROUP}`;
  assertEquals(host.says(MINUTE), [said, said]);
  ip.changed();
  assertEquals(host.says(MINUTE), []);
});

Deno.test("where the link does not carry IPv6, nothing is said of it", () => {
  assertEquals(new Listener([LINK_LOCAL], { mtu: 1279 }).join(GROUP6).run(MINUTE), []);
});

Deno.test("MLD answers queries as IGMP does (RFC 3810 §6.2)", () => {
  const host = joined([GROUP6], [LINK_LOCAL]);
  host.receive(mldQuery({ version: 2, within: 3000 }));
  assertSaid(host.run(MINUTE), [0, 3000, `${TO_ROUTERS_6} IS_EX ${GROUP6}, IS_EX ${OWN_GROUP}`]);
  host.receive(mldQuery({ version: 2, group: GROUP6, within: 200 }));
  assertSaid(host.mark().run(MINUTE), [0, 200, `${TO_ROUTERS_6} IS_EX ${GROUP6}`]);
  host.receive(mldQuery({ version: 2, group: GROUP6, sources: ["2001:db8::1"], within: 200 }));
  assertSaid(
    host.mark().run(MINUTE),
    [0, 200, `${TO_ROUTERS_6} IS_IN ${GROUP6} {2001:db8::1}`],
  );
});

Deno.test("a querier of MLDv1 gets MLDv1, for as long as it is there (RFC 3810 §8.2.1, RFC 2710 §4)", () => {
  const host = joined([], [LINK_LOCAL]);
  host.receive(mldQuery({ version: 1, within: 1000 }));
  const own = `${LINK_LOCAL} > ${OWN_GROUP} v1 report ${OWN_GROUP}`;
  assertSaid(host.mark().run(MINUTE), [0, 1000, own]);
  const report = `${LINK_LOCAL} > ${GROUP6} v1 report ${GROUP6}`;
  assertSaid(host.mark().join(GROUP6).run(MINUTE), [0, 0, report], [0, 10_000, report]);
  assertEquals(host.leave(GROUP6).says(MINUTE), [`${LINK_LOCAL} > ff02::2 done ${GROUP6}`]);
  host.run(71_000); // all in all 2 times 125 seconds, and one to answer
  assertEquals(host.join(GROUP6).says(0), [`${TO_ROUTERS_6} TO_EX ${GROUP6}`]);
});

Deno.test("another's report of MLDv1 answers for us, unless it comes from :: (RFC 2710 §4, RFC 3590 §4)", () => {
  const report = (source: string) =>
    mld(131, Uint8Array.of(0, 0, 0, 0, ...IpAddress.parse(GROUP6).toBytes()), GROUP6, { source });
  for (const [source, answers] of [["fe80::9", 0], ["::", 1]] as const) {
    const host = joined([GROUP6], [LINK_LOCAL]);
    host.receive(mldQuery({ version: 1 }));
    host.receive(report(source));
    const said = host.says(MINUTE).filter((text) => text.endsWith(GROUP6));
    assertEquals(said.length, answers, source);
    assertEquals(host.leave(GROUP6).says(MINUTE).length, answers, source);
  }
});

Deno.test("MLD messages that came from afar, or otherwise than they must, are dropped (RFC 3810 §6.2)", () => {
  const report = Uint8Array.of(0, 0, 0, 0, ...IpAddress.parse(GROUP6).toBytes());
  const cases: [what: string, bytes: Uint8Array, isGood: boolean][] = [
    ["a query", mldQuery({ version: 2 }), true],
    ["a query of version 1", mldQuery({ version: 1 }), true],
    ["with a hop limit of 2", mldQuery({ version: 2, ttl: 2 }), false],
    ["without a router alert", mldQuery({ version: 2, routerAlert: false }), false],
    ["from a global address", mldQuery({ version: 2, source: "2001:db8::1" }), false],
    ["from ::", mldQuery({ version: 2, source: "::" }), false],
    ["of a length between both versions", mld(130, new Uint8Array(21), "ff02::1"), false],
    ["too short", mld(130, new Uint8Array(12), "ff02::1"), false],
    ["a report", mld(131, report, GROUP6), true],
    ["a report of another group than it goes to", mld(131, report, "ff02::1"), false],
    ["a report from a global address", mld(131, report, GROUP6, { source: "fd00::9" }), false],
    ["a done", mld(132, report, "ff02::1"), true],
  ];
  for (const [what, bytes, isGood] of cases) {
    const host = joined([GROUP6], [LINK_LOCAL]);
    host.receive(bytes);
    assertEquals(host.badMessages, isGood ? 0 : 1, what);
  }
});

/** The packets of a kernel's capture whose titles begin so. */
function captured(title: string): Uint8Array<ArrayBuffer>[] {
  const text = Deno.readTextFileSync(new URL("../corpus/neighbor_packets.txt", import.meta.url));
  const samples = text.split("\n\n").filter((sample) => sample.startsWith(`# ${title}`));
  return samples.map((sample) => Uint8Array.fromHex(sample.trim().split("\n")[2]!));
}

Deno.test("what is said is what Linux says, but for identification and flow label", () => {
  const same = (bytes: Uint8Array) => {
    const copy = bytes.slice();
    if (copy[0]! >>> 4 === 4) copy.fill(0, 4, 6).fill(0, 10, 12);
    else copy.fill(0, 1, 4);
    return copy.toHex();
  };
  const cases: [title: string, addresses: string[], act: (host: Listener) => unknown][] = [
    ["Membership Report / Join group 239.1.2.3 for any", ["10.9.0.1"], (host) => host.join(A)],
    [`Membership Report / Leave group ${A}`, ["10.9.0.1"], (host) => {
      host.join(A).run(MINUTE);
      host.mark().leave(A);
    }],
    [`Membership Report group ${B}`, ["10.9.0.1"], (host) => {
      host.receive(igmpQuery({ version: 2, source: "10.9.0.9" }));
      host.join(B);
    }],
    [`Leave Group ${B}`, ["10.9.0.1"], (host) => {
      host.receive(igmpQuery({ version: 2, source: "10.9.0.9" }));
      host.join(B).run(MINUTE);
      host.mark().leave(B);
    }],
    ["Multicast Listener Done", [LINK_LOCAL], (host) => {
      host.receive(mldQuery({ version: 1 }));
      host.join(GROUP6).run(MINUTE);
      host.mark().leave(GROUP6);
    }],
    ["Multicast Listener Report Message v2", [], ({ stack, interface: on }) => {
      const address = IpAddress.parse("fe80::3");
      const { TENTATIVE: state } = AddressState;
      stack.ip.addAddress(on, { address, prefixLength: 64, state });
    }],
  ];
  for (const [title, addresses, act] of cases) {
    const host = new Listener(addresses);
    act(host);
    host.run(0);
    const theirs = captured(title).map(same);
    assert(theirs.includes(same(host.packets[0]!)), `${title}: ${same(host.packets[0]!)}`);
  }
});

Deno.test("what Linux asks is understood", () => {
  const queries = [
    ...captured("Membership Query, general"),
    ...captured("Multicast Listener Query"),
  ];
  assert(queries.length >= 4);
  for (const bytes of queries) {
    const host = joined([A, GROUP6], ["10.9.0.1", LINK_LOCAL]);
    host.receive(bytes);
    assertEquals(host.stack.counters.groupQueriesReceived, 1, bytes.toHex());
    assert(host.says(MINUTE).some((text) => text.includes(bytes[0] === 0x46 ? A : GROUP6)));
  }
});
