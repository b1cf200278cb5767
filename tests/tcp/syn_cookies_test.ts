import { assert, assertEquals, assertLess } from "@std/assert";
import {
  COOKIE_MSS,
  COOKIE_PERIOD,
  MAX_COOKIE_AGE,
  recallEcn,
  recallOptions,
  stampOptions,
  SynCookies,
} from "../../src/tcp/syn_cookies.ts";
import { Segment } from "../../src/tcp/segment.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { TcpOptions } from "../../src/wire/tcp_options.ts";
import { packetOf, PEER, STACK, tcp, type TcpFields } from "../packets.ts";
import { Random, withSeed } from "../random.ts";
import { encodeOptions } from "../scripts/options.ts";
import { TestHost } from "../stack/host.ts";

const SYN = 2;
const ACK = 16;

function segment(fields: Partial<TcpFields>): Segment {
  const packet = packetOf(
    tcp({ sourcePort: 40000, destinationPort: 80, seq: 7000, flags: SYN, ...fields }),
  );
  (packet.source as IpAddress) = fields.source ?? PEER;
  (packet.destination as IpAddress) = fields.destination ?? STACK;
  packet.transportAt = packet.at + 20;
  return new Segment().load(packet);
}

/** The ACK that brings `cookie` back. */
function ackOf(cookie: number, fields: Partial<TcpFields> = {}): Segment {
  return segment({ seq: 7001, ack: (cookie + 1) >>> 0, flags: ACK, ...fields });
}

Deno.test("a cookie comes back with the largest of eight segment sizes that is not above the peer's", () => {
  const cookies = new SynCookies(new Random(1));
  assertEquals(COOKIE_MSS.length, 8);
  const cases: [mss: number, want: number][] = [
    [24, 24],
    [255, 24],
    [256, 256],
    [535, 256],
    [536, 536],
    [1219, 536],
    [1220, 1220],
    [1359, 1220],
    [1400, 1360],
    [1440, 1440],
    [1459, 1440],
    [1460, 1460],
    [8959, 1460],
    [8960, 8960],
    [65535, 8960],
  ];
  for (const [mss, want] of cases) {
    assertEquals(cookies.check(ackOf(cookies.make(segment({}), mss, 0)), 0), want, `${mss}`);
  }
});

Deno.test("a cookie is bound to both ends and to the peer's number", () => {
  const cookies = new SynCookies(new Random(1));
  const cookie = cookies.make(segment({}), 1460, 0);
  const others: Partial<TcpFields>[] = [
    { source: IpAddress.v4(10, 0, 0, 3) },
    { destination: IpAddress.v4(10, 0, 0, 3) },
    { source: STACK, destination: PEER },
    { sourcePort: 40001 },
    { destinationPort: 81 },
    { sourcePort: 80, destinationPort: 40000 },
    { seq: 7002 },
    { ack: cookie },
  ];
  assertEquals(cookies.check(ackOf(cookie), 0), 1460);
  for (const other of others) assertEquals(cookies.check(ackOf(cookie, other), 0), 0);
  for (let bit = 0; bit < 32; bit++) {
    assertEquals(cookies.check(ackOf((cookie ^ (1 << bit)) >>> 0), 0), 0, `bit ${bit}`);
  }
});

Deno.test("a cookie is good in its period and in the next, and not after that", () => {
  for (const start of [0, 5_000_000, 1e12]) {
    for (const age of [0, 1000, COOKIE_PERIOD - 1, COOKIE_PERIOD, 2 * COOKIE_PERIOD - 1]) {
      const cookies = new SynCookies(new Random(1));
      const made = start - start % COOKIE_PERIOD;
      const cookie = cookies.make(segment({}), 1460, made);
      assertEquals(cookies.check(ackOf(cookie), made + age), 1460, `${start}, ${age}`);
    }
    for (const age of [MAX_COOKIE_AGE, 3 * COOKIE_PERIOD, 4 * COOKIE_PERIOD, 1e9]) {
      const cookies = new SynCookies(new Random(1));
      const made = start - start % COOKIE_PERIOD;
      const cookie = cookies.make(segment({}), 1460, made);
      assertEquals(cookies.check(ackOf(cookie), made + age), 0, `${start}, ${age}`);
      // Nor when the stack was busy with others meanwhile
      const busy = new SynCookies(new Random(1));
      const again = busy.make(segment({}), 1460, made);
      for (let now = made; now < made + Math.min(age, 1e6); now += COOKIE_PERIOD) {
        busy.make(segment({ seq: now }), 536, now);
      }
      assertEquals(busy.check(ackOf(again), made + age), 0, `${start}, ${age}, busy`);
    }
  }
});

Deno.test("cookies depend on a secret that is drawn anew for each period", () => {
  const numbers = new Set<number>();
  const one = new SynCookies(new Random(1));
  for (let period = 0; period < 100; period++) {
    numbers.add(one.make(segment({}), 1460, period * COOKIE_PERIOD) & 0x0fff_ffff);
  }
  assertEquals(numbers.size, 100);
  const [a, b] = [1, 2].map((seed) => new SynCookies(new Random(seed)).make(segment({}), 1460, 0));
  assert(a !== b);
});

Deno.test("a cookie cannot be made up: of 20,000 guesses none is taken", () => {
  withSeed(5, (random) => {
    const cookies = new SynCookies(random);
    const seg = ackOf(0);
    let taken = 0;
    for (let i = 0; i < 20_000; i++) {
      seg.ack = random.random();
      if (cookies.check(seg, 0) !== 0) taken++;
    }
    assertEquals(taken, 0);
  });
});

Deno.test("a timestamp carries window scale, SACK and ECN, and is not above our clock (RFC 7323 §5.3)", () => {
  withSeed(6, (random) => {
    const [ack, recalled] = [new TcpOptions(), new TcpOptions()];
    for (let i = 0; i < 2000; i++) {
      const value = random.pick([0, 5, 63, 64, 0xffff_ffff, random.random()]);
      const scale = random.between(-1, 14);
      const sack = random.chance(0.5);
      const ecn = random.chance(0.5);
      const stamp = stampOptions(value, scale, sack, ecn);
      assertEquals(stamp, stamp >>> 0);
      const behind = (value - stamp) | 0;
      assert(behind >= 0, `${stamp} is above ${value}`);
      assertLess(behind, 128);
      ack.clear();
      ack.timestamps = true;
      ack.timestampValue = i;
      ack.timestampEcho = stamp;
      recallOptions(recalled, 1220, ack);
      assertEquals(
        [recalled.mss, recalled.windowScale, recalled.sackPermitted, recalled.timestampValue],
        [1220, scale, sack, i],
      );
      assertEquals(recallEcn(ack), ecn);
    }
    recalled.sackPermitted = true;
    ack.clear();
    recallOptions(recalled, 536, ack);
    assertEquals(recallEcn(ack), false);
    assertEquals(
      [recalled.mss, recalled.windowScale, recalled.sackPermitted, recalled.timestamps],
      [536, -1, false, false],
    );
  });
});

Deno.test("the stamp that a cookie's ACK echoes is not taken for a time, and the next one is", () => {
  const host = new TestHost();
  const listener = host.stack.tcp.listen(null, 80, 1, () => {})!;
  const options = (echo: number) => encodeOptions([`mss 1460`, `TS val 9 ecr ${echo}`], 0);
  const from = (sourcePort: number) => ({ sourcePort, destinationPort: 80 });
  host.receive(tcp({ ...from(1), seq: 0, flags: SYN }));
  const [answer] = host.receive(tcp({ ...from(2), seq: 0, flags: SYN, options: options(0) }));
  const view = new DataView(answer!.payload.buffer, answer!.payload.byteOffset);
  const [iss, stamp] = [view.getUint32(4), view.getUint32(28)];
  host.now += 20;
  host.receive(tcp({
    ...from(2),
    seq: 1,
    ack: (iss + 1) >>> 0,
    flags: ACK,
    options: options(stamp),
  }));
  const tcb = listener.accept()!;
  assertEquals(tcb.rtt.srtt, 0);
  host.stack.tcp.send(tcb, new Uint8Array(10), host.now);
  host.now += 30;
  host.receive(tcp({ ...from(2), seq: 1, ack: (iss + 11) >>> 0, flags: ACK, options: options(0) }));
  assertEquals(tcb.rtt.srtt, 30);
});
