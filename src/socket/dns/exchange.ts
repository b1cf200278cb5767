/**
 * One query to one server, and its response: by UDP, and by TCP where that does not do.
 *
 * @module
 */

import { ErrorKind } from "../../base/network.ts";
import type { UdpReceiver } from "../../net/udp.ts";
import type { IpAddress } from "../../wire/address.ts";
import { Drop } from "../../wire/drop.ts";
import type { SocketContext } from "../context.ts";
import { TcpConn, writeAll } from "../tcp_conn.ts";
import { decodeResponse, encodeQuery } from "./codec.ts";
import { type Question, Rcode, type Response } from "./message.ts";
import { randomCase, sameName } from "./name.ts";

/** A server, and what is known of it. */
export interface Server {
  /** `address#port`, and the address alone for port 53. */
  readonly name: string;
  readonly address: IpAddress;
  readonly port: number;
  /** Whether it understands EDNS (RFC 6891), as far as is known. */
  edns: boolean;
}

/**
 * Asks a server once: by UDP, from a port and with an id and upper and lower case that all can't be
 * guessed. By TCP again, which nobody can forge who does not see the connection, if the response
 * is truncated (RFC 7766 §5), and if it does not repeat the question's upper and lower case: then
 * either the server doesn't keep it, or it was not the server that responded.
 *
 * @param timeout How long each of both may take, in milliseconds.
 */
export async function exchange(
  context: SocketContext,
  server: Server,
  question: Question,
  timeout: number,
  signal: AbortSignal,
): Promise<Response> {
  const asked = { ...question, name: randomCase(question.name) };
  const byUdp = await within(
    timeout,
    signal,
    server,
    (signal) => askByUdp(context, server, asked, signal),
  );
  const isWhole = !byUdp.truncated && (byUdp.question?.name ?? asked.name) === asked.name;
  if (isWhole) return byUdp;
  return await within(
    timeout,
    signal,
    server,
    (signal) => askByTcp(context, server, asked, signal),
  );
}

/** Runs `body` with a signal that is aborted after `timeout`, and when the outer one is. */
async function within<T>(
  timeout: number,
  outer: AbortSignal,
  server: Server,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer.throwIfAborted();
  const controller = new AbortController();
  const onAbort = () => controller.abort(outer.reason);
  outer.addEventListener("abort", onAbort);
  const late = () => {
    const why = `${server.name} did not answer within ${timeout} ms`;
    controller.abort(new Deno.errors.TimedOut(why));
  };
  const timer = setTimeout(late, timeout);
  try {
    return await body(controller.signal);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener("abort", onAbort);
  }
}

function randomId(): number {
  return crypto.getRandomValues(new Uint16Array(1))[0]!;
}

async function askByUdp(
  context: SocketContext,
  server: Server,
  question: Question,
  signal: AbortSignal,
): Promise<Response> {
  const { udp, ip, counters } = context.stack;
  const source = ip.sourceFor(server.address);
  if (source === undefined) {
    throw new Deno.errors.NetworkUnreachable(`No way to ${server.name} from this stack`);
  }
  const id = randomId();
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const receiver: UdpReceiver = {
    address: source,
    port: udp.freePort(),
    datagram({ packet, at, end, sourcePort }) {
      // Whatever does not fit is left lying: the right response may still come (RFC 5452 §9.1).
      const response = sourcePort === server.port && packet.source.equals(server.address)
        ? decodeResponse(packet.bytes.subarray(at, end), id)
        : undefined;
      if (response !== undefined && isFor(response, question)) resolve(response);
      else counters.dnsMismatches++;
      return Drop.NONE;
    },
    error({ kind, remote, remotePort }) {
      const isServer = remotePort === server.port && remote.equals(server.address);
      if (!isServer) return Drop.ICMP_UNMATCHED;
      if (kind === ErrorKind.PORT_UNREACHABLE) {
        reject(new Deno.errors.ConnectionRefused(`${server.name} serves no names`));
      }
      return Drop.NONE;
    },
  };
  if (receiver.port === 0 || !udp.bind(receiver)) {
    throw new Deno.errors.AddrInUse("Every ephemeral port is in use");
  }
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    const query = encodeQuery(id, question, server.edns);
    counters.dnsQueries++;
    // A query that the device has no room for is lost like any other.
    udp.send(source, receiver.port, server.address, server.port, query);
    context.kick();
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    udp.unbind(receiver);
  }
}

/**
 * Whether a response is one to the question, but for upper and lower case. Servers that don't
 * understand EDNS may leave the question out when they say so.
 */
function isFor({ question: echoed, rcode }: Response, question: Question): boolean {
  if (echoed === undefined) return rcode === Rcode.FORMERR || rcode === Rcode.NOTIMP;
  return echoed.type === question.type && sameName(echoed.name, question.name);
}

/** By TCP: two bytes of length are in front of each message (RFC 1035 §4.2.2). */
async function askByTcp(
  context: SocketContext,
  server: Server,
  question: Question,
  signal: AbortSignal,
): Promise<Response> {
  const { address, port } = server;
  const conn = await TcpConn.open(context, address, port, null, 0, signal);
  const onAbort = () => conn.abort();
  signal.addEventListener("abort", onAbort);
  try {
    const id = randomId();
    const query = encodeQuery(id, question, server.edns);
    const framed = new Uint8Array(2 + query.length);
    new DataView(framed.buffer).setUint16(0, query.length);
    framed.set(query, 2);
    context.stack.counters.dnsQueries++;
    await writeAll(conn, framed);
    const [high = 0, low = 0] = await readExactly(conn, 2);
    const response = decodeResponse(await readExactly(conn, (high << 8) | low), id);
    if (response === undefined || response.truncated || !isFor(response, question)) {
      context.stack.counters.dnsMismatches++;
      throw new Deno.errors.InvalidData(`${server.name} answers by TCP what is no answer`);
    }
    return response;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    conn.close();
  }
}

async function readExactly(conn: TcpConn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const n = await conn.read(bytes.subarray(at));
    if (n === null) throw new Deno.errors.UnexpectedEof("The server closed in mid-answer");
    at += n;
  }
  return bytes;
}
