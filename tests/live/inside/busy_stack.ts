/**
 * Runs inside a namespace: a stack on a TUN interface, stack0, with a timer of its own beside it.
 *
 * Arguments: the kind of reader, and `offload` or `plain`. TCP port 9 reads what comes, 19 writes
 * for as long as somebody takes it. Prints `ready`; answers each line of its standard input with the
 * longest time by which the timer was late since the last one, in milliseconds. On SIGINT it ends in
 * order, and prints `closed`; if the device fails it says so, and ends with exit code 1.
 *
 * @module
 */

import { createStack, openTun, type ReaderKind, type TcpConn } from "../../../mod.ts";
import { print, printError } from "../../../src/app/terminal.ts";

/** In milliseconds. */
const PERIOD = 10;

const [reader, offload] = Deno.args;
const chunk = new Uint8Array(256 * 1024);

async function discard(conn: TcpConn): Promise<void> {
  while (await conn.read(chunk) !== null);
}

async function chargen(conn: TcpConn): Promise<void> {
  for (;;) await conn.write(chunk);
}

const device = await openTun({
  name: "stack0",
  reader: reader as ReaderKind,
  offload: offload === "offload",
});
const stack = createStack({ device, address: "10.0.0.2" });

async function serve(port: number, service: (conn: TcpConn) => Promise<void>): Promise<void> {
  for await (const conn of stack.listen({ port })) {
    service(conn).catch(() => {}).finally(() => conn.close()); // it ends while data flows
  }
}

let latest = 0;
let due = performance.now() + PERIOD;
setInterval(() => {
  latest = Math.max(latest, performance.now() - due);
  due = performance.now() + PERIOD;
}, PERIOD);

serve(9, discard);
serve(19, chargen);
print("ready");

Deno.addSignalListener("SIGINT", async () => {
  await stack.close();
  print("closed");
  Deno.exit();
});
stack.finished.catch((error) => {
  printError(`${error}`);
  Deno.exit(1);
});
for await (const _ of Deno.stdin.readable) {
  print(`${latest}`);
  latest = 0;
}
