import { assertEquals } from "@std/assert";
import { AckSample } from "../../src/tcp/congestion/congestion.ts";
import { NewReno } from "../../src/tcp/congestion/new_reno.ts";

function started(mss: number, synWasLost = false): NewReno {
  const control = new NewReno();
  control.start(mss, synWasLost, 0);
  return control;
}

/** An acknowledgement of `acked` bytes, the window being the limit unless said otherwise. */
function ack(control: NewReno, acked: number, windowLimited = true): void {
  const sample = new AckSample();
  sample.acked = acked;
  sample.windowLimited = windowLimited;
  control.onAck(sample);
}

Deno.test("[RFC6928-01] [RFC5681-01] the initial window is ten segments, or 14600 bytes, but two segments at least (RFC 6928 §2)", () => {
  const cases: [mss: number, window: number][] = [
    [536, 5360],
    [1460, 14_600],
    [4000, 14_600],
    [8960, 17_920],
    [65_495, 130_990],
  ];
  for (const [mss, window] of cases) assertEquals(started(mss).cwnd, window);
});

Deno.test("[RFC5681-01] after a lost SYN the window is one segment (RFC 5681 §3.1)", () => {
  assertEquals(started(1460, true).cwnd, 1460);
});

Deno.test("[RFC5681-02] slow start adds what is acknowledged, a segment at most (RFC 5681 §3.1)", () => {
  const control = started(1000);
  ack(control, 1000);
  ack(control, 300);
  ack(control, 5000);
  assertEquals(control.cwnd, 10_000 + 1000 + 300 + 1000);
});

Deno.test("[RFC5681-03] congestion avoidance adds a segment for each window acknowledged (RFC 5681 §3.1)", () => {
  const control = started(1000);
  control.onTimeout(8000, 0, true);
  assertEquals([control.cwnd, control.ssthresh], [1000, 4000]);
  for (let i = 0; i < 3; i++) ack(control, 1000);
  assertEquals(control.cwnd, 4000);
  for (let i = 0; i < 3; i++) ack(control, 1000);
  assertEquals(control.cwnd, 4000);
  ack(control, 1000);
  assertEquals(control.cwnd, 5000);
});

Deno.test("a window that was not the limit does not grow (RFC 7661 §4)", () => {
  const control = started(1000);
  ack(control, 1000, false);
  assertEquals(control.cwnd, 10_000);
});

Deno.test("[RFC5681-04] a loss sets the threshold to half of what was in flight, two segments at least (RFC 5681 §3.1)", () => {
  const control = started(1000);
  control.onLoss(10_000, 0);
  assertEquals(control.ssthresh, 5000);
  control.onRecovered(0);
  assertEquals(control.cwnd, 5000);
  control.onLoss(1000, 0);
  assertEquals(control.ssthresh, 2000);
});

Deno.test("[RFC5681-04] a second timeout leaves the threshold as it is (RFC 5681 §3.1)", () => {
  const control = started(1000);
  control.onTimeout(8000, 0, true);
  control.onTimeout(1000, 0, false);
  assertEquals([control.cwnd, control.ssthresh], [1000, 4000]);
});

Deno.test("a reduction for nothing is taken back (RFC 4015 §3.2)", () => {
  const control = started(1000);
  control.onTimeout(8000, 0, true);
  control.undo(0);
  assertEquals([control.cwnd, control.ssthresh], [10_000, Infinity]);
});

Deno.test("[RFC5681-08] an idle window falls by half for each timeout, to the restart window at most (RFC 5681 §4.1)", () => {
  const control = started(1000);
  control.onLoss(10_000, 0);
  control.onRecovered(0);
  assertEquals([control.cwnd, control.ssthresh], [5000, 5000]);
  for (let n = 5; n < 80; n++) for (let i = 0; i < n; i++) ack(control, 1000);
  assertEquals(control.cwnd, 80_000);
  control.onIdle(2500, 1000, 0);
  assertEquals([control.cwnd, control.ssthresh], [20_000, 60_000]);
  control.onIdle(100_000, 1000, 0);
  assertEquals(control.cwnd, 10_000);
});

Deno.test("slow start that has met no limit yet goes on without one after idle time (RFC 5681 §4.1)", () => {
  const control = started(1000);
  for (let i = 0; i < 70; i++) ack(control, 1000);
  control.onIdle(2500, 1000, 0);
  assertEquals([control.cwnd, control.ssthresh], [20_000, Infinity]);
});

Deno.test("[RFC8899-01] another segment size keeps the window in segments when it is smaller, and in bytes when it is larger (RFC 8899 §3)", () => {
  const cases: [mss: number, window: number][] = [
    [500, 5000],
    [1000, 10_000],
    [1500, 10_000],
    [20_000, 20_000],
  ];
  for (const [mss, window] of cases) {
    const control = started(1000);
    control.setMss(mss);
    assertEquals(control.cwnd, window);
  }
});
