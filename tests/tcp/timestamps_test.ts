/**
 * Timestamps and PAWS (RFC 7323 §4, §5).
 */

import { assertEquals } from "@std/assert";
import { Timestamps } from "../../src/tcp/timestamps.ts";
import { TcpOptions } from "../../src/wire/tcp_options.ts";

const DAY = 24 * 3600 * 1000;

function option(value: number, echo = 0): TcpOptions {
  const options = new TcpOptions();
  options.timestamps = true;
  options.timestampValue = value >>> 0;
  options.timestampEcho = echo >>> 0;
  return options;
}

Deno.test("[RFC7323-08] a timestamp is old by less than half of all numbers, and for 24 days (RFC 7323 §5.2, §5.5)", () => {
  const cases: [recent: number, value: number, idle: number, want: boolean][] = [
    [1000, 1000, 0, false],
    [1000, 1001, 0, false],
    [1000, 999, 0, true],
    [1000, 999, 24 * DAY - 1, true],
    [1000, 999, 24 * DAY, false],
    [1000, 1000 + 2 ** 31 - 1, 0, false],
    [1000, 1000 + 2 ** 31, 0, true],
    [2 ** 32 - 5, 3, 0, false],
    [3, 2 ** 32 - 5, 0, true],
  ];
  for (const [recent, value, idle, want] of cases) {
    const timestamps = new Timestamps();
    timestamps.onSyn(option(recent), 5000);
    assertEquals(timestamps.isOld(option(value), 5000 + idle), want, `${recent} ${value} ${idle}`);
  }
});

Deno.test("[RFC7323-06] TS.Recent moves with what is not older and starts at or before the last ACK (RFC 7323 §4.3)", () => {
  const cases: [seq: number, lastAck: number, value: number, taken: boolean][] = [
    [500, 500, 1001, true],
    [499, 500, 1001, true],
    [501, 500, 1001, false],
    [500, 500, 1000, true],
    [500, 500, 999, false],
    [2 ** 32 - 10, 5, 1001, true],
    [5, 2 ** 32 - 10, 1001, false],
  ];
  for (const [seq, lastAck, value, taken] of cases) {
    const timestamps = new Timestamps();
    timestamps.onSyn(option(1000), 0);
    timestamps.update(option(value), seq, lastAck, 10);
    assertEquals(timestamps.recent, taken ? value : 1000, `${seq} ${lastAck} ${value}`);
  }
});

Deno.test("[RFC7323-09] the clock counts milliseconds, whatever is added to it, and wraps (RFC 7323 §5.4)", () => {
  for (const offset of [0, 5, 0xffff_fff0]) {
    const timestamps = new Timestamps();
    timestamps.offset = offset;
    for (const now of [0, 0.9, 1, 15.5, 16, 2 ** 31, 2 ** 32, 2 ** 33 + 7]) {
      assertEquals(timestamps.value(now), (Math.floor(now) + offset) % 2 ** 32);
    }
  }
});

Deno.test("the round trip by an echo is the time since, and none for an echo that cannot be (RFC 7323 §4.1)", () => {
  const cases: [echo: number, now: number, want: number][] = [
    [1000, 1050, 50],
    [1000, 1000, 0],
    [1051, 1050, -1],
    [0, 1050, -1],
    [2 ** 32 - 10, 2 ** 32 + 5, 15],
  ];
  for (const [echo, now, want] of cases) {
    assertEquals(new Timestamps().rtt(option(1, echo), now), want);
  }
  const none = option(1, 1000);
  none.timestamps = false;
  assertEquals(new Timestamps().rtt(none, 1050), -1);
});
