/**
 * Hostile packets: whatever arrives, the stack neither throws nor answers without measure, keeps
 * its memory bounded, and counts.
 */

import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import type { Counters } from "../../src/base/counters.ts";
import type { TcpConfig } from "../../src/tcp/config.ts";
import { Stack } from "../../src/stack/stack.ts";
import { State, STATE_NAMES } from "../../src/tcp/state.ts";
import { NO_USER, type Tcb } from "../../src/tcp/tcb.ts";
import { finish, pseudoHeaderSum, sum } from "../../src/wire/checksum.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { Drop } from "../../src/wire/drop.ts";
import { encodeOptions } from "../scripts/options.ts";
import {
  icmp,
  icmpError,
  ipv4,
  oneInterface,
  packetOf,
  PEER,
  STACK,
  tcp,
  udp,
} from "../packets.ts";
import { type Random, withSeed } from "../random.ts";
import { ALLOWED } from "../tcp/transitions.ts";

const ROUNDS = 40;
const PACKETS_PER_ROUND = 1000;
/** Most ranges out of order that one connection remembers. */
const MAX_RANGES = 2048;
const BACKLOG = 16;

/** A stack with connections in every state, at one time or another. */
class Target {
  now = 1_000_000;
  sent = 0;
  readonly stack: Stack;
  readonly opened: Tcb[] = [];
  readonly transitions = new Set<string>();

  constructor(readonly random: Random, settings: Partial<TcpConfig> = {}) {
    this.stack = new Stack({
      interfaces: oneInterface({
        mtu: 1500,
        transmit: () => {
          this.sent++;
          return true;
        },
      }, [STACK]),
      tcp: { receiveBuffer: 8192, sendBuffer: 8192, ...settings },
    }, random);
    this.stack.tcp.observer = (tcb, next) =>
      void this.transitions.add(`${STATE_NAMES[tcb.state]}>${STATE_NAMES[next]}`);
    this.stack.tcp.listen(null, 80, BACKLOG, () => {});
    this.stack.udp.bind({ address: null, port: 7, datagram: () => 0 });
    for (let port = 50_001; port <= 50_008; port++) {
      const tcb = this.stack.tcp.open(PEER, 80, null, port, NO_USER, this.now);
      assert(typeof tcb !== "number");
      this.opened.push(tcb);
    }
  }

  /** Hands over a packet, and returns how many were sent because of it. */
  receive(bytes: Uint8Array): number {
    const before = this.sent;
    this.stack.receive(packetOf(bytes), this.now);
    this.stack.poll(this.now);
    return this.sent - before;
  }

  /** Any of the stack's connections. */
  anyConnection(): Tcb | undefined {
    const all = [...this.stack.tcp.connections()];
    return all.length > 0 ? this.random.pick(all) : undefined;
  }

  /** A user does something with some connection. */
  use(): void {
    const tcb = this.anyConnection();
    if (tcb === undefined) return;
    const { tcp } = this.stack;
    const { now, random } = this;
    switch (random.below(12)) {
      case 0:
        tcp.close(tcb, now);
        break;
      case 1:
        if (random.chance(0.2)) tcp.release(tcb, now);
        break;
      case 2:
        if (random.chance(0.1)) tcp.abort(tcb, now);
        break;
      case 3:
      case 4:
      case 5:
        tcp.receiveText(tcb, new Uint8Array(random.below(4000)), now);
        break;
      default:
        tcp.send(tcb, random.bytes(random.below(500)), now);
    }
  }
}

/** A segment that is nearly right for a connection: the numbers lie around those that count. */
function nearlyRight(random: Random, tcb: Tcb): Uint8Array<ArrayBuffer> {
  const near = (value: number) =>
    (value + random.pick([0, 0, 0, 0, 0, 1, -1, random.between(-9000, 9000), random.random()])) >>>
    0;
  // Flags that a kernel sends, most of the time.
  const flags = random.pick([16, 16, 16, 16, 24, 24, 17, 2, 18, 4, 20, random.below(256)]);
  return tcp({
    sourcePort: tcb.remotePort,
    destinationPort: tcb.localPort,
    seq: near(tcb.state === State.SYN_SENT ? random.random() : tcb.rcv.nxt),
    ack: near(random.pick([tcb.snd.una, tcb.snd.nxt])),
    flags,
    window: random.pick([0, 1, 100, 1460, 65535]),
    urgentPointer: random.below(65536),
    options: someOptions(random, tcb),
    payload: random.chance(0.5) ? random.bytes(random.below(1460)) : undefined,
  });
}

/** Options that a peer may send, right or wrong, or bytes that are none. */
function someOptions(random: Random, tcb: Tcb): Uint8Array<ArrayBuffer> {
  const near = () => random.between(-3000, 6000) >>> 0;
  const words = [
    "nop",
    `mss ${random.pick([0, 1, 536, 1460, 65535])}`,
    "sackOK",
    `wscale ${random.below(256)}`,
    `TS val ${random.pick([1, 1000, random.random()])} ecr ${random.pick([0, random.random()])}`,
    `sack ${near()}:${near()}`,
    `sack ${near()}:${near()} ${near()}:${near()}`,
  ].filter(() => random.chance(0.3));
  const options = encodeOptions(words, tcb.snd.una);
  return random.chance(0.1) ? random.bytes(random.below(41)) : options.slice(0, 40);
}

/** An ICMP error that may be about a segment of a connection: its numbers are right, or nearly. */
function someError(random: Random, tcb: Tcb): Uint8Array<ArrayBuffer> {
  const { una, nxt } = tcb.snd;
  const quoted = tcp({
    source: STACK,
    destination: PEER,
    sourcePort: tcb.localPort,
    destinationPort: tcb.remotePort,
    seq: random.pick([una, una, una + 1, nxt, nxt - 1, random.random()]) >>> 0,
    flags: 16,
    payload: random.bytes(random.below(1460)),
  });
  const type = random.pick([3, 3, 3, 3, 4, 11, 12]);
  const code = random.pick([4, 4, 4, 0, 1, 2, 3, 13, random.below(20)]);
  const mtu = random.pick([0, 68, 576, 1000, 1400, random.below(2000)]);
  return icmpError(type, code, quoted.subarray(0, random.pick([28, 40, quoted.length])), mtu);
}

function randomPacket(random: Random, target: Target): Uint8Array<ArrayBuffer> {
  const tcb = target.anyConnection();
  switch (random.below(tcb === undefined ? 6 : 30)) {
    case 0:
      return random.bytes(random.below(100));
    case 1:
      return ipv4({ protocol: random.below(256), payload: random.bytes(random.below(200)) });
    case 2:
      return icmp(random.below(20), random.below(20), random.bytes(random.between(4, 600)));
    case 3:
      return udp({
        sourcePort: random.below(65536),
        destinationPort: random.pick([7, 8]),
        payload: random.bytes(random.below(600)),
      });
    case 4:
      return tcp({
        sourcePort: random.below(65536),
        destinationPort: random.pick([80, 81]),
        seq: random.random(),
        ack: random.random(),
        flags: random.pick([2, random.below(256)]),
        payload: random.bytes(random.below(100)),
      });
    case 5:
      return ipv4({
        source: IpAddress.fromBytes(random.bytes(4)),
        destination: random.chance(0.5) ? STACK : IpAddress.fromBytes(random.bytes(4)),
        protocol: random.pick([1, 6, 17]),
        payload: random.bytes(random.below(100)),
      });
    case 6:
    case 7:
      return someError(random, tcb!);
    default:
      return nearlyRight(random, tcb!);
  }
}

/** Damages a packet; half of the time its checksums are made right again. */
function mutate(random: Random, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  for (let n = random.below(4); n > 0 && bytes.length > 0; n--) {
    bytes[random.below(bytes.length)] = random.random() & 0xff;
  }
  if (random.chance(0.1)) bytes = bytes.slice(0, random.below(bytes.length + 1));
  if (random.chance(0.1)) bytes = Uint8Array.of(...bytes, ...random.bytes(random.below(50)));
  if (random.chance(0.5)) repair(bytes);
  return bytes;
}

/** Makes the checksums of IP and TCP right, as far as the packet has these fields. */
function repair(bytes: Uint8Array<ArrayBuffer>): void {
  const view = new DataView(bytes.buffer);
  if (bytes.length < 40) return;
  const at = (bytes[0]! & 15) * 4;
  const end = view.getUint16(2);
  if (at < 20 || at + 20 > bytes.length || end > bytes.length || end < at + 20) return;
  view.setUint16(10, 0);
  view.setUint16(10, finish(sum(view, 0, at)));
  if (bytes[9] !== 6) return;
  view.setUint16(at + 16, 0);
  const address = (offset: number) => IpAddress.fromBytes(bytes.subarray(offset, offset + 4));
  const pseudo = pseudoHeaderSum(address(12), address(16), 6, end - at);
  view.setUint16(at + 16, finish(sum(view, at, end, pseudo)));
}

Deno.test("hostile packets cost counters: nothing throws, answers and memory are bounded", () => {
  withSeed(1, (random) => {
    const seen = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const target = new Target(random);
      const { stack } = target;
      const { counters } = stack;
      for (let i = 0; i < PACKETS_PER_ROUND; i++) {
        const bytes = random.chance(0.3)
          ? mutate(random, randomPacket(random, target))
          : randomPacket(random, target);
        const waiting = [...stack.tcp.connections()]
          .map((tcb) => ({ tcb, length: tcb.sendBuffer.length }));
        const answers = target.receive(bytes);
        // An error may have made segments smaller, each of those in flight for itself.
        const queued = waiting.reduce(
          (sum, { tcb, length }) =>
            sum + Math.ceil(length / Math.max(tcb.mss, 1)) +
            (tcb.plpmtud !== null ? tcb.board.count : 0),
          0,
        );
        // Two at most by itself (an ACK at once for text ahead of a gap, one for what follows), and
        // what an opening window or a loss lets out of the send buffer.
        assertLessOrEqual(answers, 3 + queued, `answers to ${bytes.toHex()}`);
        if (random.chance(0.3)) target.use();
        if (random.chance(0.05)) target.now += random.below(3000);
        stack.poll(target.now);
      }
      assertEquals(counters.ipReceived, PACKETS_PER_ROUND);
      checkBounds(stack);
      for (const transition of target.transitions) seen.add(transition);
    }
    for (const transition of seen) assert(transition in ALLOWED, transition);
    // The noise was of the kind that gets somewhere.
    assertGreater(seen.size, 15, [...seen].join());
  });
});

function checkBounds(stack: Stack): void {
  let halfOpen = 0;
  for (const tcb of stack.tcp.connections()) {
    assertLessOrEqual(tcb.assembler.count, MAX_RANGES);
    assertLessOrEqual(tcb.receiveBuffer.length, 8192);
    assertLessOrEqual(tcb.sendBuffer.length, 8192);
    assertLessOrEqual(tcb.rcv.wnd, tcb.receiveBuffer.free);
    for (let i = 0; i < tcb.assembler.count; i++) {
      const end = (tcb.assembler.end(i) - tcb.rcv.nxt) >>> 0;
      assertLessOrEqual(end, tcb.receiveBuffer.free, "a range beyond the buffer");
    }
    if (tcb.listener !== null && tcb.state === State.SYN_RECEIVED) halfOpen++;
  }
  assertLessOrEqual(halfOpen, BACKLOG);
}

Deno.test("segments that are no SYN never make a connection", () => {
  withSeed(2, (random) => {
    const target = new Target(random);
    const before = target.stack.tcp.connectionCount;
    for (let i = 0; i < 5000; i++) {
      target.receive(tcp({
        sourcePort: random.below(65536),
        destinationPort: 80,
        seq: random.random(),
        ack: random.random(),
        flags: random.below(256) & ~2,
        payload: random.bytes(random.below(20)),
      }));
    }
    assertEquals(target.stack.tcp.connectionCount, before);
  });
});

/** Sends 5000 SYNs of many sources, and watches what becomes of them. */
function flood(settings: Partial<TcpConfig>): Counters {
  let counters!: Counters;
  withSeed(3, (random) => {
    const target = new Target(random, settings);
    counters = target.stack.counters;
    const before = target.stack.tcp.connectionCount;
    for (let i = 0; i < 5000; i++) {
      target.receive(tcp({
        source: IpAddress.v4(10, 0, 1, random.between(1, 200)),
        sourcePort: random.below(65536),
        destinationPort: 80,
        seq: random.random(),
        flags: 2,
      }));
    }
    assertEquals(target.stack.tcp.connectionCount, before + BACKLOG);
    // Half-open connections go away by themselves.
    for (let i = 0; i < 100; i++) {
      target.now += 10_000;
      target.stack.poll(target.now);
    }
    assertEquals(target.stack.tcp.connectionCount, 0);
  });
  return counters;
}

Deno.test("a flood of SYNs makes no more connections than the backlog, and leaves others alone", () => {
  assertGreater(flood({}).tcpSynCookiesSent, 4000);
  const counters = flood({ synCookies: false });
  assertGreater(counters.drops[Drop.TCP_LISTEN_OVERFLOW]!, 4000);
  assertEquals(counters.tcpSynCookiesSent, 0);
});

Deno.test("a peer that sends every second byte makes us remember a bounded number of ranges", () => {
  withSeed(4, (random) => {
    const target = new Target(random);
    const [tcb] = target.opened;
    const ports = { sourcePort: 80, destinationPort: tcb!.localPort };
    target.receive(tcp({ ...ports, seq: 0, ack: tcb!.snd.nxt, flags: 18 }));
    assertEquals(tcb!.state, State.ESTABLISHED);
    for (let seq = 2; seq < 5000; seq += 2) {
      const payload = random.bytes(1);
      const answers = target.receive(tcp({ ...ports, seq, ack: tcb!.snd.nxt, flags: 16, payload }));
      assertEquals(answers, 1);
    }
    assertEquals(tcb!.assembler.count, MAX_RANGES);
    assertGreater(target.stack.counters.drops[Drop.TCP_NO_ROOM]!, 0);
    // The connection goes on: everything sent once more, in order, arrives.
    for (let seq = 1; seq < 5000; seq += 1000) {
      const payload = random.bytes(1000);
      target.receive(tcp({ ...ports, seq, ack: tcb!.snd.nxt, flags: 16, payload }));
    }
    assertEquals(tcb!.receiveBuffer.length, 5000);
  });
});

Deno.test("a peer whose SACK blocks cut segments to bytes makes us keep a bounded number of records", () => {
  withSeed(6, (random) => {
    const target = new Target(random);
    const [tcb] = target.opened;
    const ports = { sourcePort: 80, destinationPort: tcb!.localPort };
    const synAck = encodeOptions(["mss 1460", "sackOK"], 0);
    target.receive(tcp({ ...ports, seq: 0, ack: tcb!.snd.nxt, flags: 18, options: synAck }));
    target.stack.tcp.send(tcb!, random.bytes(8000), target.now);
    const { una } = tcb!.snd;
    assertGreater(tcb!.flight, 5000);
    for (let at = 0; at + 8 < tcb!.flight; at += 8) {
      const blocks = [1, 3, 5, 7].map((offset) => `${at + offset}:${at + offset + 1}`);
      const options = encodeOptions([`sack ${blocks.join(" ")}`], una);
      target.receive(tcp({ ...ports, seq: 1, ack: una, flags: 16, options }));
    }
    assertLessOrEqual(tcb!.board.count, 128);
    // What is acknowledged is forgotten, cut or not.
    target.receive(tcp({ ...ports, seq: 1, ack: tcb!.snd.nxt, flags: 16 }));
    target.receive(tcp({ ...ports, seq: 1, ack: tcb!.snd.nxt, flags: 16 }));
    assertEquals([tcb!.flight, tcb!.board.count], [0, 0]);
  });
});

Deno.test("two stacks do not answer each other's segments for ever", () => {
  withSeed(5, (random) => {
    // Both hold a connection between the same ends, with numbers that do not fit.
    const queues: Uint8Array[][] = [[], []];
    const stacks = [STACK, PEER].map((address, side) =>
      new Stack({
        interfaces: oneInterface({
          mtu: 1500,
          transmit: (packet) => {
            queues[side]!.push(packet.bytes.slice(packet.at, packet.end));
            return true;
          },
        }, [address]),
      }, random)
    );
    const [first, second] = stacks as [Stack, Stack];
    const open = (stack: Stack, remote: IpAddress) => {
      const local = remote.equals(PEER) ? STACK : PEER;
      const tcb = stack.tcp.open(remote, 5000, null, 5000, NO_USER, 0) as Tcb;
      const fields = {
        source: remote,
        destination: local,
        sourcePort: 5000,
        destinationPort: 5000,
      };
      const synAck = tcp({ ...fields, seq: random.random(), ack: tcb.snd.nxt, flags: 18 });
      stack.receive(packetOf(synAck), 0);
      stack.poll(0);
      assertEquals(tcb.state, State.ESTABLISHED);
      return tcb;
    };
    const tcbs = [open(first, PEER), open(second, STACK)];
    queues.forEach((queue) => queue.length = 0);
    first.tcp.send(tcbs[0]!, new Uint8Array(10), 0);
    let exchanged = 0;
    for (let now = 0; now < 10_000; now += 10) {
      for (const [side, stack] of stacks.entries()) {
        for (const bytes of queues[1 - side]!.splice(0)) {
          exchanged++;
          stack.receive(packetOf(bytes), now);
        }
        stack.poll(now);
      }
    }
    // Two challenge ACKs a second each way, and a few retransmissions.
    assertLessOrEqual(exchanged, 60);
  });
});
