import { assert, assertEquals } from "@std/assert";
import { Status } from "../../ffi/thread_status.ts";
import { Errand, WakeLine } from "../../ffi/wake_line.ts";
import { atEveryStep, random, soon } from "./interleave.ts";

function runningLine(): WakeLine {
  const line = new WakeLine();
  line.setStatus(Status.RUNNING);
  return line;
}

Deno.test("an errand given between any two steps of waiting for one is heard", async () => {
  const steps = await atEveryStep((interleaved) => {
    const line = runningLine();
    interleaved(
      () => assertEquals(line.nextErrand(), Errand.WAIT),
      () => void line.send(Errand.WAIT),
    );
  });
  assert(steps >= 1);
});

Deno.test("a stop between any two steps of waiting for an errand, or of ending one, is heard", async () => {
  const waiting = await atEveryStep((interleaved) => {
    const line = runningLine();
    interleaved(
      () => assertEquals(line.nextErrand(), Errand.STOP),
      () => line.requestStop(),
    );
  });
  const ending = await atEveryStep((interleaved) => {
    const line = runningLine();
    void line.send(Errand.WAIT);
    interleaved(() => line.done(Errand.WAIT, 1), () => line.requestStop());
    // nextErrand() would wait for ever if it were lost.
    assertEquals(Atomics.load(new Int32Array(line.memory), 0), Errand.STOP);
  });
  assert(waiting >= 1 && ending >= 3);
});

Deno.test("an errand that ends between any two steps of falling asleep wakes the sender", async () => {
  const steps = await atEveryStep(async (interleaved) => {
    const line = runningLine();
    let sent: Promise<void> | undefined;
    interleaved(
      () => sent = line.send(Errand.WAIT),
      () => line.done(line.nextErrand(), 5),
    );
    await soon(sent!, "A wake-up was lost");
    assertEquals(line.revents, 5);
  }, 1); // before the first step there is none
  assert(steps >= 3);
});

Deno.test("a wake-up for an errand that is seen to be done already does not end the next one", async () => {
  const line = runningLine();
  const words = new Int32Array(line.memory);
  let sent = false;
  const sending = line.send(Errand.WAIT).then(() => sent = true);
  Atomics.notify(words, 0);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(sent, false);
  line.done(Errand.WAIT, 1);
  await soon(sending, "A wake-up was lost");
});

Deno.test("a sender hears of the end of the other thread, however their steps fall", async () => {
  for (const isFirst of [false, true]) {
    const steps = await atEveryStep(async (interleaved) => {
      const line = runningLine();
      let sent: Promise<void> | undefined;
      const send = () => void (sent = line.send(Errand.WAIT));
      const end = () => line.setStatus(Status.FAILED, 5);
      interleaved(isFirst ? send : end, isFirst ? end : send);
      await soon(sent!, "A wake-up was lost");
      assertEquals([line.status, line.errno], [Status.FAILED, 5]);
    });
    assert(steps >= 4);
  }
});

Deno.test("no wake-up is lost between two threads, and no errand is done twice", async () => {
  const seed = 4;
  const next = random(seed);
  const line = new WakeLine();
  const worker = new Worker(new URL("./errand_worker.ts", import.meta.url), { type: "module" });
  worker.postMessage({ memory: line.memory, seed });
  let number = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stuck = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Stuck at errand ${number}`)), 20_000);
  });
  try {
    await line.leaves(Status.STARTING);
    while (number < 10_000) {
      number++;
      await Promise.race([line.send(1 + next(3) as Errand), stuck]);
      assertEquals(line.revents, number);
      for (const end = performance.now() + next(3) / 100; performance.now() < end;);
    }
    line.requestStop();
    await Promise.race([line.leaves(Status.RUNNING), stuck]);
    assertEquals(line.status, Status.STOPPED);
  } finally {
    clearTimeout(timer);
    worker.terminate();
  }
});
