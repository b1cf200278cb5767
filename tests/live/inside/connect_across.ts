/**
 * Runs inside a namespace: a stack of its own, which connects to an echo service elsewhere, and sends
 * random bytes there while it compares what comes back.
 *
 * Arguments: the stack's address, the host's, the service's address, its port, how many bytes.
 *
 * @module
 */

import { randomFillSync } from "node:crypto";
import { createStack, openTun } from "../../../mod.ts";

const [address = "", hostAddress = "", hostname = "", port, length] = Deno.args;

const device = await openTun({ address, hostAddress });
await using stack = createStack({ device, address });
const roundTrip = await stack.ping(hostname, { timeout: 5000 });
const conn = await stack.connect({ hostname, port: Number(port) });
const bytes = randomFillSync(new Uint8Array(Number(length)));
const writer = conn.writable.getWriter();
const sent = writer.write(bytes).then(() => writer.close());
let at = 0;
let differences = 0;
for await (const chunk of conn.readable) {
  for (const byte of chunk) if (byte !== bytes[at++]) differences++;
}
await sent;
const line = JSON.stringify({ roundTrip, echoed: at, differences });
Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
