/**
 * Runs inside a namespace: a stack on a TUN interface, stack0, with a timer of its own beside it.
 *
 * Arguments: the kind of reader, and `offload` or `plain`. TCP port 9 reads what comes, 19 writes
 * for as long as somebody takes it. Prints `ready`; answers each line of its standard input with how
 * late the timer has been at most since the last one, in milliseconds, and how late by its own fault:
 * without the time in which other programs had the processors. On SIGINT it ends in
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

/** How long this thread has waited for a processor, in milliseconds (proc_pid_schedstat). */
function waited(): number {
  return Number(Deno.readTextFileSync("/proc/thread-self/schedstat").split(" ")[1]) / 1e6;
}

let late = 0;
let ownLate = 0;
let due = performance.now() + PERIOD;
let waitedBefore = waited();
setInterval(() => {
  const by = performance.now() - due;
  const now = waited();
  late = Math.max(late, by);
  ownLate = Math.max(ownLate, by - (now - waitedBefore));
  waitedBefore = now;
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
  print(JSON.stringify({ late, ownLate }));
  late = ownLate = 0;
}
