/**
 * Header prediction changes nothing but the time it takes: two stacks get the same segments and the
 * same calls, one with it and one without, and all that they send, count and tell is the same.
 */

import { assertEquals, assertGreater } from "@std/assert";
import { Stack } from "../../src/stack/stack.ts";
import { CONGESTION_NAMES } from "../../src/tcp/congestion/registry.ts";
import type { TcpConfig } from "../../src/tcp/config.ts";
import type { Tcb } from "../../src/tcp/tcb.ts";
import { TcpOptions } from "../../src/wire/tcp_options.ts";
import { offloading } from "../offload.ts";
import {
  bytesOf,
  oneInterface,
  packetOf,
  parseIpv4,
  parseSegment,
  STACK,
  tcp,
} from "../packets.ts";
import { Random, testSeed } from "../random.ts";

const RUNS = 200;
const STEPS = 120;
const FIN = 1;
const SYN = 2;
const RST = 4;
const PSH = 8;
const ACK = 16;
const URG = 32;
const ECE = 64;
const CWR = 128;
const PEER_ISN = 0xffff_f000; // so that numbers come round

/** A stack with one connection, and all that can be seen of it. */
class Subject {
  readonly stack: Stack;
  readonly log: string[] = [];
  tcb: Tcb | undefined;
  read = 0;
  now = 5_000;

  constructor(config: Partial<TcpConfig>, seed: number, offload: boolean, predicts: boolean) {
    const plain = {
      mtu: 1500,
      transmit: (packet: Parameters<typeof bytesOf>[0]) => {
        this.log.push(`${this.now} ${bytesOf(packet).toHex()}`);
        return true;
      },
    };
    const link = offload ? offloading(plain) : plain;
    this.stack = new Stack(
      { interfaces: oneInterface(link, [STACK]), tcp: config },
      new Random(seed),
    );
    this.stack.tcp.predicts = predicts;
    const tell = (what: string) => () => void this.log.push(what);
    const listener = this.stack.tcp.listen(null, 7, 4, () => {
      this.tcb = listener!.accept()!;
      this.tcb.user = {
        onOpen: tell("open"),
        onReadable: tell("readable"),
        onWritable: tell("writable"),
        onClosed: tell("closed"),
        onUrgent: tell("urgent"),
        onSoftError: tell("trouble"),
      };
    });
  }

  receive(bytes: Uint8Array, segmentSize: number): void {
    const packet = packetOf(bytes);
    if (segmentSize > 0) {
      packet.isVerified = packet.isPartial = true;
      packet.segmentSize = segmentSize;
    }
    this.stack.receive(packet, this.now);
  }

  get state(): unknown {
    const { tcb, stack } = this;
    return {
      info: tcb === undefined ? null : stack.tcp.info(tcb, this.now),
      counters: stack.counters.entries(),
      next: stack.nextDeadline(),
      owed: tcb === undefined ? 0 : [tcb.unackedSegments, tcb.ackNow, tcb.signals],
    };
  }
}

/** The peer of both, which knows the numbers and does as it likes. */
class Peer {
  readonly #random: Random;
  readonly #config: Partial<TcpConfig>;
  next = (PEER_ISN + 1) >>> 0;
  ack = 0;
  echo = 0;
  clock: number;
  /** How often everything is acknowledged, and how often SACK blocks are sent. */
  readonly #diligence: number;
  readonly #sacks: number;
  /** A FIN has been sent so far ahead of what is next. */
  #finAhead = 0;

  constructor(random: Random, config: Partial<TcpConfig>) {
    this.#random = random;
    this.#config = config;
    this.#diligence = random.pick([0.1, 0.5, 0.9]);
    this.#sacks = random.pick([0.01, 0.1, 0.4]);
    this.clock = random.pick([100, 0x9000_0000, 0xffff_fff0]);
  }

  options(...sack: number[]): Uint8Array {
    const random = this.#random;
    const { timestamps, sack: takesSack } = this.#config;
    const bytes = new Uint8Array(40);
    const view = new DataView(bytes.buffer);
    let at = 0;
    if (timestamps && !random.chance(0.02)) {
      const value = random.chance(0.04) ? this.clock - random.below(50) : this.clock;
      view.setUint32(at, 0x0101080a);
      view.setUint32(at + 4, value);
      view.setUint32(at + 8, random.chance(0.05) ? random.random() : this.echo);
      at += 12;
      if (random.chance(0.05)) bytes.copyWithin(at, 0, 12);
    }
    if (takesSack && sack.length === 2) {
      view.setUint32(at, 0x0101050a);
      view.setUint32(at + 4, sack[0]!);
      view.setUint32(at + 8, sack[1]!);
      at += 12;
    }
    return bytes.slice(0, at);
  }

  syn(): Uint8Array {
    const { timestamps, sack, windowScaling, ecn } = this.#config;
    const options = [2, 4, 0x05, 0xb4];
    if (sack) options.push(1, 1, 4, 2);
    if (timestamps) {
      const { clock } = this;
      options.push(1, 1, 8, 10, clock >>> 24, clock >>> 16, clock >>> 8, clock, 0, 0, 0, 0);
    }
    if (windowScaling) options.push(1, 3, 3, 2);
    return tcp({
      sourcePort: 999,
      destinationPort: 7,
      seq: PEER_ISN,
      flags: SYN | (ecn === "on" ? ECE | CWR : 0),
      options: Uint8Array.from(options),
    });
  }

  /** A segment, and how much text each has of those that it stands for. */
  segment(snd: { una: number; nxt: number }): [bytes: Uint8Array, segmentSize: number] {
    const random = this.#random;
    const flight = (snd.nxt - snd.una) >>> 0;
    let ack = snd.una;
    if (random.chance(0.2)) ack = (snd.una + random.below(flight + 1)) >>> 0;
    if (random.chance(this.#diligence)) ack = snd.nxt;
    if (random.chance(0.03)) ack = (snd.una + random.between(-3000, flight + 3000)) >>> 0;
    let length = random.chance(0.6) ? random.between(1, 1448) : 0;
    let segmentSize = 0;
    if (random.chance(0.1)) {
      segmentSize = random.between(500, 1448);
      length = random.between(segmentSize + 1, 12_000);
    }
    let seq = this.next;
    const finAhead = this.#finAhead === 0 && random.chance(0.002) ? 500 : 0;
    if (finAhead > 0) {
      this.#finAhead = finAhead;
      seq = (seq + finAhead) >>> 0;
      length = 0;
    } else if (this.#finAhead > 0 && random.chance(0.5)) {
      length = this.#finAhead;
    }
    if (random.chance(0.06)) seq = (seq + random.between(-4000, 4000)) >>> 0;
    let flags = finAhead > 0 ? ACK | FIN : ACK;
    if (random.chance(0.3)) flags |= PSH;
    if (random.chance(0.02)) flags ^= random.pick([ECE, CWR, URG, ECE | CWR, ACK]);
    if (random.chance(0.002)) flags |= random.pick([SYN, SYN, RST, FIN]);
    const from = (ack + random.between(-2000, flight)) >>> 0;
    const to = (from + random.between(1, 3000)) >>> 0;
    if (seq === this.next) this.next = (seq + length) >>> 0;
    this.clock = (this.clock + random.below(3)) >>> 0;
    const bytes = tcp({
      sourcePort: 999,
      destinationPort: 7,
      seq,
      ack,
      flags,
      window: random.chance(0.9) ? 60_000 : random.pick([0, 1, 500, 3000, 65_535]),
      urgentPointer: random.below(2000),
      options: random.chance(this.#sacks) ? this.options(from, to) : this.options(),
      payload: random.bytes(length),
      tos: random.chance(0.03) ? random.below(256) : this.#config.ecn === "on" ? 2 : 0,
    });
    if (random.chance(0.01)) bytes[random.between(40, bytes.length - 1)]! ^= 1;
    return [bytes, segmentSize];
  }
}

Deno.test(`header prediction changes nothing: ${RUNS} connections with random segments, hostile ones too`, () => {
  let received = 0;
  for (let seed = testSeed(2550), end = seed + RUNS; seed < end; seed++) {
    const random = new Random(seed);
    const config: Partial<TcpConfig> = {
      timestamps: random.chance(0.7),
      sack: random.chance(0.7),
      windowScaling: random.chance(0.7),
      ecn: random.pick(["passive", "on"]),
      congestion: random.pick(CONGESTION_NAMES),
      receiveBuffer: random.pick([4_000, 65_535, 200_000]),
      sendBuffer: random.pick([4_000, 200_000]),
    };
    const offload = random.chance(0.5);
    const both = [true, false].map((predicts) => new Subject(config, seed, offload, predicts));
    const [short, long] = both as [Subject, Subject];
    const same = (what: string) => {
      const message = `after ${what} (TCPSTACK_SEED=${seed} shows it again)`;
      assertEquals(short.log, long.log, message);
      assertEquals(short.state, long.state, message);
      for (const { log } of both) log.length = 0;
    };
    const each = (what: (subject: Subject) => void) => both.forEach(what);
    const peer = new Peer(random, config);
    const syn = peer.syn();
    each((subject) => {
      subject.receive(syn, 0);
      subject.stack.poll(subject.now);
    });
    const answer = parseSegment(parseIpv4(Uint8Array.fromHex(short.log[0]!.split(" ")[1]!)));
    const ours = new TcpOptions();
    ours.parse(new DataView(answer.options.slice().buffer), 0, answer.options.length);
    peer.echo = ours.timestampValue;
    const first = tcp({
      sourcePort: 999,
      destinationPort: 7,
      seq: peer.next,
      ack: (answer.seq + 1) >>> 0,
      flags: ACK,
      options: peer.options(),
    });
    each((subject) => {
      subject.receive(first, 0);
      subject.stack.poll(subject.now);
    });
    same("the handshake");
    const hasKeepAlive = random.chance(0.2);
    for (let step = 0; step < STEPS && short.tcb !== undefined; step++) {
      const what = random.below(100);
      if (what < 70) {
        const batch = Array.from(
          { length: random.between(1, 4) },
          () => peer.segment(short.tcb!.snd),
        );
        each((subject) => {
          for (const [bytes, segmentSize] of batch) subject.receive(bytes, segmentSize);
          subject.stack.poll(subject.now);
        });
      } else if (what < 80) {
        const text = random.bytes(random.between(1, 20_000));
        each((subject) => void subject.stack.tcp.send(subject.tcb!, text, subject.now));
      } else if (what < 92) {
        const target = random.between(1, 40_000);
        each((subject) => {
          const bytes = new Uint8Array(target);
          const n = subject.stack.tcp.receiveText(subject.tcb!, bytes, subject.now);
          subject.log.push(bytes.subarray(0, n).toHex());
          subject.read += n;
        });
      } else if (what < 99) {
        const time = random.pick([0.5, 1, 10, 45, 300, 2000, 11_000]);
        peer.clock = (peer.clock + Math.ceil(time)) >>> 0;
        peer.echo = (peer.echo + Math.floor(time)) >>> 0;
        each((subject) => {
          subject.now += time;
          subject.stack.poll(subject.now);
        });
      } else if (hasKeepAlive) {
        const times = { idle: 1000, interval: 1000, count: 3 };
        each(({ stack, tcb, now }) => stack.tcp.setKeepAlive(tcb!, times, now));
      } else if (random.chance(0.4)) {
        const call = random.pick(["close", "release", "cancel"] as const);
        each(({ stack, tcb, now }) => {
          if (call === "cancel") tcb!.receiveClosed = true;
          else stack.tcp[call](tcb!, now);
        });
      }
      same(`step ${step}`);
    }
    received += short.read;
  }
  assertGreater(received, RUNS * 4_000);
});
