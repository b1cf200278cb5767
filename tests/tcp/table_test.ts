import { assert, assertEquals } from "@std/assert";
import { Counters } from "../../src/base/counters.ts";
import { DEFAULT_TCP_CONFIG } from "../../src/tcp/config.ts";
import { ConnectionTable, type Ends } from "../../src/tcp/table.ts";
import { Tcb, type TcpContext } from "../../src/tcp/tcb.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { STACK } from "../packets.ts";
import { withSeed } from "../random.ts";

const CONTEXT = { counters: new Counters(), config: DEFAULT_TCP_CONFIG } as unknown as TcpContext;

function tcbOf(localPort: number, remote: IpAddress, remotePort: number): Tcb {
  return new Tcb(CONTEXT, STACK, localPort, remote, remotePort, null);
}

function find(table: ConnectionTable<Tcb>, tcb: Tcb): Tcb | null {
  return table.find(tcb.local.clone(), tcb.localPort, tcb.remote.clone(), tcb.remotePort);
}

Deno.test("ConnectionTable tells connections apart by each address and port", () => {
  const table = new ConnectionTable<Tcb>(1);
  const remote = IpAddress.v4(192, 0, 2, 1);
  const tcb = tcbOf(80, remote, 5000);
  table.add(tcb);
  assertEquals(find(table, tcb), tcb);
  assertEquals(table.find(STACK, 81, remote, 5000), null);
  assertEquals(table.find(STACK, 80, remote, 5001), null);
  assertEquals(table.find(STACK, 80, IpAddress.v4(192, 0, 2, 2), 5000), null);
  assertEquals(table.find(IpAddress.v4(10, 0, 0, 3), 80, remote, 5000), null);
  assertEquals(table.find(STACK, 5000, remote, 80), null);
});

Deno.test("ConnectionTable finds thousands of connections, while others come and go", () => {
  withSeed(1, (random) => {
    const table = new ConnectionTable<Tcb>(random.random());
    const all = new Set<Tcb>();
    for (let i = 0; i < 5000; i++) {
      const tcb = tcbOf(80, IpAddress.v4(192, 0, i >> 8, i & 255), random.between(1, 65535));
      table.add(tcb);
      all.add(tcb);
      if (!random.chance(0.3)) continue;
      const gone = random.pick([...all].slice(0, 50));
      table.remove(gone);
      all.delete(gone);
      assertEquals(find(table, gone), null);
    }
    assertEquals(table.size, all.size);
    for (const tcb of all) assert(find(table, tcb) === tcb);
    assertEquals(new Set(table), all);
    for (const tcb of all) table.remove(tcb);
    assertEquals([table.size, [...table].length], [0, 0]);
  });
});

Deno.test("ConnectionTable ignores the removal of what it does not hold", () => {
  const table = new ConnectionTable<Tcb>(1);
  const remote = IpAddress.v4(192, 0, 2, 1);
  const tcb = tcbOf(80, remote, 5000);
  table.add(tcb);
  table.remove(tcbOf(80, remote, 5001));
  table.remove(tcb);
  table.remove(tcb);
  assertEquals(table.size, 0);
});

Deno.test("ConnectionTable spreads what one peer opens over its buckets, by a seed", () => {
  const hashes = (seed: number) => {
    const table = new ConnectionTable<Tcb>(seed);
    return Array.from({ length: 1024 }, (_, i) => {
      const tcb = tcbOf(80, IpAddress.v4(192, 0, 2, 1), 40000 + i);
      table.add(tcb);
      return tcb.hash;
    });
  };
  const longest = (list: number[]) => {
    const buckets = new Map<number, number>();
    for (const hash of list) buckets.set(hash & 1023, (buckets.get(hash & 1023) ?? 0) + 1);
    return Math.max(...buckets.values());
  };
  for (const seed of [0, 1, 0xdead_beef]) assert(longest(hashes(seed)) <= 10, `seed ${seed}`);
  const [first, second] = [hashes(1), hashes(2)];
  assert(first.filter((hash, i) => hash === second[i]).length < 5);
});

/** What counts how often the table goes from it to the next in its chain. */
class Counting implements Ends<Counting> {
  static steps = 0;
  readonly local = STACK;
  readonly localPort = 80;
  hash = 0;
  #next: Counting | null = null;

  constructor(readonly remote: IpAddress, readonly remotePort: number) {}

  get hashNext(): Counting | null {
    Counting.steps++;
    return this.#next;
  }

  set hashNext(next: Counting | null) {
    this.#next = next;
  }
}

Deno.test("ConnectionTable takes as few steps with 100,000 connections as with 100, and none of them many", () => {
  withSeed(1, (random) => {
    const table = new ConnectionTable<Counting>(random.random());
    const all: Counting[] = [];
    let most = 0;
    const steps = (call: () => void) => {
      const before = Counting.steps;
      call();
      most = Math.max(most, Counting.steps - before);
    };
    for (const count of [100, 10_000, 100_000]) {
      while (all.length < count) {
        const i = all.length;
        const one = new Counting(IpAddress.v4(192, 0, i >> 14, 1), 49_152 + (i & 0x3fff));
        all.push(one);
        steps(() => table.add(one));
      }
      Counting.steps = 0;
      for (const one of all) {
        steps(() => assert(table.find(STACK, 80, one.remote, one.remotePort) === one));
      }
      assert(Counting.steps < all.length, `${Counting.steps} steps to ${all.length}`);
    }
    for (const one of all) steps(() => table.remove(one));
    assertEquals(table.size, 0);
    assert(most <= 32, `${most} steps in one call`);
  });
});
