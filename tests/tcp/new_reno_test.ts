import { assertEquals } from "@std/assert";
import { NewReno } from "../../src/tcp/congestion/new_reno.ts";

function started(mss: number, synWasLost = false): NewReno {
  const control = new NewReno();
  control.start(mss, synWasLost);
  return control;
}

Deno.test("the initial window is ten segments, or 14600 bytes, but two segments at least (RFC 6928 §2)", () => {
  const cases: [mss: number, window: number][] = [
    [536, 5360],
    [1460, 14_600],
    [4000, 14_600],
    [8960, 17_920],
    [65_495, 130_990],
  ];
  for (const [mss, window] of cases) assertEquals(started(mss).cwnd, window);
});

Deno.test("after a lost SYN the window is one segment (RFC 5681 §3.1)", () => {
  assertEquals(started(1460, true).cwnd, 1460);
});

Deno.test("slow start adds what is acknowledged, a segment at most (RFC 5681 §3.1)", () => {
  const control = started(1000);
  control.onAck(1000);
  control.onAck(300);
  control.onAck(5000);
  assertEquals(control.cwnd, 10_000 + 1000 + 300 + 1000);
});

Deno.test("congestion avoidance adds a segment for each window acknowledged (RFC 5681 §3.1)", () => {
  const control = started(1000);
  control.onTimeout(8000, true);
  assertEquals([control.cwnd, control.ssthresh], [1000, 4000]);
  for (let i = 0; i < 3; i++) control.onAck(1000);
  assertEquals(control.cwnd, 4000);
  for (let i = 0; i < 3; i++) control.onAck(1000);
  assertEquals(control.cwnd, 4000);
  control.onAck(1000);
  assertEquals(control.cwnd, 5000);
});

Deno.test("a loss halves the window to what was in flight, two segments at least (RFC 5681 §3.1, 3.2)", () => {
  const control = started(1000);
  control.onLoss(10_000);
  assertEquals([control.ssthresh, control.cwnd], [5000, 8000]);
  control.onDuplicateAck();
  assertEquals(control.cwnd, 9000);
  control.onLoss(1000);
  assertEquals(control.ssthresh, 2000);
});

Deno.test("a partial acknowledgement deflates the window, and adds one segment (RFC 6582 §3.2)", () => {
  const control = started(1000);
  control.onLoss(10_000); // cwnd 8000
  control.onPartialAck(3000);
  assertEquals(control.cwnd, 6000);
  control.onPartialAck(500);
  assertEquals(control.cwnd, 5500);
  control.onPartialAck(9000);
  assertEquals(control.cwnd, 1000);
});

Deno.test("recovery ends at the threshold, or near what is in flight if that is less (RFC 6582 §3.2)", () => {
  const control = started(1000);
  control.onLoss(10_000);
  control.onRecovered(8000);
  assertEquals(control.cwnd, 5000);
  control.onRecovered(0);
  assertEquals(control.cwnd, 2000);
});

Deno.test("repeated timeouts keep the threshold of the first (RFC 5681 §3.1)", () => {
  const control = started(1000);
  control.onTimeout(10_000, true);
  control.onTimeout(1000, false);
  assertEquals([control.cwnd, control.ssthresh], [1000, 5000]);
});

Deno.test("after idling the window is the initial one at most (RFC 5681 §4.1)", () => {
  const control = started(1000);
  for (let i = 0; i < 5; i++) control.onAck(1000);
  control.onIdle();
  assertEquals(control.cwnd, 10_000);
  control.onTimeout(10_000, true);
  control.onIdle();
  assertEquals(control.cwnd, 1000);
});
