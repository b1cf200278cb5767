/**
 * A second stack at the other end of a link in memory.
 *
 * @module
 */

import { type IncomingMessage, request } from "node:http";
import type { NetworkStack } from "../../host/network_stack.ts";
import { toDuplex } from "../../socket/duplex.ts";
import {
  checkEcho,
  checkHttp,
  CLOSED_PORT,
  ECHO_TEXT,
  exchange,
  expectRefusal,
  STACK_ADDRESS,
  type Step,
} from "./peer.ts";

/** What one stack does with another. */
export function stackSteps(peer: NetworkStack): Step[] {
  return [
    { what: "ICMP echo", by: "stack.ping()", run: () => ping(peer) },
    { what: "TCP echo", by: "stack.connect(), port 7", run: () => tcpEcho(peer) },
    { what: "HTTP", by: "node:http over stack.connect()", run: () => http(peer) },
    { what: "UDP echo", by: "stack.listenDatagram(), port 7", run: () => udpEcho(peer) },
    {
      what: "closed port",
      by: `stack.connect(), port ${CLOSED_PORT}`,
      run: () => expectRefusal(() => peer.connect({ hostname: STACK_ADDRESS, port: CLOSED_PORT })),
    },
  ];
}

async function ping(peer: NetworkStack): Promise<string> {
  return `answered in ${(await peer.ping(STACK_ADDRESS)).toFixed(3)} ms`;
}

async function tcpEcho(peer: NetworkStack): Promise<string> {
  await using conn = await peer.connect({ hostname: STACK_ADDRESS, port: 7 });
  return checkEcho(ECHO_TEXT, await exchange(conn, ECHO_TEXT));
}

async function http(peer: NetworkStack): Promise<string> {
  const socket = toDuplex(await peer.connect({ hostname: STACK_ADDRESS, port: 8080 }));
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ host: STACK_ADDRESS, createConnection: () => socket }, resolve)
      .on("error", reject).end();
  });
  let body = "";
  for await (const chunk of response) body += chunk;
  return checkHttp(response.statusCode ?? 0, body);
}

async function udpEcho(peer: NetworkStack): Promise<string> {
  await using socket = peer.listenDatagram();
  const text = ECHO_TEXT.subarray(0, 1000);
  await socket.send(text, { transport: "udp", hostname: STACK_ADDRESS, port: 7 });
  const [answer] = await socket.receive();
  return checkEcho(text, answer);
}
