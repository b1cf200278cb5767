import { assertEquals } from "@std/assert";
import { Stack } from "../../src/stack/stack.ts";
import { Drop } from "../../src/wire/drop.ts";
import {
  bytesOf,
  oneInterface,
  packetOf,
  parseIpv4,
  parseSegment,
  STACK,
  tcp,
} from "../packets.ts";
import { Random } from "../random.ts";
import { decodeOptions, encodeOptions } from "../scripts/options.ts";

const SYN = 2;
const ACK = 16;
const ISN = 1000;

Deno.test("text that was held up until it had been sent again is reported as a duplicate, though its timestamp is too old (RFC 7323 §5.3, RFC 2883 §4)", () => {
  const sent: Uint8Array[] = [];
  const stack = new Stack({
    interfaces: oneInterface(
      { mtu: 1500, transmit: (packet) => sent.push(bytesOf(packet)) > 0 },
      [STACK],
    ),
  }, new Random(1));
  stack.tcp.listen(null, 80, 1, () => {});
  let now = 1000;
  let ack = 0;
  /** A segment of the peer's at `start` of its stream; returns the options of the answer. */
  const send = (flags: number, start: number, length: number, timestamp: number): string[] => {
    const options = encodeOptions(["mss 1000", "sackOK", `TS val ${timestamp} ecr 0`], 0);
    sent.length = 0;
    stack.receive(
      packetOf(tcp({
        sourcePort: 40000,
        destinationPort: 80,
        seq: ISN + start,
        ack,
        flags,
        options: flags === SYN ? options : options.subarray(6),
        payload: new Uint8Array(length),
      })),
      now,
    );
    stack.poll(now++);
    if (sent.length === 0) return [];
    const segment = parseSegment(parseIpv4(sent.at(-1)!));
    if (flags === SYN) ack = segment.seq + 1;
    return decodeOptions(segment.options, ISN).filter((word) => word.startsWith("sack"));
  };
  send(SYN, 0, 0, 100);
  send(ACK, 1, 0, 200);
  send(ACK, 1, 1000, 500);
  assertEquals(send(ACK, 1001, 1000, 500), []);
  assertEquals(send(ACK, 1, 1000, 300), ["sack 1:1001"]);
  assertEquals(stack.counters.drops[Drop.TCP_OLD_TIMESTAMP], 1);
  // Nor does what is ahead of the acknowledgement pass for a duplicate.
  assertEquals(send(ACK, 2001, 1000, 300), []);
  assertEquals(stack.counters.drops[Drop.TCP_OLD_TIMESTAMP], 2);
});
