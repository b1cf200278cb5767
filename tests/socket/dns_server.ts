/**
 * A DNS server for tests, which answers as a script has it and remembers what it was asked.
 *
 * @module
 */

// @ts-types="../../src/socket/dns/dns_packet.d.ts"
import { type Answer, decode, encode, type Packet } from "dns-packet";
import { Buffer } from "node:buffer";
import type { NetworkStack, TcpConn } from "../../mod.ts";
import { writeAll } from "../../src/socket/tcp_conn.ts";

const RESPONSE = 0x8000;
const TRUNCATED = 0x0200;

/** A query as it came. */
export interface Asked {
  over: "udp" | "tcp";
  id: number;
  name: string;
  type: string;
  /** The payload that EDNS announces; `undefined` without EDNS. */
  payload: number | undefined;
  /** Where it came from. */
  port: number;
}

/** What to answer: the query's id and question, unless other ones are given. */
export interface Reply {
  answers?: Answer[];
  authorities?: Answer[];
  rcode?: number;
  truncated?: boolean;
  id?: number;
  /** `null`: no question at all. */
  question?: { type: string; name: string } | null;
}

/** The bytes of a response. */
export function responseTo(asked: Asked, reply: Reply): Buffer {
  const question = reply.question === undefined ? asked : reply.question;
  return encode({
    type: "response",
    id: reply.id ?? asked.id,
    flags: RESPONSE | (reply.truncated ? TRUNCATED : 0) | (reply.rcode ?? 0),
    questions: question === null ? [] : [{ name: question.name, type: question.type }],
    answers: reply.answers ?? [],
    authorities: reply.authorities ?? [],
  });
}

/** Answers, several answers by UDP, or silence. */
export type Script = (asked: Asked) => Reply | Reply[] | Uint8Array | null;

/** Serves on one address of a stack until that is closed. */
export class ScriptedServer {
  readonly asked: Asked[] = [];
  script: Script;
  #stack: NetworkStack;

  constructor(stack: NetworkStack, hostname: string, script: Script) {
    this.#stack = stack;
    this.script = script;
    this.#serveUdp(hostname);
    this.#serveTcp(hostname);
  }

  /** The names that it was asked for, in lower case, with the type. */
  get questions(): string[] {
    return this.asked.map(({ name, type }) => `${name.toLowerCase()} ${type}`);
  }

  async #serveUdp(hostname: string): Promise<void> {
    const socket = this.#stack.listenDatagram({ hostname, port: 53 });
    for await (const [bytes, from] of socket) {
      for (const response of this.#answer(bytes, "udp", from.port)) {
        await socket.send(response, from);
      }
    }
  }

  async #serveTcp(hostname: string): Promise<void> {
    for await (const conn of this.#stack.listen({ hostname, port: 53 })) {
      this.#converse(conn).catch(() => {}); // the resolver may have given up
    }
  }

  async #converse(conn: TcpConn): Promise<void> {
    let bytes = Buffer.alloc(0);
    for await (const chunk of conn.readable) {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length < 2 || bytes.length < 2 + bytes.readUInt16BE(0)) continue;
      for (const response of this.#answer(bytes.subarray(2), "tcp", conn.remoteAddr.port)) {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(response.length);
        await writeAll(conn, Buffer.concat([length, response]));
      }
      bytes = Buffer.alloc(0);
    }
    conn.close();
  }

  #answer(bytes: Uint8Array, over: "udp" | "tcp", port: number): Uint8Array[] {
    const { id = 0, questions = [], additionals = [] }: Packet = decode(Buffer.from(bytes));
    const [{ name, type }] = questions as [{ name: string; type: string }];
    const opt = additionals.find((record) => record.type === "OPT");
    const asked = { over, id, name, type, payload: opt?.udpPayloadSize, port };
    this.asked.push(asked);
    const reply = this.script(asked);
    if (reply === null) return [];
    if (reply instanceof Uint8Array) return [reply];
    return [reply].flat().map((one) => responseTo(asked, one));
  }
}
