/**
 * A network that a test plays: what a stack sends comes to a function, which answers.
 *
 * @module
 */

import { createStack, type Device, memoryPair, type NetworkStack } from "../../mod.ts";
import { IpAddress } from "../../src/wire/address.ts";
import {
  bytesOf,
  icmp,
  isListenerReport,
  packetOf,
  parseIp,
  type Sent,
  STACK,
} from "../packets.ts";
import { icmpv6, STACK6 } from "../packets6.ts";
import { settles } from "../stacks.ts";

/** The host that is looked for, and the routers on the way to it, by the family. */
export const HOST = { 4: "10.9.0.1", 6: "fd09::1" } as const;
export const ROUTERS = {
  4: ["10.0.0.1", "10.1.0.1", "10.2.0.1"],
  6: ["fd00::1", "fd01::1", "fd02::1"],
} as const;

/** Answers a packet; `null`: not at all. */
export type Script = (sent: Sent, bytes: Uint8Array) => Uint8Array | null;

/** Runs `body` with a stack behind whose device a script plays the network. */
export async function withNetwork(
  script: Script,
  body: (stack: NetworkStack, sent: Sent[]) => Promise<void>,
): Promise<void> {
  const [device, other] = memoryPair();
  const stack = createStack({ device, address: [STACK.toString(), STACK6.toString()] });
  const sent: Sent[] = [];
  const playing = play(other, (packet, bytes) => {
    sent.push(packet);
    return script(packet, bytes);
  });
  try {
    await settles(body(stack, sent), "the test");
  } finally {
    await stack.close();
    await other.close();
    await playing;
  }
}

async function play(device: Device, script: Script): Promise<void> {
  while (await device.readable()) {
    device.receive(64, (packet) => {
      const bytes = bytesOf(packet);
      const sent = parseIp(bytes);
      // What the stack says of its own accord is no question.
      const isNews = sent.protocol === 58 && sent.payload[0]! > 128;
      if (isNews || isListenerReport(bytes)) return;
      const answer = script(sent, bytes);
      if (answer !== null) device.transmit(packetOf(answer));
    });
  }
}

/** An ICMP error of somebody about a packet; type and code are those of ICMP and of ICMPv6. */
export function errorFrom(
  reporter: string,
  about: Uint8Array,
  [type, code]: readonly [type: number, code: number],
  value = 0,
): Uint8Array {
  const source = IpAddress.parse(reporter);
  const quoted = about.subarray(0, 68);
  const body = Uint8Array.of(0, 0, value >>> 8, value & 0xff, ...quoted);
  return source.family === 4
    ? icmp(type, code, body, STACK, source)
    : icmpv6(type, code, body, { source });
}

/** The answer to an echo request. */
export function echoReply({ destination, payload }: Sent): Uint8Array {
  const source = IpAddress.parse(destination);
  const body = payload.slice(4);
  return source.family === 4 ? icmp(0, 0, body, STACK, source) : icmpv6(129, 0, body, { source });
}

/** Type and code of errors, by the family. */
export const ERRORS = {
  4: { ttl: [11, 0], network: [3, 0], host: [3, 1], port: [3, 3], tooBig: [3, 4], closed: [3, 13] },
  6: { ttl: [3, 0], network: [1, 0], host: [1, 3], port: [1, 4], tooBig: [2, 0], closed: [1, 1] },
} as const;

/** Three routers, and behind them the host, which answers echoes and takes no datagrams. */
export function routed(family: 4 | 6): Script {
  return (sent, bytes) => {
    const router = ROUTERS[family][sent.ttl - 1];
    if (router !== undefined) return errorFrom(router, bytes, ERRORS[family].ttl);
    if (sent.protocol === 17) return errorFrom(HOST[family], bytes, ERRORS[family].port);
    return echoReply(sent);
  };
}
