/**
 * A chat: every line goes to everybody else.
 *
 * @module
 */

import { formatEnd } from "../../socket/addresses.ts";
import { type TcpConn, writeAll } from "../../socket/tcp_conn.ts";
import { printable } from "../printable.ts";
import type { LineReader } from "./line_reader.ts";

/** Most lines that wait for one who doesn't read; then the connection is closed. */
const MAX_WAITING = 1000;
const NICK = /^[\p{L}\p{N}][\p{L}\p{N}._-]{0,19}$/u;
const COMMANDS = "/who, /nick NAME and /quit";

/** One who chats. Lines wait here, so that a slow reader holds up nobody else. */
class Member {
  /** At first where one is. No nick has a colon: nobody can look like somebody else. */
  name: string;
  #conn: TcpConn;
  #waiting: string[] = [];
  #sending = false;

  constructor(conn: TcpConn) {
    this.#conn = conn;
    this.name = formatEnd(conn.remoteAddr.hostname, conn.remoteAddr.port);
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
  #log: (line: string) => void;

  /** @param log Told of who comes and goes. */
  constructor(log: (line: string) => void = () => {}) {
    this.#log = log;
  }

  /** Lets one take part until it leaves. */
  async serve(conn: TcpConn, lines: LineReader): Promise<void> {
    const member = new Member(conn);
    const others = this.#members.size;
    this.#members.add(member);
    member.tell(`* Welcome, ${member.name}; ${others} other${others === 1 ? " is" : "s are"} here`);
    this.#announce(member, `* ${member.name} has joined`);
    try {
      for (let line = await lines.next(); line !== null; line = await lines.next()) {
        const text = printable(line);
        if (text === "/quit") return;
        if (text.startsWith("/")) this.#obey(member, text);
        else if (text !== "") this.#tellOthers(member, `${member.name}: ${text}`);
      }
    } finally {
      this.#members.delete(member);
      this.#announce(member, `* ${member.name} has left`);
    }
  }

  #obey(member: Member, text: string): void {
    const [command, ...words] = text.trim().split(/\s+/);
    if (command === "/who") this.#tellWho(member);
    else if (command === "/nick") this.#rename(member, words.join(" "));
    else member.tell(`* There is no ${command}, only ${COMMANDS}`);
  }

  #tellWho(member: Member): void {
    const names = [...this.#members].map((each) =>
      each === member ? `${each.name} (you)` : each.name
    );
    member.tell(`* Here are ${names.join(", ")}`);
  }

  #rename(member: Member, nick: string): void {
    if (!NICK.test(nick)) {
      return member.tell("* A name is up to 20 letters, digits, dots, dashes and underscores");
    }
    const isSame = (name: string) => name.toLowerCase() === nick.toLowerCase();
    if ([...this.#members].some((each) => each !== member && isSame(each.name))) {
      return member.tell(`* Somebody else is called ${nick}`);
    }
    const before = member.name;
    member.name = nick;
    member.tell(`* You are called ${nick}`);
    this.#announce(member, `* ${before} is called ${nick}`);
  }

  #announce(member: Member, line: string): void {
    this.#log(line);
    this.#tellOthers(member, line);
  }

  #tellOthers(speaker: Member, line: string): void {
    for (const member of this.#members) if (member !== speaker) member.tell(line);
  }
}
