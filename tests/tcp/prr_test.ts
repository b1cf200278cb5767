/**
 * Proportional rate reduction against RFC 6937's own pseudo-code.
 */

import { assert, assertEquals } from "@std/assert";
import { ProportionalRateReduction } from "../../src/tcp/prr.ts";
import { withSeed } from "../random.ts";

Deno.test("PRR sends what RFC 6937 §3 computes, for any course of deliveries and losses", () => {
  for (let run = 0; run < 200; run++) {
    withSeed(run, (random) => {
      const mss = random.between(100, 1500);
      const recoverFs = mss * random.between(2, 100);
      const ssthresh = Math.max(2 * mss, Math.floor(recoverFs * random.pick([0.5, 0.7])));
      const prr = new ProportionalRateReduction(recoverFs);
      let pipe = recoverFs - mss;
      let prrDelivered = 0;
      let prrOut = 0;
      for (let ack = 0; ack < 60 && pipe > 0; ack++) {
        const delivered = Math.min(pipe, random.below(3) * mss);
        pipe -= delivered;
        if (random.chance(0.2)) pipe = Math.max(0, pipe - mss); // one more is lost
        const safe = random.chance(0.7);
        const forced = ack === 0;
        prrDelivered += delivered;
        let count: number;
        if (pipe > ssthresh) count = Math.ceil(prrDelivered * ssthresh / recoverFs) - prrOut;
        else {
          const limit = Math.max(prrDelivered - prrOut, delivered) + (safe ? mss : 0);
          count = Math.min(ssthresh - pipe, limit);
        }
        count = Math.max(count, forced ? mss : 0);
        const window = prr.window(delivered, pipe, ssthresh, mss, safe, forced);
        assertEquals(window, pipe + count);
        const sent = Math.floor(Math.max(0, window - pipe) / mss) * mss;
        prr.onSent(sent);
        prrOut += sent;
        pipe += sent;
      }
    });
  }
});

Deno.test("without further losses PRR ends at the threshold, within a segment (RFC 6937 §4)", () => {
  for (const segments of [4, 10, 33, 100, 1000]) {
    const mss = 1000;
    const flight = segments * mss;
    const ssthresh = flight / 2;
    const prr = new ProportionalRateReduction(flight);
    let pipe = flight - mss; // one was lost
    let sent = 0;
    for (let i = 0; i < segments - 1; i++) {
      pipe -= mss;
      const window = prr.window(mss, pipe, ssthresh, mss, false, i === 0);
      while (pipe + mss <= window) {
        pipe += mss;
        sent += mss;
        prr.onSent(mss);
      }
    }
    assert(Math.abs(pipe - ssthresh) <= mss, `${pipe} of ${ssthresh}`);
    assert(sent <= ssthresh + mss);
  }
});
