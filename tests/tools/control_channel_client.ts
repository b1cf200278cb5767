/**
 * A client of the control channel, for the tests of it: written from the protocol's description,
 * without the server's code.
 *
 * @module
 */

/** Names of requests and events by their number. */
const NAMES: Readonly<Record<number, string>> = {
  0x01: "HELLO",
  0x02: "RESET",
  0x03: "PKT_IN",
  0x04: "ADVANCE",
  0x10: "SOCKET",
  0x11: "BIND",
  0x12: "LISTEN",
  0x13: "ACCEPT",
  0x14: "CONNECT",
  0x15: "READ",
  0x16: "WRITE",
  0x17: "CLOSE",
  0x18: "SHUTDOWN",
  0x19: "GETSOCKOPT",
  0x1a: "SETSOCKOPT",
  0x1b: "FCNTL",
  0x1c: "IOCTL",
  0x1d: "POLL",
  0x40: "PKT_OUT",
};

/** Numbers of requests by their name. */
export const OP: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(NAMES).map(([number, name]) => [name, Number(number)]),
);

/** A number with its width in bits: an `i` is signed. */
export type Field = ["u8" | "u16" | "u32" | "i32" | "u64", number] | Uint8Array;

/** Bytes of numbers in network order, and of what is bytes already. */
export function pack(...fields: Field[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(fields.flatMap((field) => {
    if (field instanceof Uint8Array) return [...field];
    const [kind, value] = field;
    const length = Number(kind.slice(1)) / 8;
    const word = BigInt.asUintN(64, BigInt(value));
    return Array.from(
      { length },
      (_, i) => Number((word >> BigInt(8 * (length - 1 - i))) & 0xffn),
    );
  }));
}

/** `192.168.0.1:80`, or nothing, as the channel writes it. */
export function endpoint(text?: string): Uint8Array<ArrayBuffer> {
  if (text === undefined) return Uint8Array.of(0);
  const [address, port] = text.split(":") as [string, string];
  return pack(["u8", 4], ["u16", Number(port)], Uint8Array.from(address.split("."), Number));
}

/** The other way round, from the front of `bytes`. */
export function parseEndpoint(bytes: Uint8Array): string {
  if (bytes[0] === 0) return "none";
  const port = (bytes[1]! << 8) | bytes[2]!;
  return `${bytes.subarray(3, 7).join(".")}:${port}`;
}

/** A frame from the server: a response, or a packet. */
export interface Received {
  name: string;
  op: number;
  id: number;
  body: Uint8Array;
}

/** A packet that the stack has sent. */
export interface SentPacket {
  /** Microseconds. */
  time: number;
  bytes: Uint8Array;
}

/** The answer to a request. */
export interface Answer {
  result: number;
  rest: Uint8Array;
}

/** One connection to a server. */
export class Client implements AsyncDisposable {
  /** Everything that has come, in order. */
  readonly wire: Received[] = [];
  /** Packets that nobody has taken. */
  readonly packets: SentPacket[] = [];
  /** Settles when the server has closed the channel. */
  readonly ended: Promise<void>;
  #conn: Deno.Conn;
  #nextId = 1;
  #waiting = new Map<number, (answer: Answer) => void>();
  #onPacket = () => {};

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
    this.ended = this.#read();
  }

  async #read(): Promise<void> {
    let buffer = new Uint8Array(0);
    const chunk = new Uint8Array(65536);
    for (;;) {
      const n = await this.#conn.read(chunk).catch(() => null);
      if (n === null) return;
      buffer = pack(buffer, chunk.subarray(0, n));
      while (buffer.length >= 4) {
        const end = 4 + new DataView(buffer.buffer).getUint32(0);
        if (buffer.length < end) break;
        this.#take(buffer.slice(4, end));
        buffer = buffer.slice(end);
      }
    }
  }

  #take(frame: Uint8Array): void {
    const view = new DataView(frame.buffer, frame.byteOffset);
    const op = view.getUint8(0);
    const id = view.getUint32(1);
    const body = frame.subarray(5);
    this.wire.push({ name: NAMES[op & 0x7f] ?? `op ${op}`, op, id, body });
    if (op === OP.PKT_OUT) {
      this.packets.push({ time: Number(view.getBigUint64(5)), bytes: body.subarray(8) });
      this.#onPacket();
      return;
    }
    this.#waiting.get(id)?.({ result: view.getInt32(5), rest: frame.subarray(9) });
    this.#waiting.delete(id);
  }

  /** Sends bytes as they are. */
  async sendRaw(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  /** Sends a request, and waits for its answer. */
  async request(name: string, ...fields: Field[]): Promise<Answer> {
    const id = this.#nextId++;
    const body = pack(...fields);
    const answer = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    await this.sendRaw(
      pack(["u32", 5 + body.length], ["u8", OP[name]!], ["u32", id], body),
    );
    return await answer;
  }

  /** Sends a request, and waits for its result. */
  async result(name: string, ...fields: Field[]): Promise<number> {
    return (await this.request(name, ...fields)).result;
  }

  hello(flags: string): Promise<Answer> {
    return this.request("HELLO", ["u16", 1], new TextEncoder().encode(flags));
  }

  packetIn(bytes: Uint8Array): Promise<number> {
    return this.result("PKT_IN", bytes);
  }

  /** Lets time pass to `until`, in microseconds; returns the time that it is then. */
  async advance(until: number, stopOnPacket = false): Promise<number> {
    const { rest } = await this.request("ADVANCE", ["u64", until], ["u8", Number(stopOnPacket)]);
    return Number(new DataView(rest.buffer, rest.byteOffset).getBigUint64(0));
  }

  socket(type = 1): Promise<number> {
    return this.result("SOCKET", ["i32", 2], ["i32", type], ["i32", 0]);
  }

  bind(handle: number, where: string): Promise<number> {
    return this.result("BIND", ["i32", handle], endpoint(where));
  }

  listen(handle: number, backlog = 1): Promise<number> {
    return this.result("LISTEN", ["i32", handle], ["i32", backlog]);
  }

  accept(handle: number): Promise<Answer> {
    return this.request("ACCEPT", ["i32", handle]);
  }

  connect(handle: number, where?: string): Promise<number> {
    return this.result("CONNECT", ["i32", handle], endpoint(where));
  }

  read(handle: number, count: number, flags = 0): Promise<Answer> {
    return this.request("READ", ["i32", handle], ["i32", flags], ["u32", count]);
  }

  write(handle: number, bytes: Uint8Array, flags = 0, to?: string): Promise<number> {
    const length: Field = ["u32", bytes.length];
    return this.result("WRITE", ["i32", handle], ["i32", flags], endpoint(to), length, bytes);
  }

  close(handle: number): Promise<number> {
    return this.result("CLOSE", ["i32", handle]);
  }

  shutdown(handle: number, how: number): Promise<number> {
    return this.result("SHUTDOWN", ["i32", handle], ["i32", how]);
  }

  fcntl(handle: number, command: number, argument = 0): Promise<number> {
    return this.result("FCNTL", ["i32", handle], ["i32", command], ["i32", argument]);
  }

  /** The value that IOCTL has stored, or what went wrong. */
  async ioctl(handle: number, request: number): Promise<number> {
    const argument: Field = ["i32", 0];
    const answer = await this.request("IOCTL", ["i32", handle], ["u32", request], argument);
    return answer.result < 0 ? answer.result : view(answer.rest).getInt32(0);
  }

  /** The values of an option, in C's memory; or what went wrong. */
  async getOption(handle: number, level: number, name: number, max = 16): Promise<number[]> {
    const { result, rest } = await this.request(
      "GETSOCKOPT",
      ["i32", handle],
      ["i32", level],
      ["i32", name],
      ["u32", max],
    );
    if (result < 0) return [result];
    const length = view(rest).getUint32(0);
    return Array.from({ length: length / 4 }, (_, i) => view(rest).getInt32(4 + 4 * i, true));
  }

  setOption(handle: number, level: number, name: number, ...values: number[]): Promise<number> {
    const bytes = new Uint8Array(4 * values.length);
    values.forEach((value, i) => view(bytes).setInt32(4 * i, value, true));
    return this.result(
      "SETSOCKOPT",
      ["i32", handle],
      ["i32", level],
      ["i32", name],
      ["u32", bytes.length],
      bytes,
    );
  }

  /** How many are ready, and what each has. */
  async poll(timeout: number, ...asked: [handle: number, events: number][]): Promise<number[]> {
    const fields = asked.flatMap(([handle, events]): Field[] => [["i32", handle], ["u16", events]]);
    const { result, rest } = await this.request(
      "POLL",
      ["i32", timeout],
      ["u16", asked.length],
      ...fields,
    );
    if (result < 0) return [result];
    return [result, ...asked.map((_, i) => view(rest).getUint16(2 * i))];
  }

  /** Waits for a packet of the stack's, which must come by itself. */
  async nextPacket(): Promise<SentPacket> {
    while (this.packets.length === 0) {
      await new Promise<void>((resolve) => this.#onPacket = resolve);
    }
    return this.packets.shift()!;
  }

  /** Closes the channel. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#conn.close();
    } catch {
      // the server was faster
    }
    await this.ended;
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
