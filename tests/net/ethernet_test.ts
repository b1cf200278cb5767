import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Counters } from "../../src/base/counters.ts";
import { Ethernet, type EthernetHooks } from "../../src/net/ethernet.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import { formatMac, parseMac } from "../../src/wire/mac.ts";
import { LINK_HEADROOM, Packet } from "../../src/wire/packet.ts";
import { bytesOf, packetOf, PEER, STACK } from "../packets.ts";
import { Random } from "../random.ts";
import { arp, ARP_REQUEST, readArp } from "./arp_packets.ts";

const OWN = "02:00:00:00:00:02";
const PEER_MAC = "02:00:00:00:00:01";
const ALL = "ff:ff:ff:ff:ff:ff";
const PEER6 = IpAddress.parse("fd00::1");

/** What Ethernet carries, by the text after the header. */
const TEXT = "hello, world";

function frame(to: string, from: string, rest: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    ...parseMac(to),
    ...parseMac(from),
    ...Uint8Array.fromHex(rest.replaceAll(" ", "")),
  ]);
}

/** An IP packet to be sent: in memory as IP has it, with the link's headroom in front. */
function outgoing(text = TEXT): Packet {
  const bytes = new Uint8Array(LINK_HEADROOM + text.length + 5).fill(0xee);
  bytes.set(new TextEncoder().encode(text), LINK_HEADROOM);
  return new Packet(bytes).place(LINK_HEADROOM, LINK_HEADROOM + text.length);
}

/** One host, and the frames that it sends. */
class Scene {
  now = 1_000_000;
  up = true;
  readonly counters = new Counters();
  readonly ethernet: Ethernet;
  readonly log: string[] = [];
  /** Gets the frames too. */
  wire: (frame: Uint8Array<ArrayBuffer>) => void = () => {};

  constructor({ mac = OWN, own = STACK, hooks = {} }: {
    mac?: string;
    own?: IpAddress;
    hooks?: Partial<EthernetHooks>;
  } = {}) {
    this.ethernet = new Ethernet({
      link: {
        mtu: 1500,
        transmit: (packet) => {
          if (!this.up) return false;
          const bytes = bytesOf(packet);
          this.log.push(read(bytes));
          this.wire(bytes);
          return true;
        },
      },
      mac: parseMac(mac),
      counters: this.counters,
      env: new Random(1),
      hooks: {
        isOwn4: (address) => address.equals(own),
        sourceFor4: () => own,
        claimed: (address) => this.log.push(`claimed ${address}`),
        conflict: (address) => this.log.push(`conflict over ${address}`),
        ndSolicit: (target, unicast) =>
          this.log.push(`solicit ${target}${unicast ? " alone" : ""}`),
        unreachable: (packet) => this.log.push(`unreachable: ${textOf(bytesOf(packet))}`),
        ...hooks,
      },
    });
  }

  receive(bytes: Uint8Array): string {
    return DROP_NAMES[this.ethernet.receive(packetOf(bytes), this.now)]!;
  }

  poll(): string[] {
    this.ethernet.poll(this.now);
    return this.take();
  }

  take(): string[] {
    return this.log.splice(0);
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** What a frame says. */
function read(bytes: Uint8Array): string {
  const etherType = bytes.subarray(12, 14).toHex();
  const payload = bytes.subarray(14);
  const what = etherType === "0806" ? readArp(payload) : textOf(payload);
  return `${formatMac(bytes, 6)} > ${formatMac(bytes)} ${etherType}: ${what}`;
}

Deno.test("frames for us, for everybody and for IP's groups go up; others do not", () => {
  const cases: [what: string, bytes: Uint8Array, want: string, isGroup?: boolean][] = [
    ["IPv4 to us", frame(OWN, PEER_MAC, "0800 4500"), "NONE", false],
    ["IPv6 to us", frame(OWN, PEER_MAC, "86dd 6000"), "NONE", false],
    ["IPv4 to everybody", frame(ALL, PEER_MAC, "0800 4500"), "NONE", true],
    ["to a group of IPv4", frame("01:00:5e:00:00:fb", PEER_MAC, "0800 4500"), "NONE", true],
    ["to a group of IPv6", frame("33:33:ff:00:00:02", PEER_MAC, "86dd 6000"), "NONE", true],
    ["with a priority", frame(OWN, PEER_MAC, "8100 e000 0800 4500"), "NONE", false],
    ["nothing in it", frame(OWN, PEER_MAC, "0800"), "NONE", false],
    ["to another", frame("02:00:00:00:00:03", PEER_MAC, "0800 4500"), "ETHERNET_NOT_FOR_US"],
    ["to bridges", frame("01:80:c2:00:00:00", PEER_MAC, "0800 4500"), "ETHERNET_NOT_FOR_US"],
    ["in another VLAN", frame(OWN, PEER_MAC, "8100 0007 0800 4500"), "ETHERNET_NOT_FOR_US"],
    ["from us", frame(ALL, OWN, "0800 4500"), "ETHERNET_NOT_FOR_US"],
    ["from us to us", frame(OWN, OWN, "0800 4500"), "ETHERNET_NOT_FOR_US"],
    ["of another protocol", frame(OWN, PEER_MAC, "88cc 0207"), "ETHERNET_UNKNOWN_TYPE"],
    ["of IEEE 802.2", frame(OWN, PEER_MAC, "0026 4242"), "ETHERNET_UNKNOWN_TYPE"],
    ["short", frame(OWN, PEER_MAC, "08"), "ETHERNET_TRUNCATED"],
    ["empty", new Uint8Array(0), "ETHERNET_TRUNCATED"],
    ["ARP, short", frame(ALL, PEER_MAC, "0806 0001"), "ARP_TRUNCATED"],
  ];
  for (const [what, bytes, want, isGroup] of cases) {
    const scene = new Scene();
    const packet = packetOf(bytes);
    packet.isGroup = isGroup === false; // what the packet before it left
    const { end } = packet;
    assertEquals(DROP_NAMES[scene.ethernet.receive(packet, scene.now)], want, what);
    assertEquals(scene.take(), [], what);
    if (isGroup === undefined) continue;
    assertEquals(packet.isGroup, isGroup, what);
    assertEquals(packet.end, end, what);
    assert(["45", "60", ""].includes(packet.bytes.subarray(packet.at, end).toHex().slice(0, 2)));
  }
});

Deno.test("padding of short frames goes up: IP knows its own length", () => {
  const scene = new Scene();
  const packet = packetOf(frame(OWN, PEER_MAC, "0800 4500" + "00".repeat(44)));
  assertEquals(scene.ethernet.receive(packet, scene.now), Drop.NONE);
  assertEquals(packet.end - packet.at, 46);
});

Deno.test("[RFC826-01] a padded ARP request is answered in a frame to who asked", () => {
  const scene = new Scene();
  const request = arp({
    operation: ARP_REQUEST,
    senderMac: PEER_MAC,
    sender: `${PEER}`,
    target: `${STACK}`,
  });
  const bytes = frame(ALL, PEER_MAC, "0806" + request.toHex() + "00".repeat(18));
  assertEquals(scene.receive(bytes), "TAKEN");
  assertEquals(scene.take(), [
    `${OWN} > ${PEER_MAC} 0806: ${OWN} tells ${PEER_MAC} 10.0.0.1 it has 10.0.0.2`,
  ]);
  assertEquals(scene.ethernet.neighbors4.entries(scene.now).map(({ state }) => state), ["stale"]);
});

Deno.test("[RFC826-01] arping gets the answer that it got from the Linux kernel, byte for byte", () => {
  // Caught on a pair of veth interfaces: what arping of iputils sent, and what the kernel answered.
  const asked = "ffffffffffff 020000000001 0806 0001 0800 06 04 0001" +
    "020000000001 0a090001 ffffffffffff 0a090002";
  const answered = "020000000001 020000000002 0806 0001 0800 06 04 0002" +
    "020000000002 0a090002 020000000001 0a090001";
  const scene = new Scene({ own: IpAddress.parse("10.9.0.2") });
  const sent: string[] = [];
  scene.wire = (bytes) => sent.push(bytes.toHex());
  assertEquals(scene.receive(Uint8Array.fromHex(asked.replaceAll(" ", ""))), "TAKEN");
  assertEquals(sent, [answered.replaceAll(" ", "")]);
});

Deno.test("broadcast and multicast packets go at once to the addresses that stand for them", () => {
  const cases: [nextHop: string, want: string][] = [
    ["255.255.255.255", `${ALL} 0800`],
    ["224.0.0.22", "01:00:5e:00:00:16 0800"],
    ["239.255.255.250", "01:00:5e:7f:ff:fa 0800"],
    ["ff02::1", "33:33:00:00:00:01 86dd"],
    ["ff02::1:ff00:2", "33:33:ff:00:00:02 86dd"],
  ];
  for (const [nextHop, want] of cases) {
    const scene = new Scene();
    const packet = outgoing();
    assertEquals(scene.ethernet.send(packet, IpAddress.parse(nextHop)), true);
    assertEquals(scene.take(), [`${OWN} > ${want}: ${TEXT}`]);
    assertEquals([packet.at, packet.end], [LINK_HEADROOM, LINK_HEADROOM + TEXT.length]);
    const untouched = packet.bytes.subarray(0, LINK_HEADROOM - 14);
    assertEquals(untouched, new Uint8Array(LINK_HEADROOM - 14).fill(0xee));
    assertEquals(scene.ethernet.nextDeadline(), Infinity);
  }
});

Deno.test("a packet to a known neighbor gets a header in front of it, in place", () => {
  for (const [neighbor, etherType] of [[PEER, "0800"], [PEER6, "86dd"]] as const) {
    const scene = new Scene();
    const { neighbors4, neighbors6 } = scene.ethernet;
    const cache = neighbor.family === 4 ? neighbors4 : neighbors6;
    cache.heardFrom(neighbor, parseMac(PEER_MAC), scene.now);
    const packet = outgoing();
    assertEquals(scene.ethernet.send(packet, neighbor), true);
    assertEquals(scene.take(), [`${OWN} > ${PEER_MAC} ${etherType}: ${TEXT}`]);
    assertEquals(packet.at, LINK_HEADROOM);
  }
});

Deno.test("[RFC1122-31] two hosts find each other by ARP, and no packet is lost", () => {
  const left = new Scene({ mac: PEER_MAC, own: PEER });
  const right = new Scene();
  const arrived: string[] = [];
  left.wire = (bytes) => {
    const packet = packetOf(bytes);
    if (right.ethernet.receive(packet, right.now) === Drop.NONE) {
      arrived.push(textOf(bytesOf(packet)));
    }
  };
  right.wire = (bytes) => left.receive(bytes);
  for (const text of ["one", "two"]) assertEquals(left.ethernet.send(outgoing(text), STACK), true);
  assertEquals(left.take(), [], "nothing is sent before the poll");
  assertEquals(left.ethernet.nextDeadline(), -Infinity);
  assertEquals(left.poll(), [
    `${PEER_MAC} > ${ALL} 0806: ${PEER_MAC} asks who has 10.0.0.2, tell 10.0.0.1`,
    `${PEER_MAC} > ${OWN} 0800: one`,
    `${PEER_MAC} > ${OWN} 0800: two`,
  ]);
  assertEquals(arrived, ["one", "two"]);
  assertEquals(right.ethernet.send(outgoing("three"), PEER), true, "the request told who asks");
  assertEquals(right.take().at(-1), `${OWN} > ${PEER_MAC} 0800: three`);
  const states = [left, right].map(({ ethernet, now }) =>
    ethernet.neighbors4.entries(now)[0]!.state
  );
  assertEquals(states, ["reachable", "delay"]);
});

Deno.test("[RFC1122-30] a neighbor that does not answer is told of, packet by packet", () => {
  const scene = new Scene();
  scene.ethernet.send(outgoing("lost"), PEER);
  const log: string[] = [];
  for (let i = 0; i < 5; i++) {
    log.push(...scene.poll());
    scene.now += 1000;
  }
  const request = `${OWN} > ${ALL} 0806: ${OWN} asks who has 10.0.0.1, tell 10.0.0.2`;
  assertEquals(log, [request, request, request, "unreachable: lost"]);
  assertEquals(scene.counters.drops[Drop.NEIGHBOR_UNREACHABLE], 1);
});

Deno.test("neighbors of IPv6 are asked for by neighbor discovery, which fills their cache", () => {
  const scene = new Scene();
  scene.ethernet.send(outgoing(), PEER6);
  assertEquals(scene.take(), []);
  assertEquals(scene.poll(), ["solicit fd00::1"]);
  const answer = { solicited: true, override: true, isRouter: false };
  scene.ethernet.neighbors6.advertised(PEER6, parseMac(PEER_MAC), answer, scene.now);
  assertEquals(scene.take(), [`${OWN} > ${PEER_MAC} 86dd: ${TEXT}`]);
  scene.now += 1000;
  scene.ethernet.suspect(PEER6);
  assertEquals(scene.ethernet.nextDeadline(), -Infinity);
  assertEquals(scene.poll(), ["solicit fd00::1 alone"]);
  scene.ethernet.confirm(PEER6, scene.now);
  scene.now += 10_000;
  assertEquals(scene.poll(), []);
  assertEquals(scene.ethernet.neighbors6.entries(scene.now)[0]!.state, "reachable");
});

Deno.test("[RFC1122-30] a suspected neighbor of IPv4 is asked alone, by ARP (RFC 1122 §2.3.2.1)", () => {
  const scene = new Scene();
  scene.ethernet.neighbors4.heardFrom(PEER, parseMac(PEER_MAC), scene.now);
  scene.ethernet.suspect(PEER);
  assertEquals(scene.poll(), [
    `${OWN} > ${PEER_MAC} 0806: ${OWN} asks who has 10.0.0.1, tell 10.0.0.2`,
  ]);
});

Deno.test("addresses are claimed on the link, as its deadlines tell", () => {
  const scene = new Scene();
  scene.ethernet.arp.claim(IpAddress.parse("10.0.0.77"), scene.now);
  const log: string[] = [];
  while (scene.ethernet.nextDeadline() !== Infinity) {
    scene.now = scene.ethernet.nextDeadline();
    log.push(...scene.poll().map((what) => what.replace(/^.* asks/, "asks")));
  }
  assertEquals(log, [
    ...Array(3).fill("asks who has 10.0.0.77, tell 0.0.0.0"),
    "claimed 10.0.0.77",
    ...Array(2).fill("asks who has 10.0.0.77, tell 10.0.0.77"),
  ]);
});

Deno.test("frames that the device does not take are counted, those that waited too", () => {
  const scene = new Scene();
  scene.up = false;
  assertEquals(scene.ethernet.send(outgoing(), IpAddress.parse("224.0.0.1")), false);
  assertEquals(scene.ethernet.send(outgoing(), PEER), true);
  scene.poll();
  scene.ethernet.neighbors4.heardFrom(PEER, parseMac(PEER_MAC), scene.now);
  assertEquals(scene.ethernet.send(outgoing(), PEER), false);
  assertEquals(scene.counters.drops[Drop.SEND_DEVICE], 4, "and the request");
  assertEquals(scene.counters.arpRequestsSent, 0);
});

Deno.test("an interface's own address is that of one host", () => {
  const make = (mac: Uint8Array) =>
    new Ethernet({
      link: { mtu: 1500, transmit: () => true },
      mac,
      counters: new Counters(),
      env: new Random(1),
      hooks: {} as EthernetHooks,
    });
  for (const mac of [new Uint8Array(5), parseMac(ALL), parseMac("01:00:5e:00:00:01")]) {
    assertThrows(() => make(mac), TypeError, "An interface needs six bytes");
  }
  assertEquals(make(parseMac(OWN)).mac, parseMac(OWN));
});

Deno.test("whatever frames come, each gets a reason, and nothing is read beyond their ends", () => {
  const types = fc.constantFrom("0800", "0806", "86dd", "8100", "88a8", "0010");
  const to = fc.constantFrom(OWN, ALL, "33:33:00:00:00:01", "02:00:00:00:00:09");
  const request = arp({
    operation: ARP_REQUEST,
    senderMac: PEER_MAC,
    sender: `${PEER}`,
    target: `${STACK}`,
  }).toHex();
  const rest = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => bytes.toHex()),
    fc.nat(28).map((length) => request.slice(0, 2 * length)),
  );
  fc.assert(fc.property(to, types, types, rest, fc.nat(60), (to, type, inner, rest, length) => {
    const tag = type === "8100" || type === "88a8" ? "0000" + inner : "";
    const bytes = frame(to, PEER_MAC, type + tag + rest).slice(0, length);
    const scene = new Scene();
    const packet = packetOf(bytes);
    const drop = scene.ethernet.receive(packet, scene.now);
    assert(DROP_NAMES[drop] !== undefined);
    if (drop === Drop.NONE) assert(packet.at <= packet.end);
    const again = new Scene();
    const other = packetOf(bytes);
    other.bytes.fill(0x06, other.end);
    assertEquals(again.ethernet.receive(other, again.now), drop);
    assertEquals(again.take(), scene.take());
  }));
});
