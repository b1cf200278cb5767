import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { ACK, FIN, PSH, RST, SYN } from "../../src/wire/tcp.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { FrameSplitter } from "../../tools/control_channel/frames.ts";
import { serve } from "../../tools/control_channel/server.ts";
import { Session } from "../../tools/control_channel/session.ts";
import { importMapFlags } from "../../tools/std.ts";
import {
  icmpError,
  ipv4,
  parseIpv4,
  parseSegment,
  type SentSegment,
  tcp,
  type TcpFields,
  udp,
} from "../packets.ts";
import { withSeed } from "../random.ts";
import {
  Client,
  endpoint,
  type Field,
  OP,
  pack,
  parseEndpoint,
  type SentPacket,
} from "./control_channel_client.ts";

/** Linux's numbers. */
const EBADF = -9;
const EAGAIN = -11;
const EINVAL = -22;
const EINTR = -4;
const EPIPE = -32;
const EPROTO = -71;
const EDESTADDRREQ = -89;
const EMSGSIZE = -90;
const ENOPROTOOPT = -92;
const EPROTONOSUPPORT = -93;
const ESOCKTNOSUPPORT = -94;
const EOPNOTSUPP = -95;
const EAFNOSUPPORT = -97;
const EADDRINUSE = -98;
const EADDRNOTAVAIL = -99;
const ECONNABORTED = -103;
const ECONNRESET = -104;
const EISCONN = -106;
const ENOTCONN = -107;
const ETIMEDOUT = -110;
const ECONNREFUSED = -111;
const EHOSTUNREACH = -113;
const EALREADY = -114;
const EINPROGRESS = -115;
const ENOTTY = -25;
const SOL_SOCKET = 1;
const IPPROTO_TCP = 6;
const IPPROTO_IP = 0;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SO_LINGER = 13;
const TCP_NODELAY = 1;
const TCP_CORK = 3;
const O_NONBLOCK = 0x800;
const F_GETFL = 3;
const F_SETFL = 4;
const SIOCINQ = 0x541b;
const SIOCOUTQ = 0x5411;
const MSG_PEEK = 2;
const MSG_DONTWAIT = 0x40;
const MSG_WAITALL = 0x100;
const POLLIN = 1;
const POLLOUT = 4;
const POLLERR = 8;
const POLLHUP = 0x10;
const POLLNVAL = 0x20;
const POLLRDHUP = 0x2000;

const LOCAL = "192.168.0.1";
const REMOTE = "192.0.2.1";
const LISTENING = `${LOCAL}:8080`;
const PEER_ENDPOINT = `${REMOTE}:40000`;
const PEER_ISN = 1000;
/** 1460. */
const MSS_OPTION = Uint8Array.of(2, 4, 5, 180);
/** When virtual clocks start, in microseconds: a day in 2023. */
const START = 1_700_000_000_000_000;
const MS = 1000;
const SECOND = 1_000_000;
/** Without options, so that the numbers in the tests are those of the text. */
const PLAIN = "local=192.168.0.1/16,gw=192.168.0.254,remote=192.0.2.1,mtu=1500,time=virtual," +
  "cc=reno,sack=0,ts=0,wscale=0";

/** Starts a server on a Unix socket, and runs `body` with a way to connect to it. */
async function withServer(body: (connect: () => Promise<Client>) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/channel.sock`;
  const listener = Deno.listen({ transport: "unix", path });
  const served = serve(listener, () => {});
  try {
    await body(async () => new Client(await Deno.connect({ transport: "unix", path })));
  } finally {
    listener.close();
    await served;
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs `body` with a client of a fresh instance, whose clock is at `START`. */
async function withClient(
  body: (client: Client) => Promise<void>,
  flags = PLAIN,
): Promise<void> {
  await withServer(async (connect) => {
    await using client = await connect();
    assertEquals((await client.hello(flags)).result, 0);
    if (flags.includes("virtual")) await client.advance(START);
    await body(client);
  });
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function text(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
}

/** The peer's end of one connection with the stack. */
class Peer {
  seq = PEER_ISN;
  /** What it acknowledges. */
  ack = 0;
  constructor(readonly client: Client, readonly port = 40000, public localPort = 8080) {}

  packet(fields: Partial<TcpFields>): Uint8Array<ArrayBuffer> {
    return tcp({
      source: IpAddress.parse(REMOTE),
      destination: IpAddress.parse(LOCAL),
      sourcePort: this.port,
      destinationPort: this.localPort,
      seq: this.seq,
      ack: (fields.flags ?? ACK) & ACK ? this.ack : 0,
      flags: ACK,
      options: (fields.flags ?? 0) & SYN ? MSS_OPTION : new Uint8Array(0),
      ...fields,
    });
  }

  /** Has the stack receive a segment; the next one follows it. */
  async send(fields: Partial<TcpFields> = {}): Promise<void> {
    const { flags = ACK, payload } = fields;
    const packet = this.packet(fields);
    this.seq += (payload?.length ?? 0) + (flags & (SYN | FIN) ? 1 : 0);
    assertEquals(await this.client.packetIn(packet), 0);
  }

  /** Takes the oldest packet that the stack has sent. */
  take(): SentSegment & { time: number } {
    const packet = this.client.packets.shift();
    assert(packet !== undefined, "the stack has sent nothing");
    return segmentOf(packet);
  }

  /** Takes a packet as {@linkcode take} does, and acknowledges it from now on. */
  takeAndAck(): SentSegment & { time: number } {
    const segment = this.take();
    this.ack = (segment.seq + segment.text.length +
      (segment.flags & (SYN | FIN) ? 1 : 0)) >>> 0;
    return segment;
  }

  /** Opens a connection to the stack's listener. */
  async open(): Promise<void> {
    await this.send({ flags: SYN });
    const answer = this.takeAndAck();
    assertEquals(answer.flags, SYN | ACK);
    await this.send();
  }

  /** Answers the SYN that the stack has sent. */
  async answer(): Promise<void> {
    const syn = this.takeAndAck();
    assertEquals(syn.flags, SYN);
    this.localPort = syn.sourcePort;
    await this.send({ flags: SYN | ACK });
    assertEquals(this.take().flags, ACK);
  }
}

/** A request as it goes over the channel. */
function requestFrame(op: number, id: number, ...fields: Field[]): Uint8Array<ArrayBuffer> {
  const body = pack(...fields);
  return pack(["u32", 5 + body.length], ["u8", op], ["u32", id], body);
}

/** An ICMP error about the packet that begins with `quoted`. */
function unreachable(code: number, quoted: Uint8Array): Uint8Array<ArrayBuffer> {
  return ipv4({
    source: IpAddress.parse(REMOTE),
    destination: IpAddress.parse(LOCAL),
    protocol: 1,
    payload: icmpError(3, code, quoted).subarray(20),
  });
}

function segmentOf(packet: SentPacket): SentSegment & { time: number } {
  const ip = parseIpv4(packet.bytes);
  assertEquals([ip.source, ip.destination], [LOCAL, REMOTE]);
  return { ...parseSegment(ip), time: packet.time };
}

/** A listener, and one connection accepted from it. */
async function accepted(
  client: Client,
  port = 40000,
): Promise<{ listener: number; socket: number; peer: Peer }> {
  const listener = await client.socket();
  assertEquals(await client.bind(listener, LISTENING), 0);
  assertEquals(await client.listen(listener), 0);
  const peer = new Peer(client, port);
  await peer.open();
  const { result: socket, rest } = await client.accept(listener);
  assert(socket > 0);
  assertEquals(parseEndpoint(rest), `${REMOTE}:${port}`);
  return { listener, socket, peer };
}

/** Names of what has come over the wire from a place on: `READ=5` for an answer. */
function order(client: Client, from: number): string[] {
  return client.wire.slice(from).map(({ name, op, body }) => {
    if (op === OP.PKT_OUT) return name;
    return `${name}=${new DataView(body.buffer, body.byteOffset).getInt32(0)}`;
  });
}

/** Reads what is there. */
async function readText(client: Client, socket: number, count = 65536): Promise<string> {
  const { result, rest } = await client.read(socket, count);
  assertEquals(rest.length, 5 + result);
  assertEquals(rest[0], 0, "TCP names no address");
  return decoder.decode(rest.subarray(5));
}

/** A script's whole life: open, read, write, lose, retransmit, close. */
async function scene(client: Client): Promise<void> {
  const { socket, peer } = await accepted(client);
  await client.advance(START + 10 * MS);
  await peer.send({ flags: ACK | PSH, payload: encoder.encode("GET /") });
  assertEquals(await readText(client, socket), "GET /");

  // Two segments; the second is lost.
  assertEquals(await client.write(socket, text(2920)), 2920);
  assertEquals(peer.takeAndAck().text, text(2920).subarray(0, 1460));
  const lost = peer.take();
  assertEquals([lost.text.length, lost.flags], [1460, ACK | PSH]);
  await client.advance(START + 30 * MS);
  await peer.send();
  assertEquals(await client.ioctl(socket, SIOCOUTQ), 1460);

  const time = await client.advance(START + 10 * SECOND, true);
  const again = peer.takeAndAck();
  assertEquals([again.seq, again.text], [lost.seq, lost.text]);
  assertEquals(again.time, time);
  assert(time >= START + 1030 * MS && time < START + 1100 * MS, `${time - START}`);
  assertEquals(client.packets.length, 0);
  await client.advance(time + 10 * MS);
  await peer.send();
  assertEquals(await client.ioctl(socket, SIOCOUTQ), 0);

  // The peer closes, then our side.
  await peer.send({ flags: FIN | ACK });
  assertEquals(peer.take().ack, peer.seq);
  assertEquals((await client.read(socket, 100)).result, 0);
  assertEquals(await client.close(socket), 0);
  assertEquals(peer.takeAndAck().flags, FIN | ACK);
  await peer.send();
  await client.advance(START + 100 * SECOND);
  assertEquals(client.packets.length, 0);
}

Deno.test("a script's scene goes over the channel: open, read, write, retransmit, close", () =>
  withClient(scene));

Deno.test("two runs in virtual time are the same to the last byte, and other seeds differ", async () => {
  const run = async (flags: string): Promise<Uint8Array[]> => {
    let wire: Uint8Array[] = [];
    await withClient(async (client) => {
      await scene(client);
      wire = client.wire.map(({ op, id, body }) => pack(["u8", op], ["u32", id], body));
    }, flags);
    return wire;
  };
  const first = await run(PLAIN);
  assertEquals(await run(PLAIN), first);
  assertNotEquals(await run(`${PLAIN},seed=2`), first);
});

Deno.test("HELLO tells what the server can do, and makes a fresh stack by its flags", () =>
  withServer(async (connect) => {
    await using client = await connect();
    const { result, rest } = await client.hello(PLAIN);
    assertEquals([result, ...rest], [0, 1 | 4]); // virtual time and UDP, no IPv6
    await client.advance(START);
    const { socket } = await accepted(client);

    // Another address, MTU and options.
    assertEquals(
      (await client.hello("local=10.0.0.9/8,mtu=600,time=virtual,unknown=1,word")).result,
      0,
    );
    await client.advance(START);
    assertEquals(await client.close(socket), EBADF);
    const handle = await client.socket();
    assertEquals(await client.bind(handle, LISTENING), EADDRNOTAVAIL);
    assertEquals(await client.bind(handle, "10.0.0.9:80"), 0);
    assertEquals(await client.fcntl(handle, F_SETFL, O_NONBLOCK), 0);
    assertEquals(await client.connect(handle, "10.0.0.1:80"), EINPROGRESS);
    const ip = parseIpv4(client.packets.at(-1)!.bytes);
    const { options } = parseSegment(ip);
    assertEquals([...options.subarray(0, 4)], [2, 4, 560 >> 8, 560 & 0xff]);
    assert(options.length > 4);
  }));

Deno.test("HELLO refuses flags that make no sense, and other versions", () =>
  withServer(async (connect) => {
    await using client = await connect();
    const cases: [flags: string, want: number][] = [
      ["local=10.0.0", EINVAL],
      ["local=fd00::1", EINVAL],
      ["local=0.0.0.0", EINVAL],
      ["mtu=67", EINVAL],
      ["mtu=1e3", EINVAL],
      ["time=soon", EINVAL],
      ["cc=vegas", EINVAL],
      ["sack=maybe", EINVAL],
      ["ecn=cubic", EINVAL],
      ["minRto=-1", EINVAL],
      ["dev=tun0", EINVAL],
      ["", 0],
      ["cc=cubic,sack=on,ecn=1,minRto=200,receiveBuffer=30000", 0],
    ];
    for (const [flags, want] of cases) {
      assertEquals((await client.hello(flags)).result, want, flags);
    }
    const { result } = await client.request("HELLO", ["u16", 2], encoder.encode(PLAIN));
    assertEquals(result, EPROTONOSUPPORT);
  }));

Deno.test("settings of TCP can be given as flags", () =>
  withClient(async (client) => {
    const { socket, peer } = await accepted(client);
    await client.write(socket, text(10));
    peer.take();
    await client.advance(START + 10 * SECOND, true);
    const { time } = peer.take();
    assertEquals(Math.round((time - START) / MS), 300);
  }, `${PLAIN},minRto=300`));

Deno.test("packets that come of a request precede its response", () =>
  withClient(async (client) => {
    const { socket, peer } = await accepted(client);
    const check = async (request: Promise<unknown>, want: string[]) => {
      const from = client.wire.length;
      await request;
      assertEquals(order(client, from), want);
      while (client.packets.length > 0) peer.takeAndAck();
    };
    await check(client.write(socket, text(100)), ["PKT_OUT", "WRITE=100"]);
    await check(peer.send(), ["PKT_IN=0"]);
    await check(client.setOption(socket, IPPROTO_TCP, TCP_CORK, 1), ["SETSOCKOPT=0"]);
    await check(client.write(socket, text(100)), ["WRITE=100"]);
    await check(client.setOption(socket, IPPROTO_TCP, TCP_CORK, 0), ["PKT_OUT", "SETSOCKOPT=0"]);
    await check(peer.send(), ["PKT_IN=0"]);
    // Two segments in a row are acknowledged at once.
    await check(peer.send({ payload: text(1460) }), ["PKT_IN=0"]);
    await check(peer.send({ payload: text(1460) }), ["PKT_OUT", "PKT_IN=0"]);
    await check(client.shutdown(socket, 1), ["PKT_OUT", "SHUTDOWN=0"]);
    await check(peer.send(), ["PKT_IN=0"]);
    await check(client.close(socket), ["PKT_OUT", "CLOSE=0"]); // a RST: 2920 bytes are unread
    const other = await client.socket(1 | O_NONBLOCK);
    await check(client.connect(other, `${REMOTE}:80`), ["PKT_OUT", `CONNECT=${EINPROGRESS}`]);
  }));

Deno.test("READ that opens the window sends the update before its response", () =>
  withClient(async (client) => {
    const { socket, peer } = await accepted(client);
    const window = 65535;
    for (let sent = 0; sent < window; sent += 1460) {
      await peer.send({ payload: text(Math.min(1460, window - sent)) });
    }
    await client.advance(START + 50 * MS); // the last acknowledgement may be delayed
    const last = client.packets.length;
    assertEquals(segmentOf(client.packets[last - 1]!).window, 0);
    const from = client.wire.length;
    assertEquals((await client.read(socket, window)).result, window);
    assertEquals(order(client, from), ["PKT_OUT", `READ=${window}`]);
    assertEquals(segmentOf(client.packets[last]!).window, window);
  }));

Deno.test("calls that wait are answered before the packet that lets them go on", () =>
  withClient(async (client) => {
    const listener = await client.socket();
    await client.bind(listener, LISTENING);
    await client.listen(listener);
    const peer = new Peer(client);
    await peer.send({ flags: SYN });
    peer.takeAndAck();

    const accepting = client.accept(listener);
    let from = client.wire.length;
    await peer.send();
    assertEquals(order(client, from), ["ACCEPT=4", "PKT_IN=0"]);
    const { result: socket } = await accepting;

    const reading = client.read(socket, 100);
    const polling = client.poll(-1, [socket, POLLIN]);
    const reading2 = client.read(socket, 100);
    from = client.wire.length;
    await peer.send({ flags: ACK | PSH, payload: encoder.encode("first") });
    // The first one takes it all, so there is nothing for the others.
    assertEquals(order(client, from), ["READ=5", "PKT_IN=0"]);
    assertEquals(decoder.decode((await reading).rest.subarray(5)), "first");
    from = client.wire.length;
    await peer.send({ flags: ACK | PSH, payload: encoder.encode("second, and more") });
    assertEquals(order(client, from), ["PKT_OUT", "POLL=1", "READ=16", "PKT_IN=0"]);
    assertEquals(await polling, [1, POLLIN]);
    assertEquals((await reading2).result, 16);
  }));

Deno.test("a blocking WRITE is answered when all octets are in the send buffer", () =>
  withClient(async (client) => {
    const { socket, peer } = await accepted(client);
    const all = text(12_000);
    const writing = client.write(socket, all);
    assertEquals(await client.ioctl(socket, SIOCINQ), 0); // others are served meanwhile
    assertEquals(await client.ioctl(socket, SIOCOUTQ), 5000);
    const got: number[] = [];
    let answered = -1;
    for (let round = 0; round < 20; round++) {
      while (client.packets.length > 0) got.push(...peer.takeAndAck().text);
      const from = client.wire.length;
      await peer.send();
      const names = order(client, from);
      assertEquals(names.at(-1), "PKT_IN=0");
      if (names.includes("WRITE=12000")) answered = got.length;
    }
    assertEquals(await writing, 12_000);
    assertEquals(Uint8Array.from(got), all);
    assert(answered >= 7000 && answered < 12_000, `answered after ${answered} bytes`);
  }, `${PLAIN},sendBuffer=5000,sendBufferMax=5000`));

Deno.test("a call that waits ends as the connection does", () =>
  withClient(async (client) => {
    const { listener, socket, peer } = await accepted(client);
    const reading = client.read(socket, 10);
    await peer.send({ flags: RST | ACK });
    assertEquals((await reading).result, ECONNRESET);
    assertEquals((await client.read(socket, 10)).result, 0); // it is told once
    assertEquals(await client.write(socket, text(1)), EPIPE);

    // By CLOSE of its own handle.
    const accepting = client.accept(listener);
    const from = client.wire.length;
    assertEquals(await client.close(listener), 0);
    assertEquals(order(client, from), [`ACCEPT=${EBADF}`, "CLOSE=0"]);
    assertEquals((await accepting).result, EBADF);
  }));

Deno.test("a reset is told once, by whichever call comes first", () =>
  withClient(async (client) => {
    const { listener, socket, peer } = await accepted(client);
    await peer.send({ payload: encoder.encode("last words") });
    await peer.send({ flags: RST | ACK });
    assertEquals(await readText(client, socket), "last words");
    assertEquals(await client.write(socket, text(1)), ECONNRESET);
    assertEquals(await client.write(socket, text(1)), EPIPE);

    // Behind the peer's FIN there is nothing to read, and a reset only breaks the pipe.
    const second = new Peer(client, 40001);
    await second.open();
    const { result: closed } = await client.accept(listener);
    await second.send({ flags: FIN | ACK });
    await second.send({ flags: RST | ACK });
    assertEquals((await client.read(closed, 1)).result, 0);
    assertEquals(await client.getOption(closed, SOL_SOCKET, SO_ERROR), [-EPIPE]);
    client.packets.length = 0;

    // Before anybody has accepted it.
    const third = new Peer(client, 40002);
    await third.open();
    await third.send({ flags: RST | ACK });
    const { result: early } = await client.accept(listener);
    assertEquals((await client.read(early, 1)).result, ECONNRESET);
  }));

Deno.test("a blocking CONNECT is answered when the connection is established, or can't be", () =>
  withClient(async (client) => {
    const to = PEER_ENDPOINT;
    const socket = await client.socket();
    const connecting = client.connect(socket, to);
    const polling = client.poll(-1, [socket, POLLOUT]);
    await client.advance(START + 5 * MS);
    const peer = new Peer(client);
    const syn = peer.takeAndAck();
    assertEquals([syn.flags, syn.destinationPort], [SYN, 40000]);
    peer.localPort = syn.sourcePort;
    const from = client.wire.length;
    await peer.send({ flags: SYN | ACK });
    assertEquals(order(client, from), ["PKT_OUT", "CONNECT=0", "POLL=1", "PKT_IN=0"]);
    assertEquals(await connecting, 0);
    assertEquals(await polling, [1, POLLOUT]);
    assertEquals(await client.connect(socket, to), EISCONN);
    client.packets.length = 0;

    const refused = await client.socket();
    const refusing = client.connect(refused, to);
    await client.advance(START + 6 * MS);
    const other = new Peer(client);
    other.localPort = other.takeAndAck().sourcePort;
    await other.send({ flags: RST | ACK });
    assertEquals(await refusing, ECONNREFUSED);

    // A router's word that nobody may pass ends it, too.
    const prohibited = client.connect(refused, to);
    await client.advance(START + 7 * MS);
    const quoted = client.packets.shift()!.bytes.subarray(0, 28);
    await client.packetIn(unreachable(13, quoted));
    assertEquals(await prohibited, EHOSTUNREACH);

    // The same socket can try again, and nobody answers.
    const silent = client.connect(refused, to);
    await client.advance(START + 500 * SECOND);
    assertEquals(await silent, ETIMEDOUT);
  }));

Deno.test("a CONNECT that does not wait is followed by POLL and SO_ERROR", () =>
  withClient(async (client) => {
    const socket = await client.socket(1 | O_NONBLOCK);
    const to = PEER_ENDPOINT;
    assertEquals(await client.connect(socket, to), EINPROGRESS);
    assertEquals(await client.connect(socket, to), EALREADY);
    assertEquals(await client.poll(0, [socket, POLLOUT]), [0, 0]);
    assertEquals(await client.write(socket, text(1)), EAGAIN);
    const peer = new Peer(client);
    await peer.answer();
    assertEquals(await client.poll(0, [socket, POLLOUT]), [1, POLLOUT]);
    assertEquals(await client.getOption(socket, SOL_SOCKET, SO_ERROR), [0]);
    assertEquals(await client.connect(socket, to), 0); // as Linux tells it, once
    assertEquals(await client.connect(socket, to), EISCONN);

    const refused = await client.socket(1 | O_NONBLOCK);
    assertEquals(await client.connect(refused, to), EINPROGRESS);
    const other = new Peer(client);
    other.localPort = other.takeAndAck().sourcePort;
    await other.send({ flags: RST | ACK });
    const [ready, events] = await client.poll(0, [refused, POLLOUT]);
    assertEquals([ready, events], [1, POLLOUT | POLLERR | POLLHUP]);
    assertEquals(await client.getOption(refused, SOL_SOCKET, SO_ERROR), [-ECONNREFUSED]);
    assertEquals(await client.getOption(refused, SOL_SOCKET, SO_ERROR), [0]);
    assertEquals(await client.connect(refused, to), ECONNABORTED);
    assertEquals(await client.connect(refused, to), EINPROGRESS);
  }));

Deno.test("ADVANCE runs timers each at its own time, up to a time or to the first packet", () =>
  withClient(async (client) => {
    const { socket, peer } = await accepted(client);
    assertEquals(await client.advance(START + 100 * MS, true), START + 100 * MS);
    assertEquals(await client.advance(START + 50 * MS), START + 100 * MS, "it never goes back");

    await client.write(socket, text(10));
    assertEquals(peer.take().time, START + 100 * MS);
    const stops: number[] = [];
    for (let i = 0; i < 3; i++) {
      const time = await client.advance(START + 60 * SECOND, true);
      assertEquals(client.packets.length, 1);
      assertEquals(peer.take().time, time);
      stops.push(time);
    }
    assertEquals(stops[1]! - stops[0]!, 2 * (stops[0]! - START - 100 * MS));
    assertEquals(stops[2]! - stops[1]!, 2 * (stops[1]! - stops[0]!));

    // Without the flag it goes on, and every packet has the time of its timer.
    assertEquals(await client.advance(START + 60 * SECOND), START + 60 * SECOND);
    const times = client.packets.map(({ time }) => time);
    assert(times.length >= 2);
    assertEquals(times[0]! - stops[2]!, 2 * (stops[2]! - stops[1]!));
    assertEquals((await client.request("ADVANCE", ["u64", -1], ["u8", 0])).result, EINVAL);
  }));

Deno.test("in virtual time nothing happens by itself", () =>
  withClient(async (client) => {
    const { socket, peer } = await accepted(client);
    await peer.send({ payload: text(10) }); // its acknowledgement is delayed
    await client.poll(0, [socket, POLLIN]);
    await new Promise((resolve) => setTimeout(resolve, 80));
    assertEquals(await client.ioctl(socket, SIOCINQ), 10);
    assertEquals(client.packets.length, 0);
    assertEquals(await client.advance(START + SECOND, true), START + 40 * MS);
    assertEquals(peer.take().ack, peer.seq);
  }));

Deno.test("POLL tells what holds, and waits for as long as it is told", () =>
  withClient(async (client) => {
    const { listener, socket, peer } = await accepted(client);
    assertEquals(
      await client.poll(0, [socket, POLLIN | POLLOUT], [listener, POLLIN], [99, POLLIN], [-1, 1]),
      [2, POLLOUT, 0, POLLNVAL, 0],
    );
    // It ends at its time, on the way of an ADVANCE that goes further.
    const polling = client.poll(250, [socket, POLLIN]);
    const from = client.wire.length;
    await client.advance(START + 249 * MS);
    assertEquals(order(client, from), ["ADVANCE=0"]);
    await client.advance(START + 10 * SECOND);
    assertEquals(order(client, from), ["ADVANCE=0", "POLL=0", "ADVANCE=0"]);
    assertEquals(await polling, [0, 0]);

    const other = new Peer(client, 40001);
    const waiting = client.poll(-1, [listener, POLLIN]);
    await other.open();
    assertEquals(await waiting, [1, POLLIN]);

    await peer.send({ flags: FIN | ACK });
    const all = POLLIN | POLLOUT | POLLRDHUP;
    assertEquals(await client.poll(0, [socket, all]), [1, all]);
    assertEquals(await client.shutdown(socket, 1), 0);
    assertEquals(await client.poll(0, [socket, POLLIN | POLLRDHUP]), [
      1,
      POLLIN | POLLRDHUP | POLLHUP,
    ]);
    const fresh = await client.socket();
    assertEquals(await client.poll(0, [fresh, POLLIN | POLLOUT]), [1, POLLOUT | POLLHUP]);
  }));

Deno.test("READ peeks, waits for all, or does not wait", () =>
  withClient(async (client) => {
    const { socket, peer } = await accepted(client);
    assertEquals((await client.read(socket, 10, MSG_DONTWAIT)).result, EAGAIN);
    await peer.send({ payload: encoder.encode("abcdef") });
    const peeked = await client.read(socket, 4, MSG_PEEK);
    assertEquals([peeked.result, decoder.decode(peeked.rest.subarray(5))], [4, "abcd"]);
    assertEquals(await client.ioctl(socket, SIOCINQ), 6);
    assertEquals((await client.read(socket, 0)).result, 0);

    const reading = client.read(socket, 8, MSG_WAITALL);
    assertEquals(await client.ioctl(socket, SIOCINQ), 0);
    await peer.send({ payload: encoder.encode("ghij") });
    const { result, rest } = await reading;
    assertEquals([result, decoder.decode(rest.subarray(5))], [8, "abcdefgh"]);
    assertEquals(await readText(client, socket), "ij");

    const short = client.read(socket, 100, MSG_WAITALL);
    await peer.send({ payload: encoder.encode("end"), flags: FIN | ACK });
    assertEquals((await short).result, 3);
    assertEquals((await client.read(socket, 10, 1 << 20)).result, EOPNOTSUPP);
  }));

Deno.test("FCNTL makes a socket not wait, but not calls that wait already", () =>
  withClient(async (client) => {
    const { listener, socket, peer } = await accepted(client);
    assertEquals(await client.fcntl(socket, F_GETFL), 2);
    const reading = client.read(socket, 10);
    assertEquals(await client.fcntl(socket, F_SETFL, O_NONBLOCK), 0);
    assertEquals(await client.fcntl(socket, F_GETFL), 2 | O_NONBLOCK);
    assertEquals((await client.read(socket, 10)).result, EAGAIN);
    await peer.send({ payload: text(3) });
    assertEquals((await reading).result, 3);
    const accepting = client.accept(listener);
    await client.fcntl(listener, F_SETFL, O_NONBLOCK);
    assertEquals((await client.accept(listener)).result, EAGAIN);
    await new Peer(client, 40001).open();
    assert((await accepting).result > 0);
    assertEquals(await client.fcntl(socket, 1000), EINVAL);
  }));

Deno.test("a socket that does not wait writes what there is room for", () =>
  withClient(async (client) => {
    const { socket } = await accepted(client);
    assertEquals(await client.write(socket, text(9000), MSG_DONTWAIT), 5000);
    assertEquals(await client.write(socket, text(1), MSG_DONTWAIT), EAGAIN);
    assertEquals(await client.poll(0, [socket, POLLOUT]), [0, 0]);
    assertEquals(await client.ioctl(socket, SIOCOUTQ), 5000);
    assertEquals(await client.write(socket, new Uint8Array(0)), 0);
  }, `${PLAIN},sendBuffer=5000,sendBufferMax=5000`));

Deno.test("SHUTDOWN closes one side at a time", () =>
  withClient(async (client) => {
    const { listener, socket, peer } = await accepted(client);
    assertEquals(await client.shutdown(socket, 3), EINVAL);
    assertEquals(await client.shutdown(socket, 1), 0);
    assertEquals(peer.takeAndAck().flags, FIN | ACK);
    assertEquals(await client.write(socket, text(1)), EPIPE);
    assertEquals(await client.ioctl(socket, SIOCOUTQ), 1); // the FIN
    await peer.send();
    await peer.send({ payload: encoder.encode("still") });
    assertEquals(await readText(client, socket), "still");

    const reading = client.read(socket, 10);
    assertEquals(await client.shutdown(socket, 0), 0);
    assertEquals((await reading).result, 0);
    await peer.send({ flags: FIN | ACK });
    assertEquals(await client.shutdown(socket, 2), ENOTCONN);
    assertEquals(await client.shutdown(await client.socket(), 2), ENOTCONN);

    assertEquals(await client.shutdown(listener, 0), 0); // it listens no more
    assertEquals((await client.accept(listener)).result, EINVAL);
    assertEquals(await client.listen(listener), 0);
  }));

Deno.test("CLOSE sends a FIN, a RST when text is unread, or as SO_LINGER says", () =>
  withClient(async (client) => {
    const { socket, peer } = await accepted(client);
    await peer.send({ payload: text(5) });
    assertEquals(await client.close(socket), 0);
    assertEquals(peer.take().flags & RST, RST);
    assertEquals(await client.close(socket), EBADF);
    assertEquals(client.packets.length, 0);
  }));

Deno.test("CLOSE resets the connection when it may linger for no time, else waits for its end", () =>
  withClient(async (client) => {
    const { listener, socket, peer } = await accepted(client);
    assertEquals(await client.getOption(socket, SOL_SOCKET, SO_LINGER), [0, 0]);
    assertEquals(await client.setOption(socket, SOL_SOCKET, SO_LINGER, 1, 0), 0);
    assertEquals(await client.getOption(socket, SOL_SOCKET, SO_LINGER), [1, 0]);
    assertEquals(await client.close(socket), 0);
    assertEquals(peer.take().flags & RST, RST);

    const cases: [port: number, fields: Partial<TcpFields> | undefined][] = [
      [40001, {}],
      [40002, undefined],
    ];
    for (const [port, fields] of cases) {
      const other = new Peer(client, port);
      await other.open();
      const { result: handle } = await client.accept(listener);
      await client.setOption(handle, SOL_SOCKET, SO_LINGER, 1, 3);
      const now = await client.advance(0);
      const from = client.wire.length;
      const closing = client.close(handle);
      assertEquals(await client.ioctl(handle, SIOCINQ), EBADF);
      assertEquals(order(client, from), ["PKT_OUT", `IOCTL=${EBADF}`]);
      assertEquals(other.takeAndAck().flags, FIN | ACK);
      await client.advance(now + 500 * MS);
      if (fields !== undefined) { // the FIN is acknowledged
        await other.send(fields);
        assertEquals(order(client, from).slice(-2), ["CLOSE=0", "PKT_IN=0"]);
      } else {
        await client.advance(now + 2999 * MS);
        assert(!order(client, from).includes("CLOSE=0"));
        await client.advance(now + 3000 * MS);
        assertEquals(order(client, from).slice(-2), ["CLOSE=0", "ADVANCE=0"]);
      }
      assertEquals(await closing, 0);
    }
  }));

Deno.test("RESET drops everything without a packet, and ends what waits", () =>
  withClient(async (client) => {
    const { listener, socket } = await accepted(client);
    await client.write(socket, text(100));
    client.packets.length = 0;
    const accepting = client.accept(listener);
    const reading = client.read(socket, 10);
    const from = client.wire.length;
    assertEquals(await client.result("RESET"), 0);
    assertEquals(order(client, from), [`ACCEPT=${EINTR}`, `READ=${EINTR}`, "RESET=0"]);
    assertEquals([(await accepting).result, (await reading).result], [EINTR, EINTR]);
    assertEquals(await client.close(socket), EBADF);
    await client.advance(START + 100 * SECOND);
    assertEquals(client.packets.length, 0);

    // The port is free, and a segment of the old connection finds none.
    const { socket: next } = await accepted(client);
    assert(next > socket);
    const stray = new Peer(client, 41000);
    await stray.send({ payload: text(1) });
    assertEquals(stray.take().flags & RST, RST);
  }));

Deno.test("connections to the server are served one after another, each with a fresh stack", () =>
  withServer(async (connect) => {
    let socket = 0;
    {
      await using client = await connect();
      await client.hello(PLAIN);
      await client.advance(START);
      ({ socket } = await accepted(client));
      await client.write(socket, text(100));
    }
    await using client = await connect();
    await client.hello(PLAIN);
    await client.advance(START);
    assertEquals(await client.ioctl(socket, SIOCOUTQ), EBADF);
    assertEquals((await accepted(client)).socket, socket);
    assertEquals(client.packets.length, 0);
  }));

Deno.test("calls fail with Linux's numbers", () =>
  withClient(async (client) => {
    const { listener, socket } = await accepted(client);
    const fresh = await client.socket();
    const newSocket = (domain: number, type: number, protocol: number) =>
      client.result("SOCKET", ["i32", domain], ["i32", type], ["i32", protocol]);
    const bindNew = async (where: string) => await client.bind(await client.socket(), where);
    const v6 = pack(["u8", 6], ["u16", 80], new Uint8Array(16));
    const cases: [name: string, got: Promise<number>, want: number][] = [
      ["a socket of IPv6", newSocket(10, 1, 0), EAFNOSUPPORT],
      ["a raw socket", newSocket(2, 3, 0), ESOCKTNOSUPPORT],
      ["a stream of UDP", newSocket(2, 1, 17), EPROTONOSUPPORT],
      ["a flag that there isn't", newSocket(2, 1 | 0x1000, 0), EINVAL],
      ["BIND of no socket", client.bind(77, LISTENING), EBADF],
      ["LISTEN of no socket", client.listen(77), EBADF],
      ["READ of no socket", client.read(-1, 1).then(({ result }) => result), EBADF],
      ["WRITE of no socket", client.write(77, text(1)), EBADF],
      ["BIND twice", client.bind(listener, `${LOCAL}:1`), EINVAL],
      ["BIND to a port in use", bindNew(LISTENING), EADDRINUSE],
      ["BIND of all addresses to a port in use", bindNew("0.0.0.0:8080"), EADDRINUSE],
      ["BIND to another's address", bindNew(`${REMOTE}:1`), EADDRNOTAVAIL],
      ["BIND by IPv6", client.result("BIND", ["i32", fresh], v6), EAFNOSUPPORT],
      ["BIND to nothing", client.result("BIND", ["i32", fresh], endpoint()), EAFNOSUPPORT],
      ["LISTEN of a connection", client.listen(socket), EINVAL],
      ["ACCEPT of a connection", client.accept(socket).then(({ result }) => result), EINVAL],
      ["CONNECT of a listener", client.connect(listener, PEER_ENDPOINT), EISCONN],
      ["CONNECT of a connection", client.connect(socket, PEER_ENDPOINT), EISCONN],
      ["CONNECT to ourselves", client.connect(fresh, `${LOCAL}:1`), ECONNREFUSED],
      ["CONNECT by IPv6", client.result("CONNECT", ["i32", fresh], v6), EAFNOSUPPORT],
      ["READ without a connection", client.read(fresh, 1).then((a) => a.result), ENOTCONN],
      ["READ of a listener", client.read(listener, 1).then((a) => a.result), ENOTCONN],
      ["WRITE without a connection", client.write(fresh, text(1)), EPIPE],
      ["WRITE of a listener", client.write(listener, text(1)), EPIPE],
      ["WRITE with a flag that there isn't", client.write(socket, text(1), 1), EOPNOTSUPP],
      ["IOCTL that there isn't", client.ioctl(socket, 0x1234), ENOTTY],
      ["SIOCINQ of a listener", client.ioctl(listener, SIOCINQ), EINVAL],
      ["SIOCOUTQ of a listener", client.ioctl(listener, SIOCOUTQ), EINVAL],
    ];
    for (const [name, got, want] of cases) assertEquals(await got, want, name);
    assertEquals(client.packets.length, 0);
  }));

Deno.test("SO_REUSEADDR lets a port be bound again once nobody listens on it", () =>
  withClient(async (client) => {
    const { listener } = await accepted(client);
    await client.close(listener);
    const socket = await client.socket();
    assertEquals(await client.bind(socket, LISTENING), EADDRINUSE); // the connection has it
    assertEquals(await client.setOption(socket, SOL_SOCKET, SO_REUSEADDR, 1), 0);
    assertEquals(await client.bind(socket, LISTENING), 0);
    const other = await client.socket();
    assertEquals(await client.setOption(other, SOL_SOCKET, SO_REUSEADDR, 1), 0);
    assertEquals(await client.bind(other, LISTENING), 0);
    assertEquals(await client.listen(socket), 0);
    assertEquals(await client.listen(other), EADDRINUSE);
    // Nobody names a port: each gets its own.
    const any = [await client.socket(), await client.socket()];
    for (const handle of any) assertEquals(await client.bind(handle, "0.0.0.0:0"), 0);
    for (const handle of any) assertEquals(await client.listen(handle), 0);
  }));

Deno.test("options are set and told in Linux's numbers and units", () =>
  withClient(async (client) => {
    const { listener, socket } = await accepted(client);
    const cases: [level: number, name: number, set: number[], result: number, get: number[]][] = [
      [SOL_SOCKET, SO_REUSEADDR, [5], 0, [1]],
      [SOL_SOCKET, SO_ERROR, [1], ENOPROTOOPT, [0]],
      [SOL_SOCKET, 7, [20_000], 0, [40_000]],
      [SOL_SOCKET, 7, [1], 0, [4608]],
      [SOL_SOCKET, 8, [100_000], 0, [200_000]],
      [SOL_SOCKET, 9, [1], 0, [1]],
      [SOL_SOCKET, SO_LINGER, [1, 5], 0, [1, 5]],
      [SOL_SOCKET, SO_LINGER, [1], EINVAL, [1, 5]],
      [SOL_SOCKET, SO_LINGER, [0, 0], 0, [0, 5]],
      [SOL_SOCKET, 15, [1], ENOPROTOOPT, [ENOPROTOOPT]],
      [IPPROTO_TCP, TCP_NODELAY, [1], 0, [1]],
      [IPPROTO_TCP, TCP_NODELAY, [], EINVAL, [1]],
      [IPPROTO_TCP, 2, [87], EINVAL, [536]],
      [IPPROTO_TCP, 2, [1000], 0, [1000]],
      [IPPROTO_TCP, TCP_CORK, [1], 0, [1]],
      [IPPROTO_TCP, 4, [30], 0, [30]],
      [IPPROTO_TCP, 4, [0], EINVAL, [30]],
      [IPPROTO_TCP, 5, [7], 0, [7]],
      [IPPROTO_TCP, 5, [40_000], EINVAL, [7]],
      [IPPROTO_TCP, 6, [3], 0, [3]],
      [IPPROTO_TCP, 6, [128], EINVAL, [3]],
      [IPPROTO_TCP, 18, [5000], 0, [5000]],
      [IPPROTO_TCP, 18, [-1], EINVAL, [5000]],
      [IPPROTO_TCP, 11, [0], ENOPROTOOPT, [ENOPROTOOPT]],
      [IPPROTO_IP, 1, [0x2b], 0, [0x28]],
      [IPPROTO_IP, 2, [7], 0, [7]],
      [IPPROTO_IP, 2, [0], EINVAL, [7]],
      [IPPROTO_IP, 2, [-1], 0, [64]],
      [IPPROTO_IP, 10, [1], ENOPROTOOPT, [ENOPROTOOPT]],
    ];
    for (const handle of [listener, socket]) {
      for (const [level, name, set, result, get] of cases) {
        const what = `${level}:${name} ${set}`;
        assertEquals(await client.setOption(handle, level, name, ...set), result, what);
        const isMss = handle === socket && level === IPPROTO_TCP && name === 2;
        assertEquals(
          await client.getOption(handle, level, name),
          isMss ? [1460] : get,
          what,
        );
      }
    }
    assertEquals(await client.getOption(socket, SOL_SOCKET, SO_LINGER, 4), [0]);
  }));

Deno.test("options reach the connection: those of a listener count from the SYN on", () =>
  withClient(async (client) => {
    const listener = await client.socket();
    await client.bind(listener, LISTENING);
    await client.setOption(listener, SOL_SOCKET, 8, 20_000);
    await client.setOption(listener, IPPROTO_TCP, 2, 1000);
    await client.setOption(listener, IPPROTO_IP, 2, 33);
    await client.listen(listener);
    await client.setOption(listener, IPPROTO_IP, 1, 0x10);
    await client.setOption(listener, IPPROTO_TCP, TCP_NODELAY, 1);
    const peer = new Peer(client);
    await peer.send({ flags: SYN });
    const { bytes } = client.packets[0]!;
    assertEquals([bytes[8], bytes[1]], [33, 0x10]);
    const { window, options } = peer.takeAndAck();
    assertEquals([window, ...options], [20_000, 2, 4, 1000 >> 8, 1000 & 0xff]);
    await peer.send();
    const { result: socket } = await client.accept(listener);
    for (let i = 0; i < 2; i++) await client.write(socket, text(10));
    assertEquals(client.packets.length, 2); // not held back by Nagle's algorithm
    peer.take();

    await client.setOption(socket, IPPROTO_IP, 2, 5);
    await client.setOption(socket, IPPROTO_TCP, TCP_NODELAY, 0);
    peer.takeAndAck();
    await client.write(socket, text(10));
    assertEquals(client.packets.length, 0);
    const from = client.wire.length;
    await client.setOption(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    assertEquals(order(client, from), ["PKT_OUT", "SETSOCKOPT=0"]);
    assertEquals(client.packets[0]!.bytes[8], 5);
    peer.takeAndAck();
    await peer.send();

    // Keep-alive, with times that were set first.
    for (const [name, value] of [[4, 10], [5, 2], [6, 2]] as const) {
      await client.setOption(socket, IPPROTO_TCP, name, value);
    }
    await client.setOption(socket, SOL_SOCKET, 9, 1);
    const times: number[] = [];
    for (let i = 0; i < 3; i++) times.push(await client.advance(START + 100 * SECOND, true));
    assertEquals(times, [10, 12, 14].map((seconds) => START + seconds * SECOND));
    assertEquals((await client.read(socket, 1)).result, ETIMEDOUT);

    // A user timeout, on a socket that connects.
    const active = await client.socket();
    await client.setOption(active, IPPROTO_TCP, 18, 3000);
    const connecting = client.connect(active, PEER_ENDPOINT);
    await client.advance(START + 20 * SECOND);
    client.packets.splice(0, client.packets.length - 1);
    await new Peer(client).answer();
    assertEquals(await connecting, 0);
    await client.write(active, text(1));
    const polling = client.poll(-1, [active, POLLERR]);
    await client.advance(START + 60 * SECOND);
    assertEquals(await polling, [1, POLLERR | POLLHUP]);
    assertEquals(await client.getOption(active, SOL_SOCKET, SO_ERROR), [-ETIMEDOUT]);
  }));

Deno.test("a SYN cookie names what TCP_MAXSEG and SO_RCVBUF of the listener allow, too", () =>
  withClient(async (client) => {
    const listener = await client.socket();
    await client.bind(listener, LISTENING);
    await client.setOption(listener, SOL_SOCKET, 8, 20_000);
    await client.setOption(listener, IPPROTO_TCP, 2, 1000);
    await client.listen(listener, 0); // one half-open connection, then cookies
    for (const port of [40000, 40001]) {
      const peer = new Peer(client, port);
      await peer.send({ flags: SYN });
      const { window, options } = peer.take();
      assertEquals([window, ...options], [20_000, 2, 4, 1000 >> 8, 1000 & 0xff]);
    }
    await client.advance(START + 10 * SECOND);
    const ports = client.packets.map((packet) => segmentOf(packet).destinationPort);
    assert(ports.length > 0 && !ports.includes(40001), "a cookie is not sent again");
  }));

Deno.test("UDP sockets send and receive datagrams", () =>
  withClient(async (client) => {
    const socket = await client.socket(2);
    const peer = { source: IpAddress.parse(REMOTE), destination: IpAddress.parse(LOCAL) };
    const datagram = (payload: Uint8Array, sourcePort = 53) =>
      client.packetIn(udp({ ...peer, sourcePort, destinationPort: 5000, payload }));
    assertEquals(await client.write(socket, text(1)), EDESTADDRREQ);
    assertEquals(await client.bind(socket, `${LOCAL}:5000`), 0);
    assertEquals(await client.bind(await client.socket(2), `${LOCAL}:5000`), EADDRINUSE);
    assertEquals(await client.write(socket, encoder.encode("query"), 0, `${REMOTE}:53`), 5);
    const sent = parseIpv4(client.packets.shift()!.bytes);
    assertEquals([sent.destination, decoder.decode(sent.payload.subarray(8))], [REMOTE, "query"]);
    assertEquals(await client.write(socket, text(2000), 0, `${REMOTE}:53`), 2000); // in fragments
    assertEquals(client.packets.splice(0).length, 2);
    assertEquals(await client.write(socket, text(65_508), 0, `${REMOTE}:53`), EMSGSIZE);

    const reading = client.read(socket, 3);
    const from = client.wire.length;
    await datagram(encoder.encode("answer"));
    assertEquals(order(client, from), ["READ=3", "PKT_IN=0"]);
    const { rest } = await reading;
    assertEquals(parseEndpoint(rest), `${REMOTE}:53`);
    assertEquals(decoder.decode(rest.subarray(11)), "ans");
    assertEquals((await client.read(socket, 9, MSG_DONTWAIT)).result, EAGAIN);

    // Connected, it takes from there only, and tells others that nobody is here.
    assertEquals(await client.connect(socket, `${REMOTE}:53`), 0);
    assertEquals(await client.write(socket, text(4)), 4);
    const quoted = client.packets.shift()!.bytes.subarray(0, 28);
    await client.packetIn(unreachable(3, quoted));
    assertEquals(await client.poll(0, [socket, POLLOUT]), [1, POLLOUT | POLLERR]);
    assertEquals((await client.read(socket, 9)).result, ECONNREFUSED);
    assertEquals(await client.getOption(socket, SOL_SOCKET, SO_ERROR), [0]);
    await datagram(text(7), 54);
    assertEquals(parseIpv4(client.packets.shift()!.bytes).protocol, 1);
    await datagram(text(8));
    assertEquals(await client.poll(0, [socket, POLLIN]), [1, POLLIN]);
    assertEquals(await client.ioctl(socket, SIOCINQ), 8);
    assertEquals((await client.read(socket, 100, MSG_PEEK)).result, 8);
    assertEquals((await client.read(socket, 100)).result, 8);
    assertEquals(await client.listen(socket), EOPNOTSUPP);
    assertEquals((await client.accept(socket)).result, EOPNOTSUPP);
    assertEquals(await client.close(socket), 0);
    await datagram(text(9));
    assertEquals(parseIpv4(client.packets.shift()!.bytes).protocol, 1);
  }));

Deno.test("what breaks the protocol is answered with EPROTO, and the channel closed", async () => {
  const hello = requestFrame(OP.HELLO!, 1, ["u16", 1], encoder.encode(PLAIN));
  const cases: [name: string, bytes: Uint8Array, op: number, id: number][] = [
    ["a request before HELLO", requestFrame(OP.RESET!, 7), OP.RESET!, 7],
    ["HELLO without a version", requestFrame(OP.HELLO!, 7), OP.HELLO!, 7],
    ["a frame that is too short", pack(["u32", 4], ["u32", 0]), 0, 0],
    ["a frame that is too long", pack(["u32", 1 << 30], ["u8", 3], ["u32", 9]), 3, 9],
    ["an unknown request", pack(hello, requestFrame(0x33, 9, ["i32", 3])), 0x33, 9],
    ["a response", pack(hello, requestFrame(0x81, 9)), 0x81, 9],
    ["an identifier of 0", pack(hello, requestFrame(OP.RESET!, 0)), OP.RESET!, 0],
    ["a body that is too short", pack(hello, requestFrame(OP.BIND!, 9, ["u16", 0])), OP.BIND!, 9],
    ["a body that is too long", pack(hello, requestFrame(OP.RESET!, 9, ["u8", 0])), OP.RESET!, 9],
    [
      "an address family that there isn't",
      pack(hello, requestFrame(OP.BIND!, 9, ["i32", 3], ["u8", 5])),
      OP.BIND!,
      9,
    ],
    [
      "more octets than there are",
      pack(hello, requestFrame(OP.WRITE!, 9, ["i32", 3], ["i32", 0], ["u8", 0], ["u32", 1 << 30])),
      OP.WRITE!,
      9,
    ],
    [
      "more POLL entries than there are",
      pack(hello, requestFrame(OP.POLL!, 9, ["i32", 0], ["u16", 65535])),
      OP.POLL!,
      9,
    ],
    [
      "an identifier in use",
      pack(
        hello,
        requestFrame(OP.POLL!, 9, ["i32", -1], ["u16", 0]),
        requestFrame(OP.RESET!, 9),
      ),
      OP.RESET!,
      9,
    ],
  ];
  await withServer(async (connect) => {
    for (const [name, bytes, op, id] of cases) {
      await using client = await connect();
      await client.sendRaw(bytes);
      await client.ended;
      const last = client.wire.at(-1)!;
      const result = new DataView(last.body.buffer, last.body.byteOffset).getInt32(0);
      assertEquals([last.op, last.id, result], [op | 0x80, id, EPROTO], name);
    }
    // It goes on serving.
    await using client = await connect();
    assertEquals((await client.hello(PLAIN)).result, 0);
  });
});

Deno.test("packets that are no packets cost nothing but an answer", () =>
  withClient(async (client) => {
    const whole = new Peer(client).packet({ flags: SYN });
    for (let length = 0; length < whole.length; length++) {
      assertEquals(await client.packetIn(whole.subarray(0, length)), 0);
    }
    assertEquals(await client.packetIn(text(70_000)), 0);
    assertEquals(client.packets.length, 0);
  }));

Deno.test("sockets and calls that wait are bounded", () =>
  withClient(async (client) => {
    const { socket } = await accepted(client);
    const pending = Array.from({ length: 1024 }, () => client.read(socket, 1));
    assertEquals((await client.read(socket, 1)).result, -105); // ENOBUFS
    let made = 2;
    while (await client.socket() > 0) made++;
    assertEquals(made, 1024);
    assertEquals(await client.socket(), -24); // EMFILE
    assertEquals(await client.close(socket), 0);
    for (const { result } of await Promise.all(pending)) assertEquals(result, EBADF);
  }));

/** A session without a socket, with an instance, and what it has sent. */
function session(flags: string): { session: Session; sent: Uint8Array[] } {
  const sent: Uint8Array[] = [];
  const session = new Session({ send: (frame) => void sent.push(frame), log: () => {} });
  session.receive(requestFrame(OP.HELLO!, 1, ["u16", 1], encoder.encode(flags)));
  return { session, sent };
}

Deno.test("a closed channel's timers do nothing any more", async () => {
  const { session: real, sent } = session(PLAIN.replace("virtual", "real"));
  real.receive(requestFrame(OP.SOCKET!, 2, ["i32", 2], ["i32", 1 | O_NONBLOCK], ["i32", 0]));
  real.receive(requestFrame(OP.POLL!, 3, ["i32", 20], ["u16", 0]));
  const before = sent.length;
  real.close();
  await new Promise((resolve) => setTimeout(resolve, 60));
  assertEquals(sent.length, before);
});

/** The fields of each request's body. */
const SHAPES: Readonly<Record<string, readonly string[]>> = {
  RESET: [],
  PKT_IN: ["packet"],
  SOCKET: ["i32", "i32", "i32"],
  BIND: ["i32", "addr"],
  LISTEN: ["i32", "i32"],
  ACCEPT: ["i32"],
  CONNECT: ["i32", "addr"],
  READ: ["i32", "i32", "u32"],
  WRITE: ["i32", "i32", "addr", "octets"],
  CLOSE: ["i32"],
  SHUTDOWN: ["i32", "i32"],
  GETSOCKOPT: ["i32", "i32", "i32", "u32"],
  SETSOCKOPT: ["i32", "i32", "i32", "octets"],
  FCNTL: ["i32", "i32", "i32"],
  IOCTL: ["i32", "u32", "i32"],
  POLL: ["i32"],
};

Deno.test("whatever is asked for is answered, waits, or closes the channel", () =>
  withSeed(3, (random) => {
    const numbers = [
      -1,
      0,
      1,
      2,
      3,
      3,
      4,
      4,
      5,
      5,
      6,
      8,
      9,
      18,
      40,
      0x100,
      0x5411,
      0x541b,
      1 << 30,
    ];
    const flags = [0, 2, 17, O_NONBLOCK, SYN, ACK, SYN | ACK, RST, FIN | ACK];
    const peer = new Peer({} as Client);
    const field = (kind: string): Field => {
      switch (kind) {
        case "addr":
          return endpoint(random.pick([undefined, LISTENING, PEER_ENDPOINT, "0.0.0.0:0"]));
        case "octets": {
          const octets = random.bytes(random.pick([0, 1, 4, 8, 3000]));
          return pack(["u32", octets.length], octets);
        }
        case "packet":
          peer.seq = PEER_ISN + random.below(3);
          peer.ack = random.random();
          return peer.packet({ flags: random.pick(flags), payload: random.bytes(random.below(3)) });
        default:
          return [kind as "i32", random.pick(numbers)];
      }
    };
    let answers = 0;
    for (let round = 0; round < 200; round++) {
      const { session: target, sent } = session(PLAIN);
      const asked = new Map<number, number>([[1, OP.HELLO!]]);
      const ask = (op: number, ...fields: Field[]): boolean => {
        asked.set(asked.size + 1, op);
        return target.receive(requestFrame(op, asked.size, ...fields));
      };
      for (let i = 0; i < 3; i++) ask(OP.SOCKET!, ["i32", 2], ["i32", 1 + i % 2], ["i32", 0]);
      for (let goesOn = true; goesOn && asked.size < 80;) {
        const name = random.pick(Object.keys(SHAPES));
        const fields = SHAPES[name]!.map(field);
        if (name === "POLL") {
          fields.push(pack(["u16", 2], field("i32"), ["u16", 5], field("i32"), ["u16", 1]));
        }
        goesOn = ask(OP.ADVANCE!, ["u64", START + asked.size * random.below(SECOND)], ["u8", 1]) &&
          ask(random.chance(0.003) ? random.below(256) : OP[name]!, ...fields);
      }
      for (const frame of sent) {
        const view = new DataView(frame.buffer, frame.byteOffset);
        const [op, id] = [view.getUint8(4), view.getUint32(5)];
        if (op === OP.PKT_OUT) continue;
        assertEquals(op, asked.get(id)! | 0x80, "each request is answered once");
        asked.set(id, -1);
        answers++;
      }
      target.close();
    }
    assert(answers > 10_000, `${answers} answers`);
  }));

Deno.test("FrameSplitter finds the frames in whatever pieces they come", () => {
  const frames = [text(0), text(1), text(300), text(5000)].map((body, i) =>
    pack(["u32", 5 + body.length], ["u8", 0x10 + i], ["u32", i + 1], body)
  );
  const stream = pack(...frames);
  for (const size of [1, 2, 3, 4, 5, 8, 9, 10, 100, 4096, stream.length]) {
    const splitter = new FrameSplitter();
    const got: Uint8Array[] = [];
    for (let at = 0; at < stream.length; at += size) {
      for (const { op, id, body } of splitter.split(stream.subarray(at, at + size))) {
        got.push(pack(["u32", 5 + body.length], ["u8", op], ["u32", id], body));
      }
    }
    assertEquals(got, frames, `pieces of ${size}`);
  }
});

Deno.test("in real time timers run by themselves, over a TCP port on loopback", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = serve(listener, () => {});
  try {
    const { port } = listener.addr as Deno.NetAddr;
    await using client = new Client(await Deno.connect({ hostname: "127.0.0.1", port }));
    assertEquals((await client.hello(PLAIN.replace("virtual", "real"))).result, 0);
    const before = Date.now();
    const { socket, peer } = await accepted(client);
    const polling = client.poll(30, [socket, POLLIN]);
    assertEquals(await polling, [0, 0]);
    assert(Date.now() - before >= 25);

    await peer.send({ payload: encoder.encode("hello") });
    const ack = segmentOf(await client.nextPacket()); // after 40 ms, unless something is sent
    assertEquals([ack.flags, ack.ack], [ACK, peer.seq]);
    const lag = ack.time / 1000 - before;
    assert(lag >= 25 && lag < 10_000, `${lag} ms`);
    assertEquals(await readText(client, socket), "hello");

    await client.write(socket, text(10));
    const [first, again] = [await client.nextPacket(), await client.nextPacket()].map(segmentOf);
    assertEquals(again!.seq, first!.seq);
    assert(again!.time - first!.time >= 180 * MS);
    const now = await client.advance(0);
    assert(Math.abs(now / 1000 - Date.now()) < 10_000);
  } finally {
    listener.close();
    await served;
  }
});

const PROGRAM = new URL("../../tools/control_channel.ts", import.meta.url).pathname;

async function start(...args: string[]): Promise<Deno.ChildProcess> {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", ...await importMapFlags(), PROGRAM, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

Deno.test("the program listens where it is told, and cleans up", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/channel.sock`;
  try {
    // A socket that was left behind is in nobody's way.
    Deno.listen({ transport: "unix", path }).close();
    const child = await start(path);
    const reader = child.stdout.getReader();
    assertEquals(decoder.decode((await reader.read()).value), `Listening on ${path}\n`);
    {
      await using client = new Client(await Deno.connect({ transport: "unix", path }));
      assertEquals((await client.hello(PLAIN)).result, 0);
      await client.advance(START);
      await scene(client);
    }
    // One that somebody listens on is.
    const second = await (await start(path)).output();
    assertEquals(second.code, 1);
    assertMatch(decoder.decode(second.stderr), /^control_channel: .*in use/i);

    child.kill("SIGTERM");
    assertEquals((await child.status).code, 0);
    await reader.cancel();
    await child.stderr.cancel();
    assertEquals([...Deno.readDirSync(folder)].length, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the program says how it is used", async () => {
  for (const args of [[], ["a", "b"], ["65536"]]) {
    const { code, stderr } = await (await start(...args)).output();
    assertEquals(code, 2);
    assertMatch(decoder.decode(stderr), /^control_channel: (Usage: |A port is )/);
  }
});
