/**
 * A chat: every line goes to everybody else.
 *
 * @module
 */

import { type TcpConn, writeAll } from "../../socket/tcp_conn.ts";
import type { LineReader } from "./line_reader.ts";

/** Most lines that wait for one who doesn't read; then the connection is closed. */
const MAX_WAITING = 1000;

/** One who chats. Lines wait here, so that a slow reader holds up nobody else. */
class Member {
  readonly name: string;
  #conn: TcpConn;
  #waiting: string[] = [];
  #sending = false;

  constructor(conn: TcpConn) {
    this.#conn = conn;
    this.name = `${conn.remoteAddr.hostname}:${conn.remoteAddr.port}`;
  }

  tell(line: string): void {
    this.#waiting.push(line);
    if (this.#waiting.length > MAX_WAITING) this.#conn.abort();
    else if (!this.#sending) this.#send();
  }

  async #send(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#waiting.length > 0) {
        const text = this.#waiting.splice(0).map((line) => `${line}\n`).join("");
        await writeAll(this.#conn, new TextEncoder().encode(text));
      }
    } catch {
      this.#waiting.length = 0; // gone: its reader notices as well, and lets it leave
    }
    this.#sending = false;
  }
}

/** Everybody who chats. */
export class Chat {
  #members = new Set<Member>();

  /** Lets one take part until it leaves. */
  async serve(conn: TcpConn, lines: LineReader): Promise<void> {
    const member = new Member(conn);
    const others = this.#members.size;
    this.#members.add(member);
    member.tell(`* Welcome, ${member.name}; ${others} other${others === 1 ? " is" : "s are"} here`);
    this.#tellOthers(member, `* ${member.name} has joined`);
    try {
      for (let line = await lines.next(); line !== null; line = await lines.next()) {
        const text = printable(line);
        if (text !== "") this.#tellOthers(member, `${member.name}: ${text}`);
      }
    } finally {
      this.#members.delete(member);
      this.#tellOthers(member, `* ${member.name} has left`);
    }
  }

  #tellOthers(speaker: Member, line: string): void {
    for (const member of this.#members) if (member !== speaker) member.tell(line);
  }
}

/** Without control characters, which could do things to the others' terminals. */
function printable(line: string): string {
  // deno-lint-ignore no-control-regex
  return line.replaceAll(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/g, "");
}
