/**
 * Hostile frames on a link that both families share: whatever arrives, the stack neither throws nor
 * loses count, remembers no more than it means to, and answers an echo afterwards.
 */

import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { MAX_AUTOCONF_ADDRESSES } from "../../src/net/autoconf.ts";
import { MAX_ROUTERS } from "../../src/net/default_routers.ts";
import type { Ethernet } from "../../src/net/ethernet.ts";
import { MAX_PREFIXES_ON_LINK, MAX_REDIRECTS } from "../../src/net/learned_routes.ts";
import { DEFAULT_NEIGHBOR_CONFIG } from "../../src/net/neighbors.ts";
import { Stack } from "../../src/stack/stack.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { finish, pseudoHeaderSum, sum } from "../../src/wire/checksum.ts";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import { parseMac } from "../../src/wire/mac.ts";
import { bytesOf, icmp, ipv4, packetOf, STACK, tcp, udp } from "../packets.ts";
import { icmpv6, ipv6, STACK6 } from "../packets6.ts";
import { type Random, withSeed } from "../random.ts";
import { describeFrame, encodeFrame, type Exchange, STACK_MAC } from "../scripts/frames.ts";

const ROUNDS = 40;
const FRAMES_PER_ROUND = 2000;
/** Most frames that one frame, or the time that passes after it, may bring about. */
const MOST_ANSWERS = 64;

/** Groups of links that a stack with both families is in. */
const GROUPS = ["224.0.0.1", "ff02::1", "ff02::1:ff00:2", "ff02::16"].map((text) =>
  IpAddress.parse(text)
);

/** IP packets that kernels have sent, from the corpus. */
const captured = ["kernel_packets.txt", "neighbor_packets.txt"].flatMap((name) => {
  const text = Deno.readTextFileSync(new URL(`../corpus/${name}`, import.meta.url));
  return text.split("\n").filter((line) => /^[46][0-9a-f]{39,}$/.test(line));
}).map((line) => Uint8Array.fromHex(line));

/** DHCP messages from the corpus. */
const dhcp = Deno.readTextFileSync(new URL("../corpus/dhcp_messages.txt", import.meta.url))
  .split("\n").filter((line) => /^0[12][0-9a-f]{400,}$/.test(line))
  .map((line) => Uint8Array.fromHex(line));

/** A stack on an Ethernet, and the frames that it has sent. */
class Target {
  now = 1_000_000;
  sent: Uint8Array<ArrayBuffer>[] = [];
  readonly stack: Stack;

  /** @param forward Whether it is a router. */
  constructor(readonly random: Random, forward: boolean) {
    this.stack = new Stack({
      forward,
      interfaces: [{
        name: "eth0",
        link: {
          mtu: 1500,
          transmit: (packet) => this.sent.push(bytesOf(packet)) > 0,
        },
        mac: parseMac(STACK_MAC),
        addresses: [
          { address: STACK, prefixLength: 24 },
          { address: STACK6, prefixLength: 64 },
        ],
        autoconf: true,
      }],
    }, random);
    this.stack.tcp.listen(null, 80, 16, () => {});
    for (const port of [7, 68]) {
      this.stack.udp.bind({ address: null, port, datagram: () => Drop.NONE });
    }
    this.pass(30_000);
    this.sent.length = 0;
  }

  /** Lets time pass. */
  pass(duration: number): void {
    const end = this.now + duration;
    for (let polls = 0; this.now < end; polls++) {
      this.now = Math.min(end, Math.max(this.now, this.stack.nextDeadline()));
      this.stack.poll(this.now);
      assertLessOrEqual(polls, 20_000, "a stack that polls without end");
    }
  }

  /** Drops of frames that were received, for which whoever sent them is to blame. */
  get refused(): number {
    const { drops } = this.stack.counters;
    const isReceived = (name: string) =>
      !/^(SEND|NEIGHBOR)_/.test(name) && !/^FRAGMENT_(TIMEOUT|NO_ROOM)$/.test(name);
    return drops.reduce((all, count, i) => isReceived(DROP_NAMES[i]!) ? all + count : all, 0);
  }

  /** An address that somebody may have, ours among them. */
  address(family: 4 | 6): IpAddress {
    const { random } = this;
    const own = this.stack.ip.addresses.filter((address) => address.family === family);
    const groups = GROUPS.filter((address) => address.family === family);
    if (random.chance(0.6) && own.length > 0) return random.pick(own);
    if (random.chance(0.3)) return random.pick(groups);
    if (random.chance(0.1)) return IpAddress.fromBytes(random.bytes(family === 4 ? 4 : 16));
    const last = random.below(200);
    const prefix = random.pick(["fd00::", "fe80::", "2001:db8::"]);
    return IpAddress.parse(family === 4 ? `10.0.0.${last}` : `${prefix}${last.toString(16)}`);
  }
}

/** A chain of extension headers, right or wrong, in front of a payload. */
function chained(random: Random, protocol: number, payload: Uint8Array): [number, Uint8Array] {
  let chain: [number, Uint8Array] = [protocol, payload];
  for (let n = random.below(random.chance(0.1) ? 40 : 4); n > 0; n--) {
    const blocks = random.below(3);
    const header = random.bytes(8 + 8 * blocks);
    header[0] = random.chance(0.95) ? chain[0] : random.below(256);
    header[1] = random.chance(0.95) ? blocks : random.below(256);
    if (random.chance(0.7)) header.set([1, header.length - 4], 2); // one PadN option
    chain = [random.pick([0, 43, 44, 60, 60, 60, 51, 135]), Uint8Array.of(...header, ...chain[1])];
  }
  return chain;
}

/** Options of neighbor discovery, right or wrong. */
function ndOptions(random: Random): Uint8Array<ArrayBuffer> {
  const options: number[] = [];
  for (let n = random.below(5); n > 0; n--) {
    const type = random.pick([1, 1, 2, 3, 3, 4, 5, 25, 31, random.below(256)]);
    const blocks = random.chance(0.1) ? random.below(256) : type === 3 ? 4 : type === 25 ? 3 : 1;
    const body = random.bytes(Math.min(blocks, 8) * 8);
    if (type === 3 && blocks === 4) {
      body.set([64, 0xc0], 2);
      if (random.chance(0.7)) body.set([0xff, 0xff], 4); // lives long
    }
    options.push(type, blocks, ...body.subarray(2));
  }
  return Uint8Array.from(options);
}

/** A message of neighbor discovery or MLD. */
function discovery(target: Target): Uint8Array<ArrayBuffer> {
  const { random } = target;
  const type = random.pick([130, 131, 132, 133, 134, 134, 135, 135, 136, 136, 137, 143]);
  const hasTarget = type >= 135 && type <= 137;
  const body = Uint8Array.of(
    ...random.bytes(type === 134 ? 12 : 4),
    ...(hasTarget ? target.address(6).toBytes() : []),
    ...(type === 137 || (type >= 130 && type <= 132) ? target.address(6).toBytes() : []),
    ...(type === 143 ? random.bytes(random.below(60)) : ndOptions(random)),
  );
  return icmpv6(type, random.chance(0.05) ? 1 : 0, body, {
    source: IpAddress.parse(random.chance(0.1) ? "::" : `fe80::${random.below(200)}`),
    destination: target.address(6),
    ttl: random.chance(0.9) ? (type >= 133 && type <= 137 ? 255 : 1) : 64,
  });
}

/** An IP packet of some kind. */
function packet(target: Target): Uint8Array<ArrayBuffer> {
  const { random } = target;
  const family = random.pick([4, 6] as const);
  const source = target.address(family);
  const destination = target.address(family);
  switch (random.below(10)) {
    case 0:
      return redirected(target, random.pick(captured).slice());
    case 1:
    case 2:
    case 3:
      return discovery(target);
    case 4:
      return icmp(random.pick([0, 3, 3, 5, 8, 11, 12, 13, 17]), random.below(6), random.bytes(40));
    case 5: // IGMP
      return ipv4({
        destination: random.pick(GROUPS.slice(0, 1)),
        protocol: 2,
        ttl: 1,
        payload: Uint8Array.of(random.pick([0x11, 0x16, 0x17, 0x22]), ...random.bytes(11)),
        options: random.chance(0.5) ? Uint8Array.of(0x94, 4, 0, 0) : undefined,
      });
    case 6: {
      const payload = random.chance(0.3) ? random.pick(dhcp) : random.bytes(random.below(1400));
      const ports = { sourcePort: random.pick([67, 9]), destinationPort: random.pick([7, 8, 68]) };
      return udp({ source, destination, ...ports, payload });
    }
    case 7:
      return tcp({
        source,
        destination,
        sourcePort: random.below(65_536),
        destinationPort: random.pick([80, 81]),
        seq: random.random(),
        flags: random.pick([2, 2, 16, 4, random.below(256)]),
      });
    case 8: { // fragments of few datagrams, overlapping and not
      const source = random.chance(0.1)
        ? target.address(family)
        : IpAddress.parse(family === 4 ? "10.0.0.1" : "fd00::1");
      const at = random.below(20) * 8;
      const payload = random.bytes(random.pick([8, 16, 64, 1000, random.below(1400)]));
      const more = random.chance(0.8);
      if (family === 4) {
        const flagsAndOffset = (more ? 0x2000 : 0) | (random.chance(0.9) ? at >> 3 : 8191);
        const identification = random.below(20);
        return ipv4({ source, destination, protocol: 17, payload, identification, flagsAndOffset });
      }
      const header = [17, 0, at >> 8, (at & 0xff) | (more ? 1 : 0), 0, 0, 0, random.below(20)];
      return ipv6({
        source,
        destination,
        protocol: 44,
        payload: Uint8Array.of(...header, ...payload),
      });
    }
    default: {
      if (family === 4) {
        const options = random.bytes(4 * random.below(11));
        return ipv4({
          source,
          destination,
          protocol: random.below(256),
          payload: random.bytes(30),
          options,
        });
      }
      const inner = udp({ source, destination, sourcePort: 9, destinationPort: 7, payload: data });
      const [protocol, payload] = chained(random, random.pick([17, 58, 59, 6]), inner.subarray(40));
      return ipv6({ source, destination, protocol, payload });
    }
  }
}

const data = new Uint8Array(20);

/** A packet from elsewhere, made to come to us. */
function redirected({ random, stack }: Target, bytes: Uint8Array<ArrayBuffer>) {
  const view = new DataView(bytes.buffer);
  const family = bytes[0]! >> 4 === 4 ? 4 : 6;
  const own = stack.ip.addresses.filter((address) => address.family === family);
  if (own.length > 0 && random.chance(0.7)) {
    random.pick(own).store(view, family === 4 ? 16 : 24);
    repair(bytes);
  }
  return bytes;
}

/** Makes the checksums of IPv4 and of what it or IPv6 carries right, if they are where one expects. */
function repair(bytes: Uint8Array<ArrayBuffer>): void {
  const view = new DataView(bytes.buffer);
  const is4 = bytes[0]! >> 4 === 4;
  const at = is4 ? (bytes[0]! & 15) * 4 : 40;
  if (bytes.length < at + 20 || at < 20) return;
  if (is4) {
    view.setUint16(10, 0);
    view.setUint16(10, finish(sum(view, 0, at)));
  }
  const protocol = bytes[is4 ? 9 : 6]!;
  const field = { 1: 2, 2: 2, 6: 16, 17: 6, 58: 2 }[protocol];
  if (field === undefined) return;
  const address = (offset: number) =>
    IpAddress.fromBytes(bytes.slice(offset, offset + (is4 ? 4 : 16)));
  const pseudo = protocol === 1 || protocol === 2
    ? 0
    : pseudoHeaderSum(address(is4 ? 12 : 8), address(is4 ? 16 : 24), protocol, bytes.length - at);
  view.setUint16(at + field, 0);
  view.setUint16(at + field, finish(sum(view, at, bytes.length, pseudo)));
}

/** A frame of some kind: most of the time one that the stack looks into. */
function frame(target: Target): Uint8Array<ArrayBuffer> {
  const { random } = target;
  if (random.chance(0.02)) return random.bytes(random.below(80));
  const isArp = random.chance(0.2);
  let payload: Uint8Array<ArrayBuffer>;
  if (isArp) {
    const head = [0, 1, 8, 0, 6, 4, 0, random.pick([1, 1, 2, 2, random.below(256)])];
    const ends = [0, 1].flatMap(() => [...random.bytes(6), ...target.address(4).toBytes()]);
    payload = Uint8Array.from([...head, ...ends]);
  } else {
    payload = packet(target);
  }
  if (random.chance(0.2)) {
    for (let n = random.below(4); n > 0 && payload.length > 0; n--) {
      payload[random.below(payload.length)] = random.random() & 0xff;
    }
    if (random.chance(0.3)) payload = payload.slice(0, random.below(payload.length + 1));
    if (!isArp && payload.length > 0 && random.chance(0.5)) repair(payload);
  }
  const type = isArp ? 0x0806 : payload[0]! >> 4 === 4 ? 0x0800 : 0x86dd;
  const to = random.pick([STACK_MAC, STACK_MAC, "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"]);
  const isType = random.chance(0.98);
  const from = parseMac(`02:00:00:00:01:0${random.below(10)}`);
  return Uint8Array.of(
    ...parseMac(to),
    ...from,
    ...(isType ? [type >> 8, type & 0xff] : random.bytes(2)),
    ...payload,
  );
}

/** What may be remembered of others, in all. */
function checkBounds({ ip, tcp }: Stack): void {
  const [, eth0] = ip.interfaces;
  const layer = eth0!.layer as Ethernet;
  for (const neighbors of [layer.neighbors4, layer.neighbors6]) {
    assertLessOrEqual(neighbors.size, DEFAULT_NEIGHBOR_CONFIG.maxEntries);
  }
  assertLessOrEqual(eth0!.addresses.length, 2 + 1 + MAX_AUTOCONF_ADDRESSES);
  const routes = ip.routes.all.length;
  // What the addresses bring along, the default route, and what routers say.
  assertLessOrEqual(
    routes,
    6 + MAX_AUTOCONF_ADDRESSES + MAX_PREFIXES_ON_LINK + MAX_REDIRECTS + MAX_ROUTERS,
  );
  assertLessOrEqual(tcp.connectionCount, 16 + 1);
}

/** Whether an echo request of a peer is answered, once the peer has told where it is. */
function answers(target: Target, family: 4 | 6): boolean {
  const exchange: Exchange = { received: [], sent: [] };
  const peer = family === 4
    ? ["[to all] arp request 10.0.0.2 tell 10.0.0.1", "ip echo 56", "ip reply 56"]
    : ["ip6 ns fd00::2 at m1", "ip6 echo 56", "ip6 reply 56"];
  target.sent.length = 0;
  for (const text of peer.slice(0, 2)) {
    target.stack.receive(packetOf(encodeFrame(text, exchange)), target.now);
    target.stack.poll(target.now);
  }
  const described = target.sent.map((bytes) => {
    try {
      // A router may have told us another hop limit.
      return describeFrame(bytes, exchange).replace(/ttl \d+ /, "");
    } catch (error) {
      return `${error}`;
    }
  });
  return described.includes(peer[2]!);
}

Deno.test("hostile frames cost counters: nothing throws, each counts once, memory is bounded, and an echo is answered afterwards", () => {
  withSeed(1, (random) => {
    const reasons = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const target = new Target(random, round % 2 === 1);
      const { stack } = target;
      const { counters } = stack;
      let taken = 0;
      for (let i = 0; i < FRAMES_PER_ROUND; i++) {
        const bytes = frame(target);
        target.sent.length = 0;
        const before = target.refused;
        stack.receive(packetOf(bytes), target.now);
        const more = target.refused - before;
        assert(more === 0 || more === 1, `counted ${more} times: ${bytes.toHex()}`);
        taken += 1 - more;
        stack.poll(target.now);
        assertLessOrEqual(target.sent.length, MOST_ANSWERS, bytes.toHex());
        if (random.chance(0.02)) target.pass(random.below(5000));
        if (random.chance(0.05)) {
          const to = target.address(random.pick([4, 6]));
          const source = stack.ip.sourceFor(to);
          if (source !== undefined) {
            stack.udp.send(source, 7, to, 9, random.bytes(random.below(3000)));
          }
        }
      }
      checkBounds(stack);
      for (const [name] of counters.entries()) reasons.add(name);
      assertGreater(taken, FRAMES_PER_ROUND / 20);
      for (const family of [4, 6] as const) {
        assert(answers(target, family), `no answer over IPv${family} any more`);
      }
      target.pass(12 * 3_600_000); // routers may have neighbors be asked once an hour alone
      const [, eth0] = stack.ip.interfaces;
      const layer = eth0!.layer as Ethernet;
      assertEquals([layer.neighbors4.size, layer.neighbors6.size], [0, 0], "all is forgotten");
    }
    // The noise was of the kind that gets somewhere.
    for (
      const name of [
        "ipReassembled",
        "icmpEchoReplies",
        "icmpErrorsSent",
        "arpRepliesSent",
        "arpConflicts",
        "ndAdvertisementsSent",
        "udpReceived",
        "tcpPassiveOpens",
        "ipForwarded",
        "drop.IP_TTL_EXPIRED",
        "drop.ARP_BAD_FORMAT",
        "drop.ND_BAD_MESSAGE",
        "drop.IPV6_BAD_OPTION",
        "drop.IPV6_BAD_ROUTING",
        "drop.FRAGMENT_OVERLAP",
        "drop.FRAGMENT_TIMEOUT",
        "drop.NEIGHBOR_UNREACHABLE",
      ]
    ) assert(reasons.has(name), `${name} never happened`);
  });
});
