/**
 * What the receiver reports of text out of order (RFC 2018 §4, RFC 2883 §4).
 */

import { assert, assertEquals } from "@std/assert";
import { Assembler } from "../../src/base/assembler.ts";
import { isDuplicateSack, recentMemory, SackReporter } from "../../src/tcp/sack.ts";
import { ACK, SYN } from "../../src/wire/tcp.ts";
import { parseSegment, tcp } from "../packets.ts";
import { withSeed } from "../random.ts";
import { TestHost } from "../stack/host.ts";

type Block = [start: number, end: number];

function report(reporter: SackReporter, assembler: Assembler, most: number): Block[] {
  const count = reporter.fill(assembler, most);
  return Array.from(
    { length: count },
    (_, i) => [reporter.edges[2 * i]!, reporter.edges[2 * i + 1]!],
  );
}

function held(assembler: Assembler): Block[] {
  return Array.from({ length: assembler.count }, (_, i) => [assembler.start(i), assembler.end(i)]);
}

Deno.test("[RFC2018-02] [RFC2018-03] [RFC2018-05] blocks are what is held, the newest first, then those reported last, each once (RFC 2018 §4, §8)", () => {
  for (let run = 0; run < 200; run++) {
    withSeed(run, (random) => {
      const most = random.between(1, 4);
      const assembler = new Assembler();
      const reporter = new SackReporter();
      /** First blocks of the reports before, the newest first: four that are still apart. */
      let firsts: Block[] = [];
      let next = 0;
      for (let step = 0; step < 100; step++) {
        const start = 100 * random.between(next / 100 + 1, next / 100 + 40);
        const end = start + 100;
        const isDuplicate = reporter.onText(assembler, next, start, end);
        const wasHeld = held(assembler).some(([from, to]) => from <= start && to >= end);
        assertEquals(isDuplicate, wasHeld);
        assert(assembler.add(start, end));
        reporter.onWaiting(assembler, start);
        const blocks = report(reporter, assembler, most);
        const now = held(assembler);
        if (isDuplicate) assertEquals(blocks.shift(), [start, end]);
        const around = (at: number) => now.find(([from, to]) => from <= at && at < to);
        // A naive reading of §4: the block of this segment, then of the first blocks before
        const want: Block[] = [];
        const add = (block: Block | undefined) => {
          if (block && !want.some(([from]) => from === block[0])) want.push(block);
        };
        add(around(start));
        for (const [from] of firsts) add(around(from));
        const room = isDuplicate ? most - 1 : most;
        assertEquals(blocks.slice(0, Math.min(want.length, 4)), want.slice(0, Math.min(room, 4)));
        assertEquals(blocks.length, Math.min(room, now.length));
        assertEquals(new Set(blocks.map(([from]) => from)).size, blocks.length);
        for (const block of blocks) assert(now.some((other) => `${other}` === `${block}`));
        const others = firsts.filter(([from]) => {
          const block = around(from);
          return block !== undefined && block !== around(start);
        });
        firsts = [around(start)!, ...others].slice(0, 4);
        if (random.chance(0.1)) next = assembler.take(next + 100);
        if (now.length > 50) next = assembler.take(now[25]![1]);
      }
    });
  }
});

Deno.test("what has come twice is found, and of several pieces the first (RFC 2883 §4)", () => {
  // RCV.NXT is 100; 200 to 300 and 400 to 500 wait
  const cases: [segment: Block, duplicate: Block | undefined][] = [
    [[100, 200], undefined],
    [[300, 400], undefined],
    [[500, 600], undefined],
    [[50, 150], [50, 100]],
    [[50, 600], [50, 100]],
    [[200, 300], [200, 300]],
    [[220, 280], [220, 280]],
    [[100, 250], [200, 250]],
    [[250, 350], [250, 300]],
    [[100, 600], [200, 300]],
    [[300, 450], [400, 450]],
    [[250, 450], [250, 300]],
  ];
  for (const [[start, end], duplicate] of cases) {
    const assembler = new Assembler();
    assembler.add(200, 300);
    assembler.add(400, 500);
    const reporter = new SackReporter();
    assertEquals(reporter.onText(assembler, 100, start, end), duplicate !== undefined);
    const [first] = report(reporter, assembler, 4);
    assertEquals(first, duplicate ?? [400, 500]);
    assertEquals(report(reporter, assembler, 4)[0], [400, 500], "only once");
  }
});

Deno.test("a D-SACK lies below the ACK or within the next block; any other first block is none (RFC 2883 §4, §5)", () => {
  const cases: [blocks: Block[], ack: number, want: boolean][] = [
    [[], 1000, false],
    [[[500, 600]], 1000, true],
    [[[900, 1000]], 1000, true],
    [[[900, 1001]], 1000, false],
    [[[2000, 3000]], 1000, false],
    [[[2000, 2500], [2000, 3000]], 1000, true],
    [[[2500, 3000], [2000, 3000]], 1000, true],
    [[[2000, 3000], [2000, 3000]], 1000, true],
    [[[2000, 3001], [2000, 3000]], 1000, false],
    [[[2000, 3000], [4000, 5000]], 1000, false],
    [[[0xffff_ff00, 100]], 200, true],
    [[[0xffff_ff00, 0xffff_fff0], [0xffff_ff00, 100]], 0xffff_f000, true],
  ];
  for (const [blocks, ack, want] of cases) {
    assertEquals(isDuplicateSack(Uint32Array.from(blocks.flat()), blocks.length, ack), want);
  }
});

Deno.test("memory for blocks is taken while something waits out of order, and no longer", () => {
  const host = new TestHost();
  host.stack.tcp.listen(null, 80, 8, () => {});
  const ports = { sourcePort: 9, destinationPort: 80 };
  const options = Uint8Array.of(4, 2, 1, 1); // SACK permitted
  const [answer] = host.receive(tcp({ ...ports, seq: 0, flags: SYN, options }));
  const ack = parseSegment(answer!).seq + 1;
  const send = (seq: number) =>
    host.receive(tcp({ ...ports, seq, ack, flags: ACK, payload: new Uint8Array(100) }));
  recentMemory.give(recentMemory.take());
  const before = recentMemory.size;
  send(101);
  assertEquals(recentMemory.size, before - 1);
  send(1);
  assertEquals(recentMemory.size, before);
  send(301);
  assertEquals(recentMemory.size, before - 1);
  for (const tcb of host.stack.tcp.connections()) host.stack.tcp.abort(tcb, host.now);
  assertEquals(recentMemory.size, before);
});
