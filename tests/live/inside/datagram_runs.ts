/**
 * Runs inside a namespace: a stack on a TUN that takes datagrams on port 7 until it has as many bytes
 * as its argument says, and sends them back in datagrams of 1100 bytes. Prints `ready`, then for each
 * time a line of JSON with the lengths of what came, and one with the counters when its standard input
 * has ended.
 *
 * @module
 */

import { createStack, openTun } from "../../../mod.ts";
import { print } from "../../../src/app/terminal.ts";

const size = Number(Deno.args[0]);
const device = await openTun({ name: "stack0" });
const stack = createStack({ device, address: ["10.0.0.2", "fd00::2"] });
const socket = stack.listenDatagram({ port: 7 });

async function serve(): Promise<void> {
  let bytes = new Uint8Array(size);
  let at = 0;
  let lengths: number[] = [];
  for await (const [datagram, from] of socket) {
    bytes.set(datagram, at);
    at += datagram.length;
    lengths.push(datagram.length);
    if (at < size) continue;
    const sent = await socket.send(bytes, from, { segmentSize: 1100 });
    print(JSON.stringify({ lengths, sent }));
    [bytes, at, lengths] = [new Uint8Array(size), 0, []];
  }
}

const serving = serve();
print("ready");
for await (const _ of Deno.stdin.readable);
const takesRuns = device.offload?.udp ?? false;
await stack.close();
await serving;
print(JSON.stringify({ ...stack.counters(), ...stack.deviceCounters(), takesRuns }));
