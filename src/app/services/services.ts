/**
 * Everything that `serve` serves.
 *
 * @module
 */

import type { NetworkStack } from "../../host/network_stack.ts";
import type { TcpConn } from "../../socket/tcp_conn.ts";
import type { TcpListener } from "../../socket/tcp_listener.ts";
import { Iperf3Server } from "../iperf3/server.ts";
import { printError } from "../terminal.ts";
import { FRONT_DOOR_PORT } from "./ports.ts";
import { FrontDoor } from "./front_door.ts";
import { chargen, daytime, discard, echo } from "./simple.ts";
import { discardDatagrams, echoDatagrams } from "./udp_echo.ts";

/** What can be chosen. */
export interface ServiceOptions {
  /** Whether every TCP port echoes. */
  acceptAny: boolean;
  /** Whether UDP echo turns payloads round. */
  udpReverse: boolean;
}

/** Starts all services; they run until the stack is closed. */
export function startServices(stack: NetworkStack, options: ServiceOptions): void {
  const frontDoor = new FrontDoor(stack);
  serveEach(stack.listen({ port: 7 }), echo);
  serveEach(stack.listen({ port: 9 }), discard);
  serveEach(stack.listen({ port: 13 }), daytime);
  serveEach(stack.listen({ port: 19 }), chargen);
  serveEach(stack.listen({ port: FRONT_DOOR_PORT }), (conn) => frontDoor.serve(conn));
  if (options.acceptAny) serveEach(stack.listen({ any: true }), echo);
  new Iperf3Server(stack, { print: () => {} }).serve(); // the client prints what both have seen
  discardDatagrams(stack);
  echoDatagrams(stack, options.udpReverse);
}

/** Serves every connection, side by side, until the listener is closed. */
export async function serveEach(
  listener: TcpListener,
  handler: (conn: TcpConn) => Promise<void>,
): Promise<void> {
  for await (const conn of listener) {
    handler(conn).catch((error) => {
      if (!isEndOfConnection(error)) {
        printError(`tcpstack: Port ${listener.addr.port}: ${error?.stack ?? error}`);
      }
    }).finally(() => conn.close());
  }
}

/** Whether an error only says that the peer, or the stack itself, has gone. */
function isEndOfConnection(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.TimedOut ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.BadResource;
}
