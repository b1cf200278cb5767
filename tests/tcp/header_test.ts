/**
 * Headers as they are sent: checksums, and what stands behind the fixed part.
 */

import { assert, assertEquals } from "@std/assert";
import { NO_USER, type Tcb } from "../../src/tcp/tcb.ts";
import { PEER, type Sent, STACK, tcp } from "../packets.ts";
import { encodeOptions } from "../scripts/options.ts";
import { TestHost } from "../stack/host.ts";

const SYN = 2;
const ACK = 16;

/** The sum over pseudo-header and segment, by the book: 0xffff when the checksum is right (RFC 1071). */
function naiveSum({ source, destination, payload }: Sent): number {
  const bytes = [
    ...source.split(".").map(Number),
    ...destination.split(".").map(Number),
    0,
    6,
    payload.length >>> 8,
    payload.length & 255,
    ...payload,
    ...(payload.length % 2 === 1 ? [0] : []),
  ];
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes[i]! * 256 + bytes[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** Options kind by kind; everything must be in its place. */
function kinds({ payload }: Sent): number[] {
  const end = (payload[12]! >>> 4) * 4;
  const found: number[] = [];
  for (let at = 20; at < end;) {
    const kind = payload[at]!;
    if (kind === 0) {
      assert(payload.subarray(at, end).every((byte) => byte === 0), "padding is zero");
      break;
    }
    if (kind === 1) {
      at++;
      continue;
    }
    const length = payload[at + 1]!;
    assert(length >= 2 && at + length <= end, `kind ${kind} has length ${length}`);
    found.push(kind);
    at += length;
  }
  return found;
}

/** Opens a connection by all that is offered, and has every kind of segment sent on it. */
function segments(tcpConfig: { [name: string]: boolean }, length: number): Sent[] {
  const host = new TestHost({ tcp: tcpConfig });
  const sent: Sent[] = [];
  const tcb = host.stack.tcp.open(PEER, 80, STACK, 50000, NO_USER, host.now) as Tcb;
  sent.push(...host.take());
  const { timestamps, sack, windowScaling } = tcpConfig;
  const stamp = timestamps ? ["TS val 9 ecr 0"] : [];
  const receive = (flags: number, seq: number, text: number, words: string[] = []) => {
    const options = encodeOptions([...words, ...stamp], 0);
    const padded = new Uint8Array(Math.ceil(options.length / 4) * 4);
    padded.set(options);
    sent.push(...host.receive(tcp({
      sourcePort: 80,
      destinationPort: 50000,
      seq,
      ack: tcb.snd.nxt,
      flags,
      options: padded,
      payload: new Uint8Array(text),
    })));
  };
  const offer = ["mss 1460", ...(sack ? ["sackOK"] : []), ...(windowScaling ? ["wscale 7"] : [])];
  receive(SYN | ACK, 5000, 0, offer);
  host.stack.tcp.send(tcb, Uint8Array.from({ length }, (_, i) => 255 - (i & 255)), host.now);
  sent.push(...host.take());
  receive(ACK, 6001, 500);
  receive(ACK, 8001, 500);
  host.stack.tcp.close(tcb, host.now);
  sent.push(...host.take());
  host.stack.tcp.abort(tcb, host.now);
  sent.push(...host.take());
  return sent;
}

const COMBINATIONS = [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => ({
  timestamps: (bits & 1) !== 0,
  sack: (bits & 2) !== 0,
  windowScaling: (bits & 4) !== 0,
}));

Deno.test("[MUST-2] every segment has the right checksum, whatever its length and options (RFC 9293 §3.1)", () => {
  let count = 0;
  for (const combination of COMBINATIONS) {
    for (const length of [0, 1, 2, 3, 99, 1459, 1460, 1461, 5000]) {
      for (const segment of segments(combination, length)) {
        assertEquals(naiveSum(segment), 0xffff);
        count++;
      }
    }
  }
  assert(count > 8 * 9 * 5);
});

Deno.test("[MUST-69] [MUST-65] options fill the header up to its data offset, padded by no-operations or zeros (RFC 9293 §3.1, §3.7.1)", () => {
  for (const combination of COMBINATIONS) {
    const { timestamps, sack, windowScaling } = combination;
    const [syn, ...rest] = segments(combination, 2000);
    const want = [
      2,
      ...(sack ? [4] : []),
      ...(timestamps ? [8] : []),
      ...(windowScaling ? [3] : []),
    ];
    assertEquals(kinds(syn!), want);
    for (const segment of rest) {
      const found = kinds(segment);
      assertEquals(found.includes(8), timestamps);
      assertEquals(found.filter((kind) => kind !== 8 && kind !== 5), []);
      assert(sack || !found.includes(5));
    }
    assertEquals(rest.some((segment) => kinds(segment).includes(5)), sack);
  }
});
