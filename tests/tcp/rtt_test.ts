import { assertAlmostEquals, assertEquals } from "@std/assert";
import { RttEstimator } from "../../src/tcp/rtt.ts";

Deno.test("[RFC6298-01] RTO is one second before the first measurement (RFC 6298 §2.1)", () => {
  assertEquals(new RttEstimator(1000).rto, 1000);
});

Deno.test("[RFC6298-02] RTO follows SRTT and RTTVAR as RFC 6298 §2.2 and 2.3 compute them", () => {
  const rtt = new RttEstimator(0);
  const steps: [sample: number, srtt: number, rttvar: number, rto: number][] = [
    [100, 100, 50, 300], // SRTT = R, RTTVAR = R / 2, RTO = SRTT + 4 RTTVAR
    [100, 100, 37.5, 250],
    [200, 112.5, 53.125, 325],
    [50, 104.6875, 55.46875, 326.5625],
  ];
  for (const [sample, srtt, rttvar, rto] of steps) {
    rtt.sample(sample);
    assertAlmostEquals(rtt.srtt, srtt);
    assertAlmostEquals(rtt.rttvar, rttvar);
    assertAlmostEquals(rtt.rto, rto);
  }
});

Deno.test("a steady round-trip time leaves the clock's granularity above SRTT (RFC 6298 §2.3)", () => {
  const rtt = new RttEstimator(0);
  for (let i = 0; i < 200; i++) rtt.sample(80);
  assertAlmostEquals(rtt.rto, 81, 0.001);
});

Deno.test("[RFC6298-03] RTO has a lower bound, and an upper one of a minute (RFC 6298 §2.4, 2.5)", () => {
  const rtt = new RttEstimator(1000);
  rtt.sample(10);
  assertEquals(rtt.rto, 1000);
  rtt.sample(100_000);
  assertEquals(rtt.rto, 60_000);
});

Deno.test("[RFC6298-06] RTO doubles with each timeout, to a minute, until the next measurement (RFC 6298 §5.5)", () => {
  const rtt = new RttEstimator(1000);
  const seen: number[] = [];
  for (let i = 0; i < 7; i++) {
    rtt.backOff();
    seen.push(rtt.rto);
  }
  assertEquals(seen, [2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  rtt.sample(500);
  assertEquals(rtt.rto, 1500);
});

Deno.test("[RFC6298-07] a lost SYN makes RTO 3 seconds, unless something was measured (RFC 6298 §5.7)", () => {
  const rtt = new RttEstimator(1000);
  rtt.backOff();
  rtt.synWasLost();
  assertEquals(rtt.rto, 3000);
  rtt.sample(0); // a round trip below the clock's resolution is a measurement, too
  assertEquals(rtt.rto, 1000);
  rtt.synWasLost();
  assertEquals(rtt.rto, 1000);
});
