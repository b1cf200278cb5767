import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Counters } from "../../src/base/counters.ts";
import { Arp, type ArpConfig, DEFAULT_ARP_CONFIG } from "../../src/net/arp.ts";
import { NeighborCache } from "../../src/net/neighbors.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { DROP_NAMES } from "../../src/wire/drop.ts";
import { formatMac, parseMac } from "../../src/wire/mac.ts";
import { LINK_HEADROOM, type Packet } from "../../src/wire/packet.ts";
import { bytesOf, packetOf, PEER, STACK } from "../packets.ts";
import { Random, withSeed } from "../random.ts";
import { arp, ARP_REPLY, ARP_REQUEST, type ArpFields, readArp } from "./arp_packets.ts";

const OWN = "02:00:00:00:00:02";
const PEER_MAC = "02:00:00:00:00:01";
const OTHER_MAC = "02:00:00:00:00:66";
const ALL = "ff:ff:ff:ff:ff:ff";

const NEW = "10.0.0.77";

/** One host's ARP, and all that it does, as text. */
class Scene {
  now = 1_000_000;
  readonly counters = new Counters();
  readonly cache: NeighborCache;
  readonly arp: Arp;
  own: string[] = [`${STACK}`];
  #done: string[] = [];

  constructor(config: Partial<ArpConfig> = {}, env = new Random(1)) {
    this.cache = new NeighborCache(
      {
        solicit: (target, mac) => this.arp.request(target, mac),
        deliver: (_packet, mac) => this.#done.push(`packet to ${formatMac(mac)}`),
        unreachable: () => this.#done.push("unreachable"),
      },
      this.counters,
      env,
    );
    this.arp = new Arp(
      parseMac(OWN),
      this.cache,
      (packet, mac) => this.#sent(packet, mac),
      {
        isOwn4: (address) => this.own.includes(`${address}`),
        sourceFor4: () => this.own.map((text) => IpAddress.parse(text))[0],
        claimed: (address) => {
          this.own.push(`${address}`);
          this.#done.push(`claimed ${address}`);
        },
        conflict: (address, mac) => {
          this.own = this.own.filter((own) => own !== `${address}`);
          this.#done.push(`conflict over ${address} with ${formatMac(mac)}`);
        },
      },
      this.counters,
      env,
      config,
    );
  }

  #sent(packet: Packet, mac: Uint8Array): boolean {
    assert(packet.at >= LINK_HEADROOM);
    this.#done.push(`to ${formatMac(mac)}: ${readArp(bytesOf(packet))}`);
    return true;
  }

  receive(fields: ArpFields): string {
    return this.receiveBytes(arp(fields));
  }

  receiveBytes(bytes: Uint8Array): string {
    return DROP_NAMES[this.arp.receive(packetOf(bytes), this.now)]!;
  }

  take(): string[] {
    return this.#done.splice(0);
  }

  pass(time: number): string[] {
    const log: string[] = [];
    const start = this.now;
    const end = start + time;
    for (;;) {
      const due = Math.min(this.arp.nextDeadline(), this.cache.nextDeadline());
      const next = Math.max(this.now, due);
      if (next > end) break;
      this.now = next;
      this.arp.poll(next);
      this.cache.poll(next);
      log.push(...this.take().map((what) => `+${Math.round(next - start)} ${what}`));
    }
    this.now = end;
    return log;
  }

  macOf(address: IpAddress): string | undefined {
    const entry = this.cache.entries(this.now).find((entry) => entry.address.equals(address));
    return entry?.mac ? `${formatMac(entry.mac)} ${entry.state}` : undefined;
  }
}

const REQUEST: ArpFields = {
  operation: ARP_REQUEST,
  senderMac: PEER_MAC,
  sender: `${PEER}`,
  target: `${STACK}`,
};
const REPLY: ArpFields = { ...REQUEST, operation: ARP_REPLY, targetMac: OWN };
const WHO_HAS_PEER = `to ${ALL}: ${OWN} asks who has 10.0.0.1, tell 10.0.0.2`;

Deno.test("[RFC826-01] a request for an own address is answered, and its sender learned", () => {
  const scene = new Scene();
  assertEquals(scene.receive(REQUEST), "TAKEN");
  assertEquals(scene.take(), [`to ${PEER_MAC}: ${OWN} tells ${PEER_MAC} 10.0.0.1 it has 10.0.0.2`]);
  assertEquals(scene.macOf(PEER), `${PEER_MAC} stale`);
  assertEquals(scene.counters.arpReceived, 1);
  assertEquals(scene.counters.arpRepliesSent, 1);
});

Deno.test("[RFC826-01] a request for another's address is not answered, nor is its sender learned", () => {
  const scene = new Scene();
  assertEquals(scene.receive({ ...REQUEST, target: "10.0.0.9" }), "ARP_NOT_FOR_US");
  assertEquals(scene.take(), []);
  assertEquals(scene.macOf(PEER), undefined);
});

Deno.test("[RFC826-01] [RFC826-02] a known sender is brought up to date, whatever the packet is for", () => {
  const packets: [what: string, fields: ArpFields][] = [
    ["a request for us", REQUEST],
    ["a request for another", { ...REQUEST, target: "10.0.0.9" }],
    ["an announcement", { ...REQUEST, target: `${PEER}` }],
    ["a reply to us", REPLY],
    ["a reply to another", { ...REPLY, target: "10.0.0.9" }],
    ["an operation that nobody knows", { ...REQUEST, operation: 25 }],
  ];
  for (const [what, fields] of packets) {
    const scene = new Scene();
    scene.cache.heardFrom(PEER, parseMac(OTHER_MAC), scene.now);
    scene.cache.confirm(PEER, scene.now);
    assertEquals(scene.receive(fields), "TAKEN", what);
    assertEquals(scene.macOf(PEER), `${PEER_MAC} stale`, what);
  }
});

Deno.test("replies that nobody asked for teach nothing", () => {
  const scene = new Scene();
  assertEquals(scene.receive(REPLY), "ARP_NOT_FOR_US");
  assertEquals(scene.receive({ ...REPLY, target: `${PEER}` }), "ARP_NOT_FOR_US");
  assertEquals(scene.receive({ ...REQUEST, target: `${PEER}` }), "ARP_NOT_FOR_US");
  assertEquals(scene.cache.size, 0);
});

Deno.test("a reply makes a neighbor reachable only if it was asked", () => {
  const scene = new Scene();
  const peer = parseMac(PEER_MAC);
  scene.cache.heardFrom(PEER, peer, scene.now);
  scene.receive(REPLY);
  assertEquals(scene.macOf(PEER), `${PEER_MAC} stale`);
  scene.cache.suspect(PEER);
  scene.receive(REPLY);
  assertEquals(scene.macOf(PEER), `${PEER_MAC} probe`, "not asked yet");
  assertEquals(scene.pass(0), [`+0 to ${PEER_MAC}: ${OWN} asks who has 10.0.0.1, tell 10.0.0.2`]);
  scene.receive({ ...REPLY, target: "10.0.0.9" });
  assertEquals(scene.macOf(PEER), `${PEER_MAC} probe`, "not to us");
  scene.receive({ ...REPLY, operation: 25 });
  assertEquals(scene.macOf(PEER), `${PEER_MAC} probe`, "no reply");
  scene.receive(REPLY);
  assertEquals(scene.macOf(PEER), `${PEER_MAC} reachable`);
});

Deno.test("[RFC1122-31] a packet waits while its neighbor is asked for, and goes to who answers", () => {
  const scene = new Scene();
  assertEquals(scene.cache.resolve(packetOf(new Uint8Array(20)), PEER), null);
  assertEquals(scene.take(), []);
  assertEquals(scene.pass(10), [`+0 ${WHO_HAS_PEER}`]);
  assertEquals(scene.receive(REPLY), "TAKEN");
  assertEquals(scene.take(), [`packet to ${PEER_MAC}`]);
  assertEquals(scene.macOf(PEER), `${PEER_MAC} reachable`);
});

Deno.test("[RFC1122-30] requests go out once a second, three times", () => {
  const scene = new Scene();
  scene.cache.resolve(packetOf(new Uint8Array(20)), PEER);
  assertEquals(scene.pass(60_000), [
    `+0 ${WHO_HAS_PEER}`,
    `+1000 ${WHO_HAS_PEER}`,
    `+2000 ${WHO_HAS_PEER}`,
    "+3000 unreachable",
  ]);
  assertEquals(scene.counters.arpRequestsSent, 3);
});

Deno.test("a host without an address asks nobody", () => {
  const scene = new Scene();
  scene.own = [];
  scene.cache.resolve(packetOf(new Uint8Array(20)), PEER);
  assertEquals(scene.pass(60_000), ["+3000 unreachable"]);
});

Deno.test("senders that cannot exist, or that are us, are not believed", () => {
  const cases: [string, Partial<ArpFields>, string][] = [
    ["a group", { sender: "224.0.0.1" }, "ARP_BAD_FORMAT"],
    ["everybody", { sender: "255.255.255.255" }, "ARP_BAD_FORMAT"],
    ["loopback", { sender: "127.0.0.1" }, "ARP_BAD_FORMAT"],
    ["our own frame", { senderMac: OWN }, "ARP_NOT_FOR_US"],
    ["our own announcement", { senderMac: OWN, sender: `${STACK}` }, "ARP_NOT_FOR_US"],
    ["a group's hardware address", { senderMac: "01:00:5e:00:00:01" }, "ARP_BAD_FORMAT"],
  ];
  for (const [what, fields, want] of cases) {
    const scene = new Scene();
    assertEquals(scene.receive({ ...REQUEST, ...fields }), want, what);
    assertEquals(scene.take(), [], what);
    assertEquals(scene.cache.size, 0, what);
    assertEquals(scene.counters.arpConflicts, 0, what);
  }
});

Deno.test("a probe for an own address is answered, and teaches nothing (RFC 5227 §2.1.1)", () => {
  const scene = new Scene();
  assertEquals(scene.receive({ ...REQUEST, sender: "0.0.0.0" }), "TAKEN");
  assertEquals(scene.take(), [`to ${PEER_MAC}: ${OWN} tells ${PEER_MAC} 0.0.0.0 it has 10.0.0.2`]);
  assertEquals(scene.cache.size, 0);
});

const PROBE = `to ${ALL}: ${OWN} asks who has ${NEW}, tell 0.0.0.0`;
const ANNOUNCEMENT = `to ${ALL}: ${OWN} asks who has ${NEW}, tell ${NEW}`;

Deno.test("[RFC5227-01] [RFC5227-02] an address is probed thrice, claimed, and announced twice", () => {
  const half = { random: () => 0x8000_0000 };
  const scene = new Scene({}, half as Random);
  scene.arp.claim(IpAddress.parse(NEW), scene.now);
  assertEquals(scene.pass(60_000), [
    `+500 ${PROBE}`,
    `+2000 ${PROBE}`,
    `+3500 ${PROBE}`,
    `+5500 claimed ${NEW}`,
    `+5500 ${ANNOUNCEMENT}`,
    `+7500 ${ANNOUNCEMENT}`,
  ]);
  assertEquals(scene.arp.nextDeadline(), Infinity);
});

Deno.test("[RFC5227-01] probes are spaced at random within the bounds of RFC 5227 §1.1", () => {
  withSeed(1, (random) => {
    const firsts: number[] = [];
    const gaps: number[] = [];
    for (let i = 0; i < 200; i++) {
      const scene = new Scene({}, random);
      scene.arp.claim(IpAddress.parse(NEW), scene.now);
      const times = scene.pass(20_000).filter((what) => what.endsWith(PROBE)).map(parseFloat);
      assertEquals(times.length, 3);
      firsts.push(times[0]!);
      gaps.push(times[1]! - times[0]!, times[2]! - times[1]!);
    }
    assert(Math.min(...firsts) < 100 && Math.max(...firsts) > 900 && Math.max(...firsts) <= 1000);
    assert(Math.min(...gaps) >= 999 && Math.max(...gaps) <= 2001);
    assert(Math.min(...gaps) < 1100 && Math.max(...gaps) > 1900);
  });
});

Deno.test("[RFC5227-01] any packet that shows another host with the address bars it while probing", () => {
  const conflicts: [what: string, fields: Partial<ArpFields>][] = [
    ["a reply to the probe", { operation: ARP_REPLY, sender: NEW, target: "0.0.0.0" }],
    ["a request of its owner", { sender: NEW, target: "10.0.0.9" }],
    ["an announcement", { sender: NEW, target: NEW }],
    ["another's probe", { sender: "0.0.0.0", target: NEW }],
  ];
  for (const [what, fields] of conflicts) {
    for (const after of [100, 2500, 5400]) {
      const scene = new Scene({}, { random: () => 0x8000_0000 } as Random);
      scene.arp.claim(IpAddress.parse(NEW), scene.now);
      scene.pass(after);
      const packet = { ...REQUEST, senderMac: OTHER_MAC, ...fields };
      assertEquals(scene.receive(packet), "TAKEN", what);
      assertEquals(scene.take(), [`conflict over ${NEW} with ${OTHER_MAC}`], what);
      assertEquals(scene.pass(60_000), [], `${what}: nothing is sent any more`);
      assertEquals(scene.counters.arpConflicts, 1, what);
    }
  }
});

Deno.test("[RFC5227-01] an address that is being probed is not answered for, nor do other packets bar it", () => {
  const scene = new Scene();
  scene.arp.claim(IpAddress.parse(NEW), scene.now);
  assertEquals(scene.receive({ ...REQUEST, target: NEW }), "ARP_NOT_FOR_US");
  assertEquals(
    scene.receive({ ...REQUEST, sender: "0.0.0.0", target: "10.0.0.8" }),
    "ARP_NOT_FOR_US",
  );
  assertEquals(
    scene.receive({ ...REQUEST, sender: "0.0.0.0", target: NEW, senderMac: OWN }),
    "ARP_NOT_FOR_US",
  );
  const fromNobody = { ...REPLY, sender: "0.0.0.0", target: NEW };
  assertEquals(scene.receive(fromNobody), "ARP_NOT_FOR_US");
  assertEquals(scene.take(), []);
  assertEquals(scene.pass(60_000).filter((what) => what.includes("claimed")).length, 1);
});

Deno.test("[RFC5227-01] after ten conflicts only one address a minute is claimed", () => {
  const scene = new Scene({}, { random: () => 0 } as Random);
  const attempt = () => {
    scene.arp.claim(IpAddress.parse(NEW), scene.now);
    const log: string[] = [];
    const start = scene.now;
    while (log.length === 0) log.push(...scene.pass(100));
    scene.receive({ ...REQUEST, sender: NEW });
    scene.take();
    return scene.now - start;
  };
  for (let i = 0; i < 10; i++) assert(attempt() <= 1000, `${i}`);
  for (let i = 0; i < 3; i++) assert(attempt() >= 59_000, `${i}`);
});

Deno.test("[RFC5227-02] an address used at once is announced twice, and defended", () => {
  const scene = new Scene();
  scene.own.push(NEW);
  scene.arp.announce(IpAddress.parse(NEW));
  assertEquals(scene.take(), []);
  assertEquals(scene.arp.nextDeadline(), -Infinity);
  assertEquals(scene.pass(60_000), [`+0 ${ANNOUNCEMENT}`, `+2000 ${ANNOUNCEMENT}`]);
  scene.receive({ ...REQUEST, sender: NEW });
  assertEquals(scene.take(), [ANNOUNCEMENT]);
});

Deno.test("[RFC5227-03] an address is defended once; a second conflict within 10 seconds ends its use", () => {
  const own = `${STACK}`;
  const defence = `to ${ALL}: ${OWN} asks who has ${own}, tell ${own}`;
  const conflicts: [what: string, fields: ArpFields][] = [
    ["a request", { ...REQUEST, sender: own, target: "10.0.0.9" }],
    ["a request for the same", { ...REQUEST, sender: own }],
    ["a reply", { ...REPLY, sender: own }],
  ];
  for (const [what, fields] of conflicts) {
    const scene = new Scene(); // never claimed, never announced
    assertEquals(scene.receive(fields), "TAKEN", what);
    assertEquals(scene.take(), [defence], what);
    scene.pass(10_000);
    scene.receive(fields);
    assertEquals(scene.take(), [defence], `${what}, 10 s later`);
    scene.pass(9999);
    scene.receive(fields);
    assertEquals(scene.take(), [`conflict over ${own} with ${PEER_MAC}`], what);
    assertEquals(scene.own, [], what);
    assertEquals(scene.cache.size, 0, `${what}: nobody is a neighbor under an address of ours`);
    assertEquals(scene.counters.arpConflicts, 3, what);
  }
});

Deno.test("[RFC5227-03] addresses that are to be kept are defended once in 10 seconds, for ever", () => {
  const scene = new Scene({ keepAddresses: true });
  let defences = 0;
  for (let time = 0; time < 60_000; time += 500) {
    scene.receive({ ...REQUEST, sender: `${STACK}` });
    for (const what of scene.take()) {
      assert(what.includes("asks"), what);
      defences++;
    }
    scene.pass(500);
  }
  assertEquals(defences, 6);
  assertEquals(scene.own, [`${STACK}`]);
});

Deno.test("a released address is neither probed, announced nor defended", () => {
  const scene = new Scene();
  scene.arp.claim(IpAddress.parse(NEW), scene.now);
  scene.arp.release(IpAddress.parse(NEW));
  scene.arp.release(IpAddress.parse(NEW));
  assertEquals(scene.pass(60_000), []);
  scene.arp.announce(STACK);
  scene.arp.release(STACK);
  scene.own = [];
  assertEquals(scene.receive({ ...REQUEST, sender: `${STACK}` }), "ARP_NOT_FOR_US");
  assertEquals(scene.pass(60_000), []);
});

Deno.test("a flood of requests of made-up hosts is answered, and leaves neighbors in use alone", () => {
  withSeed(2, (random) => {
    const scene = new Scene({}, random);
    scene.receive(REQUEST);
    scene.cache.resolve(packetOf(new Uint8Array(20)), PEER);
    scene.take();
    for (let i = 0; i < 5000; i++) {
      const mac = random.bytes(6);
      mac[0]! &= 0xfc;
      const sender = `10.${random.below(256)}.${random.below(256)}.${random.between(3, 254)}`;
      scene.receive({ ...REQUEST, sender, senderMac: formatMac(mac) });
    }
    assertEquals(scene.cache.size, 1024);
    assertEquals(scene.macOf(PEER)?.split(" ")[0], PEER_MAC);
    assertEquals(scene.counters.arpRepliesSent, 5001);
  });
});

Deno.test("whatever the bytes are, ARP answers with a reason, and reads nothing beyond them", () => {
  const start = fc.constantFrom(...[REQUEST, REPLY].map(arp));
  const damage = fc.array(fc.tuple(fc.nat(27), fc.nat(255)), { maxLength: 6 });
  fc.assert(fc.property(start, damage, fc.nat(40), (good, changes, length) => {
    const bytes = new Uint8Array(length);
    bytes.set(good.subarray(0, length));
    for (const [at, value] of changes) if (at < length) bytes[at] = value;
    const scene = new Scene();
    const want = scene.receiveBytes(bytes);
    assertEquals(want === "ARP_TRUNCATED", length < 28);
    // What lies behind the end makes no difference.
    const again = new Scene();
    const packet = packetOf(bytes);
    packet.bytes.fill(0x11, packet.end);
    assertEquals(DROP_NAMES[again.arp.receive(packet, again.now)], want);
    assertEquals(again.take(), scene.take());
  }));
});

Deno.test("the times of RFC 5227 §1.1 hold where nothing else is said", () => {
  assertEquals(DEFAULT_ARP_CONFIG, {
    probeWait: 1000,
    probes: 3,
    probeMin: 1000,
    probeMax: 2000,
    announceWait: 2000,
    announcements: 2,
    announceInterval: 2000,
    maxConflicts: 10,
    rateLimitInterval: 60_000,
    defendInterval: 10_000,
    keepAddresses: false,
  });
});
