import { assert, assertEquals } from "@std/assert";
import { Dispatcher } from "../../src/host/dispatcher.ts";
import type { Device, DeviceCounters } from "../../src/phy/device.ts";
import { memoryPair } from "../../src/phy/memory.ts";
import { Stack } from "../../src/stack/stack.ts";
import { Packet } from "../../src/wire/packet.ts";
import { oneInterface, PEER } from "../packets.ts";
import { pause, until } from "../stacks.ts";

const now = () => performance.now();

/** So many turns of promises. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A stack whose deadline the test sets, and that notes when it is polled. */
class TimedStack extends Stack {
  deadline = Infinity;
  readonly polls: number[] = [];
  received = 0;

  constructor() {
    const link = { mtu: 1500, transmit: () => true };
    super({ interfaces: oneInterface(link, [PEER]) }, { random: () => 1 });
  }

  override receive(): void {
    this.received++;
  }

  override poll(at: number): void {
    this.polls.push(at);
    if (at >= this.deadline) this.deadline = Infinity;
  }

  override nextDeadline(): number {
    return this.deadline;
  }
}

function dispatcherTest(
  name: string,
  body: (stack: TimedStack, dispatcher: Dispatcher, send: () => void) => Promise<void>,
): void {
  Deno.test({
    name,
    sanitizeOps: true,
    sanitizeResources: true,
    async fn() {
      const [device, peer] = memoryPair();
      const stack = new TimedStack();
      const dispatcher = new Dispatcher([device], stack, now);
      const packet = new Packet(new Uint8Array(100)).place(40, 100);
      await body(stack, dispatcher, () => peer.transmit(packet));
      dispatcher.stop();
      await device.close();
      await dispatcher.finished;
    },
  });
}

dispatcherTest("a deadline is kept, and one poll is enough for it", async (stack, dispatcher) => {
  const deadline = stack.deadline = now() + 15;
  dispatcher.kick();
  await until(() => stack.deadline === Infinity, "the deadline is kept");
  assertEquals(stack.polls.filter((at) => at >= deadline).length, 1);
  await pause(10);
  assertEquals(stack.polls.filter((at) => at >= deadline).length, 1, "and none follows");
});

dispatcherTest("a deadline that moves to an earlier time is kept", async (stack, dispatcher) => {
  stack.deadline = now() + 60_000;
  dispatcher.kick();
  await pause(1);
  stack.deadline = now() + 10;
  dispatcher.kick();
  await until(() => stack.deadline === Infinity, "the earlier deadline is kept");
});

dispatcherTest("a deadline that moves to a later time is kept", async (stack, dispatcher) => {
  stack.deadline = now() + 5;
  dispatcher.kick();
  await Promise.resolve();
  const later = stack.deadline = now() + 25;
  await until(() => stack.deadline === Infinity, "the later deadline is kept");
  assert(stack.polls.at(-1)! >= later);
});

dispatcherTest("a deadline further off than a timer reaches is no reason to poll", async (
  stack,
  dispatcher,
) => {
  stack.deadline = now() + 2 ** 31 + 1000;
  dispatcher.kick();
  await pause(20);
  assertEquals(stack.polls.length, 1);
});

dispatcherTest(
  "many kicks are one poll, some turns of promises later",
  async (stack, dispatcher) => {
    for (let i = 0; i < 100; i++) dispatcher.kick();
    await turns(6);
    assertEquals(stack.polls.length, 0);
    dispatcher.kick();
    await turns(6);
    assertEquals(stack.polls.length, 0);
    await turns(4);
    assertEquals(stack.polls.length, 1);
    await nextTurn();
    assertEquals(stack.polls.length, 1);
  },
);

dispatcherTest(
  "a program that never stops calling is not waited for",
  async (stack, dispatcher) => {
    let calls = 0;
    for (; stack.polls.length < 3; calls++) {
      dispatcher.kick();
      await Promise.resolve();
    }
    assert(calls <= 3 * 70, `${calls} calls for three polls`);
  },
);

dispatcherTest(
  "what a batch has brought is told at once, and the answers are sent when the program has had its say",
  async (stack, dispatcher, send) => {
    const log: string[] = [];
    stack.tell = () => {
      log.push("told");
      turns(4).then(() => {
        log.push("called");
        dispatcher.kick();
      });
    };
    const poll = stack.poll.bind(stack);
    stack.poll = (at) => {
      log.push("polled");
      poll(at);
    };
    send();
    await until(() => log.length >= 3, "all is done");
    await pause(5);
    assertEquals(log, ["told", "called", "polled"]);
  },
);

dispatcherTest(
  "batches are bounded: a timer gets its turn under a flood",
  async (stack, _, send) => {
    let flooding = true;
    const flood = () => {
      for (let i = 0; i < 200; i++) send();
      if (flooding) setImmediate(flood);
    };
    flood();
    const start = now();
    await pause(10);
    flooding = false;
    assert(now() - start < 200, `a timer of 10 ms took ${now() - start}`);
    assert(stack.received > 64);
    assert(stack.polls.length >= stack.received / 64, "one poll for each batch");
    await pause(5);
  },
);

dispatcherTest(
  "a turn takes what waits, batch by batch, with a poll for each",
  async (stack, _, send) => {
    for (let i = 0; i < 300; i++) send();
    let count = 0;
    while (stack.received < 300) {
      await nextTurn();
      count++;
    }
    assert(count <= 3, `${count} turns for 300 packets`);
    assert(stack.polls.length >= 5);
  },
);

dispatcherTest("packets that take long leave others their turn", async (stack, _, send) => {
  for (let i = 0; i < 300; i++) send();
  const receive = stack.receive.bind(stack);
  stack.receive = () => {
    receive();
    for (const end = now() + 0.1; now() < end;);
  };
  const waiting: number[] = [];
  while (stack.received < 300) {
    await nextTurn();
    waiting.push(stack.received);
  }
  assert(new Set(waiting).size >= 4, `turns after ${waiting} packets`);
});

dispatcherTest("nothing happens after stop()", async (stack, dispatcher, send) => {
  stack.deadline = now() + 5;
  dispatcher.kick();
  await Promise.resolve();
  const { length } = stack.polls;
  dispatcher.stop();
  dispatcher.kick();
  send();
  await pause(15);
  assertEquals([stack.polls.length, stack.received], [length, 0]);
});

/** A device that always has packets of one length, and notes how many it is asked for. */
class Endless implements Device {
  readonly name = "endless";
  readonly mtu = 65535;
  readonly capabilities = { medium: "ip" } as const;
  readonly limits: number[] = [];
  readonly #packet: Packet;
  #closed = false;

  constructor(length: number) {
    this.#packet = new Packet(new Uint8Array(length)).place(0, length);
  }

  receive(limit: number, handler: (packet: Packet) => void): number {
    if (this.#closed) return 0;
    this.limits.push(limit);
    for (let i = 0; i < limit; i++) handler(this.#packet);
    return limit;
  }

  readable(): Promise<boolean> {
    return Promise.resolve(!this.#closed);
  }

  transmit(): boolean {
    return true;
  }

  counters(): DeviceCounters {
    return {};
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }
}

Deno.test("batches are bounded in packets, and in bytes where packets are long", async () => {
  const cases: [length: number, limit: number][] = [[40, 64], [1500, 64], [9000, 29], [65535, 4]];
  for (const [length, limit] of cases) {
    const device = new Endless(length);
    const dispatcher = new Dispatcher([device], new TimedStack(), now);
    await until(() => device.limits.length > 5, "batches are received");
    dispatcher.stop();
    await device.close();
    await dispatcher.finished;
    assertEquals(device.limits.slice(1, 5), new Array(4).fill(limit), `${length} bytes`);
  }
});

Deno.test("a device without packets is slept for", async () => {
  const [device] = memoryPair();
  let asked = 0;
  const receive = device.receive.bind(device);
  device.receive = (limit, handler) => {
    asked++;
    return receive(limit, handler);
  };
  let asleep = false;
  const readable = device.readable.bind(device);
  device.readable = () => {
    asleep = true;
    return readable();
  };
  const dispatcher = new Dispatcher([device], new TimedStack(), now);
  await until(() => asleep, "it sleeps");
  const before = asked;
  await pause(20);
  assertEquals(asked, before);
  dispatcher.stop();
  await device.close();
  await dispatcher.finished;
});

Deno.test("devices share the turns: none waits for one that always has packets", async () => {
  const busy = new Endless(1500);
  const [device, peer] = memoryPair();
  const link = { mtu: 1500, transmit: () => true };
  let received = 0;
  class TwoLinks extends Stack {
    constructor() {
      const interfaces = [...oneInterface(link, [PEER]), ...oneInterface(link, [])];
      super({ interfaces }, { random: () => 1 });
    }
    override receive({ at, end }: Packet): void {
      if (end - at === 60) received++;
    }
    override poll(): void {}
  }
  const dispatcher = new Dispatcher([busy, device], new TwoLinks(), now);
  const start = now();
  for (let i = 1; i <= 20; i++) {
    peer.transmit(new Packet(new Uint8Array(100)).place(40, 100));
    await until(() => received === i, "it is received");
  }
  assert(now() - start < 1000, `took ${now() - start} ms`);
  dispatcher.stop();
  await Promise.all([busy.close(), device.close()]);
  await dispatcher.finished;
});

Deno.test("what a timer waits for, and has come, is received before the timer is served", async () => {
  const [device, peer] = memoryPair();
  const { promise: closed, resolve: close } = Promise.withResolvers<boolean>();
  device.readable = () => closed; // nobody says that something has come
  const stack = new TimedStack();
  const dispatcher = new Dispatcher([device], stack, now);
  await pause(5);
  stack.deadline = now() + 5;
  dispatcher.kick();
  await turns(100);
  peer.transmit(new Packet(new Uint8Array(100)).place(40, 100));
  let receivedBefore = 0;
  stack.poll = (at) => {
    if (at < stack.deadline) return;
    receivedBefore = stack.received;
    stack.deadline = Infinity;
  };
  await until(() => stack.deadline === Infinity, "the deadline is kept");
  assertEquals(receivedBefore, 1);
  dispatcher.stop();
  close(false);
  await dispatcher.finished;
  await device.close();
});
