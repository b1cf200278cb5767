import { assert, assertEquals, assertThrows } from "@std/assert";
import { Counters } from "../../src/base/counters.ts";
import { NEIGHBOR_STATE, type NeighborState } from "../../src/net/neighbor_table.ts";
import {
  DEFAULT_NEIGHBOR_CONFIG,
  NeighborCache,
  type NeighborConfig,
} from "../../src/net/neighbors.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { Drop } from "../../src/wire/drop.ts";
import { formatMac, parseMac } from "../../src/wire/mac.ts";
import { LINK_HEADROOM, type Packet } from "../../src/wire/packet.ts";
import { packetOf } from "../packets.ts";
import { Random, withSeed } from "../random.ts";

const A = IpAddress.parse("10.0.0.1");
const B = IpAddress.parse("10.0.0.2");
const ROUTER = IpAddress.parse("fe80::1");
const MAC_A = parseMac("02:00:00:00:00:0a");
const MAC_B = parseMac("02:00:00:00:00:0b");

/** Middle of the random range, so that the reachable time is the one that is set. */
const EVEN = { random: () => 0x8000_0000 };

const { INCOMPLETE, REACHABLE, STALE, DELAY, PROBE } = NEIGHBOR_STATE;
const { reachableTime, retransTime, delayTime, staleTime } = DEFAULT_NEIGHBOR_CONFIG;

/** A cache, and what it did since the last time one looked. */
class Scene {
  now = 1_000_000;
  readonly counters = new Counters();
  readonly cache: NeighborCache;
  #done: string[] = [];

  constructor(config: Partial<NeighborConfig> = {}, env = EVEN) {
    const hooks = {
      solicit: (target: IpAddress, mac: Uint8Array | null) => {
        this.#done.push(`ask ${mac === null ? "all" : formatMac(mac)} for ${target}`);
      },
      deliver: (packet: Packet, mac: Uint8Array) => {
        assert(packet.at >= LINK_HEADROOM);
        this.#done.push(`send ${text(packet)} to ${formatMac(mac)}`);
      },
      unreachable: (packet: Packet, now: number) => {
        assertEquals(now, this.now);
        this.#done.push(`give up ${text(packet)}`);
      },
    };
    this.cache = new NeighborCache(hooks, this.counters, env, config);
  }

  /** Sends a packet, and returns where to. */
  send(what: string, address: IpAddress): string {
    const mac = this.cache.resolve(packetOf(new TextEncoder().encode(what)), address);
    return mac === null ? "waits" : formatMac(mac);
  }

  /** Lets time pass, poll by poll, and returns what was done meanwhile, with the time of it. */
  pass(time: number): string[] {
    const start = this.now;
    const log: string[] = [];
    const end = start + time;
    for (;;) {
      const next = Math.max(this.now, this.cache.nextDeadline());
      if (next > end) break;
      this.now = next;
      this.cache.poll(next);
      assert(this.cache.nextDeadline() > this.now, "what is due was done");
      log.push(...this.take().map((what) => `+${this.now - start} ${what}`));
    }
    this.now = end;
    return log;
  }

  take(): string[] {
    return this.#done.splice(0);
  }

  drops(reason: Drop): number {
    return this.counters.drops[reason]!;
  }

  /** Brings the neighbor into a state, with `MAC_A`. */
  enter(address: IpAddress, state: NeighborState): void {
    const { cache } = this;
    if (state === INCOMPLETE) this.send("first", address);
    if (state === REACHABLE) {
      cache.heardFrom(address, MAC_A, this.now);
      cache.confirm(address, this.now);
    }
    if (state === STALE || state === DELAY || state === PROBE) {
      cache.heardFrom(address, MAC_A, this.now);
    }
    if (state === DELAY || state === PROBE) this.send("used", address);
    this.pass(state === PROBE ? delayTime : 0);
    this.take();
    assertEquals(cache.stateOf(address), state);
  }

  mac(address: IpAddress): string | undefined {
    const entry = this.cache.entries(this.now).find((entry) => entry.address.equals(address));
    return entry?.mac ? formatMac(entry.mac) : undefined;
  }
}

function text(packet: Packet): string {
  return new TextDecoder().decode(packet.bytes.subarray(packet.at, packet.end));
}

const address = (i: number) => IpAddress.v4(10, i >> 16, (i >> 8) & 255, i & 255);

Deno.test("[RFC1122-30] an unknown neighbor is asked for once a second, three times, then given up", () => {
  const scene = new Scene();
  assertEquals(scene.send("1", A), "waits");
  assertEquals(scene.take(), [], "nothing is sent while a sender builds its packet");
  assertEquals(scene.cache.nextDeadline(), -Infinity);
  assertEquals(scene.pass(1500), ["+0 ask all for 10.0.0.1", "+1000 ask all for 10.0.0.1"]);
  assertEquals(scene.send("2", A), "waits");
  assertEquals(scene.pass(5000), [
    "+500 ask all for 10.0.0.1",
    "+1500 give up 1",
    "+1500 give up 2",
  ]);
  assertEquals(scene.drops(Drop.NEIGHBOR_UNREACHABLE), 2);
  assertEquals(scene.cache.size, 0);
  assertEquals(scene.cache.nextDeadline(), Infinity);
});

Deno.test("[RFC1122-30] however many packets are sent, an address is asked for once a second", () => {
  const scene = new Scene();
  const asked: number[] = [];
  for (let time = 0; time < 60_000; time += 50) {
    scene.send("x", A);
    for (const what of scene.pass(50)) if (what.includes("ask")) asked.push(scene.now);
  }
  assert(asked.length >= 55 && asked.length <= 60, `${asked.length}`);
});

Deno.test("[RFC1122-30] an entry that was forgotten does not let an address be asked for again at once", () => {
  const scene = new Scene({ maxEntries: 1 });
  const asked = new Map<string, number>();
  for (let i = 0; i < 100; i++) {
    scene.send("x", i % 2 === 0 ? A : B); // each pushes out the other
    for (const what of scene.pass(30)) {
      const [, , , , target = ""] = what.split(" ");
      asked.set(target, (asked.get(target) ?? 0) + 1);
    }
  }
  for (const [target, times] of asked) assert(times <= 3, `${target}: ${times} times in 3 s`);
  assertEquals(asked.size, 2);
});

Deno.test("[RFC1122-31] packets wait for the answer, the newest are kept, and go out in order", () => {
  const scene = new Scene({ maxWaiting: 3 });
  for (const what of ["1", "2", "3", "4", "5"]) assertEquals(scene.send(what, A), "waits");
  scene.pass(0);
  scene.cache.advertised(A, MAC_A, { solicited: true, override: true, isRouter: false }, scene.now);
  assertEquals(scene.take(), [3, 4, 5].map((n) => `send ${n} to 02:00:00:00:00:0a`));
  assertEquals(scene.drops(Drop.NEIGHBOR_QUEUE_FULL), 2);
  assertEquals(scene.cache.waitingBytes, 0);
  assertEquals(scene.send("6", A), "02:00:00:00:00:0a");
});

Deno.test("bytes that wait are bounded: a neighbor's own packets make room, then the oldest neighbor", () => {
  const scene = new Scene({ maxWaitingBytes: 70_000 });
  const large = "x".repeat(30_000);
  scene.send(large, A);
  scene.send(large, B);
  scene.send(large, B);
  assertEquals(scene.cache.waitingBytes, 60_000);
  assertEquals(scene.drops(Drop.NEIGHBOR_QUEUE_FULL), 1);
  scene.send("y".repeat(65_000), address(7));
  assertEquals(scene.cache.waitingBytes, 65_000);
  assertEquals(scene.cache.entries(scene.now).map(({ address }) => `${address}`), ["10.0.0.7"]);
  assertEquals(scene.drops(Drop.NEIGHBOR_QUEUE_FULL), 3);
});

Deno.test("the memory of a packet that waits is its own", () => {
  const scene = new Scene();
  const packet = packetOf(new TextEncoder().encode("mine"));
  scene.cache.resolve(packet, A);
  packet.bytes.fill(0);
  scene.cache.heardFrom(A, MAC_A, scene.now);
  assertEquals(scene.take(), ["send mine to 02:00:00:00:00:0a"]);
});

Deno.test("a neighbor in use that stays silent is delayed, probed thrice, and forgotten", () => {
  const scene = new Scene();
  scene.enter(A, REACHABLE);
  assertEquals(scene.pass(reachableTime), []);
  assertEquals(scene.cache.stateOf(A), STALE);
  assertEquals(scene.pass(60_000), [], "nobody asks for what is not used");
  assertEquals(scene.send("1", A), "02:00:00:00:00:0a");
  assertEquals(scene.cache.nextDeadline(), -Infinity);
  const asks = [5000, 6000, 7000].map((at) => `+${at} ask 02:00:00:00:00:0a for 10.0.0.1`);
  assertEquals(scene.pass(7999), asks);
  assertEquals(scene.cache.stateOf(A), PROBE);
  assertEquals(scene.send("2", A), "02:00:00:00:00:0a", "packets flow meanwhile");
  scene.pass(1);
  assertEquals(scene.cache.stateOf(A), null);
});

Deno.test("[RFC1122-30] a neighbor that is not used is flushed in the end", () => {
  const scene = new Scene();
  scene.enter(A, STALE);
  scene.pass(staleTime - 1);
  assertEquals(scene.cache.size, 1);
  scene.pass(1);
  assertEquals(scene.cache.size, 0);
});

Deno.test("progress of a transport confirms a neighbor, so that it is not asked (RFC 4861 §7.3.1)", () => {
  const scene = new Scene();
  scene.enter(A, DELAY);
  for (let i = 0; i < 600; i++) {
    scene.cache.confirm(A, scene.now);
    assertEquals(scene.send("x", A), "02:00:00:00:00:0a");
    assertEquals(scene.pass(100), []);
    assertEquals(scene.cache.stateOf(A), REACHABLE);
  }
  assertEquals(scene.cache.confirm(B, scene.now), undefined, "who is not known stays unknown");
  assertEquals(scene.cache.size, 1);
});

Deno.test("a suspected neighbor is asked at the next poll, and once a second at most", () => {
  for (const state of [REACHABLE, STALE, DELAY]) {
    const scene = new Scene();
    scene.enter(A, state);
    scene.cache.suspect(A);
    assertEquals(scene.take(), []);
    assertEquals(scene.pass(0), ["+0 ask 02:00:00:00:00:0a for 10.0.0.1"]);
    scene.cache.suspect(A);
    assertEquals(scene.pass(900), []);
    const answer = { solicited: true, override: true, isRouter: false };
    scene.cache.advertised(A, MAC_A, answer, scene.now);
    scene.cache.suspect(A);
    assertEquals(scene.pass(200), ["+100 ask 02:00:00:00:00:0a for 10.0.0.1"]);
  }
});

Deno.test("suspicion changes nothing about a neighbor that is not known, or being asked for", () => {
  const scene = new Scene();
  scene.cache.suspect(A);
  assertEquals(scene.cache.nextDeadline(), Infinity);
  scene.enter(A, INCOMPLETE);
  scene.cache.suspect(A);
  assertEquals(scene.cache.stateOf(A), INCOMPLETE);
});

const NO_MAC = null;
type Flags = "" | "S" | "O" | "SO";

Deno.test("advertisements move the states as RFC 4861 §7.2.5 and appendix C have it", () => {
  const known = [REACHABLE, STALE, DELAY, PROBE];
  const all = (
    states: NeighborState[],
    flags: Flags,
    mac: Uint8Array | null,
    want: NeighborState | "unchanged",
    cached: Uint8Array,
  ) =>
    states.map((state) =>
      [state, flags, mac, want === "unchanged" ? state : want, cached] as const
    );
  const cases = [
    ...all([INCOMPLETE], "", MAC_B, STALE, MAC_B),
    ...all([INCOMPLETE], "O", MAC_B, STALE, MAC_B),
    ...all([INCOMPLETE], "S", MAC_B, REACHABLE, MAC_B),
    ...all([INCOMPLETE], "SO", MAC_B, REACHABLE, MAC_B),
    ...all(known, "S", MAC_A, REACHABLE, MAC_A),
    ...all(known, "S", NO_MAC, REACHABLE, MAC_A),
    ...all([REACHABLE], "S", MAC_B, STALE, MAC_A),
    ...all([STALE, DELAY, PROBE], "S", MAC_B, "unchanged", MAC_A),
    ...all(known, "SO", MAC_A, REACHABLE, MAC_A),
    ...all(known, "SO", MAC_B, REACHABLE, MAC_B),
    ...all(known, "SO", NO_MAC, REACHABLE, MAC_A),
    ...all(known, "", MAC_A, "unchanged", MAC_A),
    ...all(known, "", NO_MAC, "unchanged", MAC_A),
    ...all([REACHABLE], "", MAC_B, STALE, MAC_A), // §7.2.5: solicited or not
    ...all([STALE, DELAY, PROBE], "", MAC_B, "unchanged", MAC_A),
    ...all(known, "O", MAC_A, "unchanged", MAC_A),
    ...all(known, "O", NO_MAC, "unchanged", MAC_A),
    ...all(known, "O", MAC_B, STALE, MAC_B),
  ];
  for (const [state, flags, mac, want, cached] of cases) {
    const scene = new Scene();
    scene.enter(A, state);
    const advertisement = {
      solicited: flags.includes("S"),
      override: flags.includes("O"),
      isRouter: false,
    };
    scene.cache.advertised(A, mac, advertisement, scene.now);
    const what = `${state} ${flags} ${mac}`;
    assertEquals(scene.cache.stateOf(A), want, what);
    assertEquals(scene.mac(A), formatMac(cached), what);
    const sent = state === INCOMPLETE ? [`send first to ${formatMac(MAC_B)}`] : [];
    assertEquals(scene.take(), sent, what);
  }
});

Deno.test("an advertisement without an address does not answer for one that is asked for", () => {
  const scene = new Scene();
  scene.enter(A, INCOMPLETE);
  const answer = { solicited: true, override: true, isRouter: true };
  assertEquals(scene.cache.advertised(A, null, answer, scene.now), false);
  assertEquals(scene.cache.stateOf(A), INCOMPLETE);
});

Deno.test("an advertisement of one that is not known makes no entry", () => {
  const scene = new Scene();
  const answer = { solicited: true, override: true, isRouter: false };
  scene.cache.advertised(A, MAC_A, answer, scene.now);
  assertEquals(scene.cache.stateOf(A), null);
});

Deno.test("source addresses in other messages move the states as RFC 4861 §7.2.3 has it", () => {
  const cases: [NeighborState | null, mac: Uint8Array, want: NeighborState, cached: Uint8Array][] =
    [
      [null, MAC_B, STALE, MAC_B],
      [INCOMPLETE, MAC_B, STALE, MAC_B],
      ...[REACHABLE, STALE, DELAY, PROBE].map((state) =>
        [state, MAC_B, STALE, MAC_B] as [NeighborState, Uint8Array, NeighborState, Uint8Array]
      ),
      ...[REACHABLE, STALE, DELAY, PROBE].map((state) =>
        [state, MAC_A, state, MAC_A] as [NeighborState, Uint8Array, NeighborState, Uint8Array]
      ),
    ];
  for (const [state, mac, want, cached] of cases) {
    const scene = new Scene();
    if (state !== null) scene.enter(A, state);
    scene.cache.heardFrom(A, mac, scene.now);
    assertEquals(scene.cache.stateOf(A), want, `${state} ${mac}`);
    assertEquals(scene.mac(A), formatMac(cached), `${state} ${mac}`);
    assertEquals(scene.take().length, state === INCOMPLETE ? 1 : 0);
  }
});

Deno.test("an advertisement tells when a neighbor ceases to be a router", () => {
  const scene = new Scene();
  scene.cache.heardFrom(ROUTER, MAC_A, scene.now);
  scene.cache.setRouter(ROUTER, true);
  const say = (isRouter: boolean, mac = MAC_A, override = true) => {
    const advertisement = { solicited: true, override, isRouter };
    return scene.cache.advertised(ROUTER, mac, advertisement, scene.now);
  };
  assertEquals(say(true), false);
  assertEquals(say(false, MAC_B, false), false, "what is ignored tells nothing");
  assertEquals(say(false), true);
  assertEquals(say(false), false);
});

Deno.test("the zone of an address does not matter on one link", () => {
  const scene = new Scene();
  scene.cache.heardFrom(ROUTER, MAC_A, scene.now);
  assertEquals(scene.send("x", ROUTER.withZone(2)), formatMac(MAC_A));
});

Deno.test("entries() tells what is known, how well, and for how long", () => {
  const scene = new Scene();
  scene.enter(A, REACHABLE);
  scene.send("1", B);
  scene.send("2", B);
  scene.pass(700);
  const [first, second] = scene.cache.entries(scene.now);
  assertEquals(first, {
    address: B,
    mac: null,
    state: "incomplete",
    age: 700,
    isRouter: false,
    waiting: 2,
  });
  assertEquals(second, {
    address: A,
    mac: MAC_A,
    state: "reachable",
    age: 700,
    isRouter: false,
    waiting: 0,
  });
});

Deno.test("how long an answer holds is random, half to one and a half of what is set (RFC 4861 §6.3.2)", () => {
  withSeed(1, (random) => {
    const scene = new Scene({}, random);
    const times: number[] = [];
    for (let i = 0; i < 200; i++) {
      scene.cache.heardFrom(A, MAC_A, scene.now);
      scene.cache.confirm(A, scene.now);
      times.push(scene.cache.nextDeadline() - scene.now);
      scene.pass(2 * reachableTime);
    }
    const [least, most] = [Math.min(...times), Math.max(...times)];
    assert(least >= 15_000 && least < 18_000, `${least}`);
    assert(most <= 45_000 && most > 42_000, `${most}`);
  });
});

Deno.test("routers set the times, within bounds", () => {
  const scene = new Scene();
  scene.cache.setReachableTime(4000);
  scene.cache.setRetransTime(1);
  scene.enter(A, REACHABLE);
  scene.pass(4000);
  assertEquals(scene.cache.stateOf(A), STALE);
  scene.send("x", B);
  assertEquals(scene.pass(299).length, 3, "three requests, 100 ms apart");
});

Deno.test("a flood of packets of others fills no memory, and pushes out nothing in use", () => {
  withSeed(2, (random) => {
    const scene = new Scene({ maxEntries: 64 }, random);
    scene.enter(A, REACHABLE);
    scene.enter(B, DELAY);
    const used = address(3);
    scene.enter(used, DELAY);
    scene.cache.confirm(used, scene.now);
    scene.pass(2 * reachableTime); // now stale, but it was used
    scene.cache.confirm(A, scene.now);
    scene.enter(B, DELAY);
    const flags = [false, true];
    for (let i = 0; i < 20_000; i++) {
      const flooder = address(1000 + random.below(100_000));
      scene.cache.heardFrom(flooder, random.bytes(6), scene.now);
      // It also confirms itself, as forged answers can.
      scene.cache.advertised(flooder, random.bytes(6), {
        solicited: random.pick(flags),
        override: random.pick(flags),
        isRouter: random.pick(flags),
      }, scene.now);
    }
    assertEquals(scene.cache.size, 64);
    for (const address of [A, B, used]) assertEquals(scene.mac(address), formatMac(MAC_A));
    // What we send finds room among what was flooded.
    for (let i = 0; i < 50; i++) scene.send("x", address(200_000 + i));
    assertEquals(scene.cache.size, 64);
    for (const address of [A, B, used]) assertEquals(scene.mac(address), formatMac(MAC_A));
  });
});

Deno.test("packets for hosts that do not exist push out one another, before any neighbor that does", () => {
  const scene = new Scene({ maxEntries: 16 });
  for (let i = 1; i <= 8; i++) scene.enter(address(i), i % 2 === 0 ? REACHABLE : DELAY);
  for (let i = 0; i < 1000; i++) {
    scene.send("x", address(1000 + i));
    assert(scene.cache.waitingBytes <= 16);
  }
  assertEquals(scene.cache.size, 16);
  for (let i = 1; i <= 8; i++) assertEquals(scene.mac(address(i)), formatMac(MAC_A));
});

Deno.test("there is room for a new neighbor even if all others are in use", () => {
  const scene = new Scene({ maxEntries: 4 });
  for (let i = 1; i <= 4; i++) scene.enter(address(i), REACHABLE);
  scene.cache.heardFrom(A, MAC_B, scene.now);
  scene.cache.heardFrom(address(9), MAC_B, scene.now);
  assertEquals(scene.cache.stateOf(address(9)), null, "not for who was only heard of");
  scene.send("x", address(9));
  assertEquals(scene.cache.stateOf(address(9)), INCOMPLETE);
  assertEquals(scene.cache.size, 4);
});

Deno.test("whatever happens, the cache keeps to its bounds, and asks no address twice a second", () => {
  withSeed(3, (random) => {
    const bounds = { maxEntries: 8, maxWaiting: 4, maxWaitingBytes: 70_000 };
    const counters = new Counters();
    const asked = new Map<string, number>();
    let now = 0;
    const cache = new NeighborCache(
      {
        solicit: (target) => {
          const last = asked.get(`${target}`) ?? -Infinity;
          assert(now - last >= retransTime, `${target} at ${last} and at ${now}`);
          asked.set(`${target}`, now);
        },
        deliver: () => {},
        // As IP does, which sends an error the same way.
        unreachable: (packet) => cache.resolve(packet, address(random.below(20))),
      },
      counters,
      new Random(random.random()),
      bounds,
    );
    for (let i = 0; i < 20_000; i++) {
      const who = address(random.below(20));
      const mac = random.bytes(6);
      switch (random.below(8)) {
        case 0:
          cache.heardFrom(who, mac, now);
          break;
        case 1:
          cache.advertised(who, random.chance(0.2) ? null : mac, {
            solicited: random.chance(0.5),
            override: random.chance(0.5),
            isRouter: random.chance(0.5),
          }, now);
          break;
        case 2:
          cache.confirm(who, now);
          break;
        case 3:
          cache.suspect(who);
          break;
        case 4:
          cache.setRouter(who, random.chance(0.5));
          break;
        case 5:
          now += random.below(3000);
          cache.poll(now);
          assert(cache.nextDeadline() > now);
          break;
        default:
          cache.resolve(packetOf(new Uint8Array(random.below(20_000))), who);
      }
      const entries = cache.entries(now);
      assertEquals(entries.length, cache.size);
      assert(entries.length <= bounds.maxEntries);
      assert(entries.every(({ waiting }) => waiting <= bounds.maxWaiting));
      assert(entries.every(({ waiting, state }) => waiting === 0 || state === "incomplete"));
      assert(cache.waitingBytes <= bounds.maxWaitingBytes);
      assert(entries.some(({ waiting }) => waiting > 0) || cache.waitingBytes === 0);
    }
  });
});

Deno.test("bounds that nothing could work with are refused", () => {
  const cases: [Partial<NeighborConfig>, string][] = [
    [{ maxEntries: 0 }, "maxEntries"],
    [{ maxWaiting: 0 }, "maxWaiting"],
    [{ maxWaitingBytes: 1500 }, "maxWaitingBytes"],
    [{ maxWaitingBytes: NaN }, "maxWaitingBytes"],
  ];
  for (const [config, name] of cases) assertThrows(() => new Scene(config), RangeError, name);
});
