/**
 * One connection of the channel: takes requests, and answers them.
 *
 * @module
 */

import { RealClock, VirtualClock } from "./clock.ts";
import { parseFlags } from "./flags.ts";
import {
  BodyReader,
  BodyWriter,
  Capability,
  encodeFrame,
  type Frame,
  FrameSplitter,
  Op,
  ProtocolError,
  RESPONSE,
  VERSION,
} from "./frames.ts";
import { Instance, type InstanceEvents, type Plan } from "./instance.ts";
import {
  AF_INET,
  Errno,
  F_GETFD,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FIONBIO,
  IPPROTO_TCP,
  IPPROTO_UDP,
  O_NONBLOCK,
  O_RDWR,
  Poll,
  SIOCINQ,
  SIOCOUTQ,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOCK_TYPE_MASK,
} from "./linux.ts";
import { type Call, DONE, done, fail, type Reply, type Socket } from "./sockets.ts";
import { TcpSocket } from "./tcp_socket.ts";
import { UdpSocket } from "./udp_socket.ts";

/** Handles look like descriptors that a program gets. */
const FIRST_HANDLE = 3;
/** Most bytes that one READ gives. */
const MAX_READ = 4 * 1024 * 1024;
/** Longest time that a timer can be set to, in milliseconds. */
const MAX_TIMER = 0x7fff_ffff;
/** Events of POLL that are told whether they were asked for or not. */
const ALWAYS_TOLD = Poll.ERR | Poll.HUP | Poll.NVAL;

/** What a session is made with. */
export interface SessionOptions {
  /** Takes each frame to be sent, in order. */
  readonly send: (frame: Uint8Array<ArrayBuffer>) => void;
  /** Told why the channel has to be closed, or why HELLO was refused. */
  readonly log: (message: string) => void;
}

/** The protocol, from bytes to bytes. In real time it sends by itself, too. */
export class Session {
  #send: (frame: Uint8Array<ArrayBuffer>) => void;
  #log: (message: string) => void;
  #splitter = new FrameSplitter();
  #instance: Instance | undefined;
  /** The op of each request that has not been answered. */
  #asked = new Map<number, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ send, log }: SessionOptions) {
    this.#send = send;
    this.#log = log;
  }

  /**
   * Takes what has come over the channel.
   *
   * @returns `false` if it breaks the protocol: the channel has to be closed.
   */
  receive(chunk: Uint8Array): boolean {
    try {
      for (const frame of this.#splitter.split(chunk)) this.#request(frame);
      this.#arm();
      return true;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#log(error.message);
      const body = new BodyWriter().i32(-Errno.EPROTO).finish();
      this.#send(encodeFrame(error.op | RESPONSE, error.id, body));
      return false;
    }
  }

  /** Drops everything: the channel is closed. */
  close(): void {
    clearTimeout(this.#timer);
    this.#instance = undefined;
  }

  #request({ op, id, body }: Frame): void {
    if (id === 0 || this.#asked.has(id)) {
      throw new ProtocolError(`A request has an identifier of its own, not ${id}`, op, id);
    }
    this.#asked.set(id, op);
    try {
      this.#dispatch(op, id, new BodyReader(body));
    } catch (error) {
      if (error instanceof ProtocolError) throw new ProtocolError(error.message, op, id);
      throw error;
    }
  }

  #dispatch(op: number, id: number, body: BodyReader): void {
    if (op === Op.HELLO) {
      const version = body.u16();
      const flags = new TextDecoder().decode(body.rest());
      this.#answer(id, this.#hello(version, flags));
      return;
    }
    const instance = this.#instance;
    if (instance === undefined) throw new ProtocolError("HELLO comes first");
    switch (op) {
      case Op.RESET:
        body.end();
        this.#start(instance.plan);
        this.#answer(id, DONE);
        break;
      case Op.PKT_IN:
        instance.receive(body.rest());
        this.#answer(id, DONE);
        break;
      case Op.ADVANCE: {
        const until = body.u64();
        const stopsOnPacket = body.u8() !== 0;
        body.end();
        this.#answer(id, this.#advance(instance, until, stopsOnPacket));
        break;
      }
      case Op.SOCKET: {
        const [domain, type, protocol] = [body.i32(), body.i32(), body.i32()];
        body.end();
        this.#answer(id, openSocket(instance, domain, type, protocol));
        break;
      }
      case Op.POLL:
        this.#poll(instance, id, body);
        break;
      default:
        this.#socketCall(instance, op, id, body);
    }
  }

  #answer(id: number, { result, rest }: Reply): void {
    const op = this.#asked.get(id)!;
    this.#asked.delete(id);
    const body = new BodyWriter().i32(result);
    if (rest !== undefined) body.bytes(rest);
    this.#send(encodeFrame(op | RESPONSE, id, body.finish()));
  }

  #hello(version: number, flags: string): Reply {
    if (version !== VERSION) return fail(Errno.EPROTONOSUPPORT);
    try {
      const settings = parseFlags(flags);
      const { virtual, seed } = settings;
      const clock = virtual ? new VirtualClock() : new RealClock();
      this.#start({ settings, clock, random: virtual ? seededRandom(seed) : systemRandom });
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
      this.#log(`Cannot start with "${flags}": ${error.message}`);
      return fail(Errno.EINVAL);
    }
    const rest = Uint8Array.of(Capability.VIRTUAL_TIME | Capability.UDP);
    return { result: 0, rest };
  }

  /** Puts a fresh instance in the place of the one there is, whose calls end. */
  #start(plan: Plan): void {
    const events: InstanceEvents = {
      packet: (bytes) => {
        const body = new BodyWriter().u64(plan.clock.microseconds).bytes(bytes).finish();
        this.#send(encodeFrame(Op.PKT_OUT, 0, body));
      },
      reply: (id, reply) => this.#answer(id, reply),
    };
    const old = this.#instance;
    const firstHandle = old?.nextHandle ?? FIRST_HANDLE;
    this.#instance = new Instance(plan, events, firstHandle);
    old?.drop();
  }

  #advance(instance: Instance, until: number, stopsOnPacket: boolean): Reply {
    if (until > Number.MAX_SAFE_INTEGER) return fail(Errno.EINVAL);
    const { clock } = instance.plan;
    if (!(clock instanceof VirtualClock)) instance.settle();
    else if (!instance.advance(clock, until, stopsOnPacket)) return fail(Errno.ETIME);
    return { result: 0, rest: new BodyWriter().u64(clock.microseconds).finish() };
  }

  #poll(instance: Instance, id: number, body: BodyReader): void {
    const timeout = body.i32();
    const asked: { handle: number; events: number }[] = [];
    for (let n = body.u16(); n > 0; n--) asked.push({ handle: body.i32(), events: body.u16() });
    body.end();
    const deadline = timeout < 0 ? Infinity : instance.now + timeout;
    const attempt = (): Reply | undefined => {
      const rest = new BodyWriter();
      let ready = 0;
      for (const { handle, events } of asked) {
        const revents = handle < 0
          ? 0
          : (instance.socket(handle)?.events() ?? Poll.NVAL) & (events | ALWAYS_TOLD);
        if (revents !== 0) ready++;
        rest.u16(revents);
      }
      if (ready === 0 && instance.now < deadline) return undefined;
      return { result: ready, rest: rest.finish() };
    };
    instance.begin(id, -1, { attempt, deadline });
  }

  /** A request about one socket. */
  #socketCall(instance: Instance, op: number, id: number, body: BodyReader): void {
    const parse = SOCKET_CALLS.get(op);
    if (parse === undefined) throw new ProtocolError(`There is no request ${op}`);
    const handle = body.i32();
    const call = parse(body);
    body.end();
    const socket = instance.socket(handle);
    if (socket === undefined) instance.begin(id, -1, done(fail(Errno.EBADF)));
    else if (op === Op.CLOSE) instance.close(id, handle, socket);
    else instance.begin(id, handle, call(socket));
  }

  /** In real time, wakes up when something is due. */
  #arm(): void {
    clearTimeout(this.#timer);
    const instance = this.#instance;
    if (instance === undefined || instance.plan.clock instanceof VirtualClock) return;
    const at = instance.nextDeadline();
    if (at === Infinity) return;
    this.#timer = setTimeout(() => {
      instance.settle();
      this.#arm();
    }, Math.min(Math.max(0, at - instance.now), MAX_TIMER));
  }
}

function openSocket(instance: Instance, domain: number, type: number, protocol: number): Reply {
  const kind = type & SOCK_TYPE_MASK;
  if (domain !== AF_INET) return fail(Errno.EAFNOSUPPORT);
  if ((type & ~(SOCK_TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC)) !== 0) return fail(Errno.EINVAL);
  if (kind !== SOCK_STREAM && kind !== SOCK_DGRAM) return fail(Errno.ESOCKTNOSUPPORT);
  const isTcp = kind === SOCK_STREAM;
  if (protocol !== 0 && protocol !== (isTcp ? IPPROTO_TCP : IPPROTO_UDP)) {
    return fail(Errno.EPROTONOSUPPORT);
  }
  const socket = isTcp ? new TcpSocket(instance) : new UdpSocket(instance);
  socket.isNonBlocking = (type & SOCK_NONBLOCK) !== 0;
  const handle = instance.register(socket);
  return handle === undefined ? fail(Errno.EMFILE) : { result: handle };
}

/** Takes the rest of a request's body, behind the handle, and tells what to do with the socket. */
type Parse = (body: BodyReader) => (socket: Socket) => Call;

const SOCKET_CALLS: ReadonlyMap<number, Parse> = new Map<number, Parse>([
  [Op.BIND, (body) => {
    const endpoint = body.endpoint();
    return (socket) => done(socket.bind(endpoint));
  }],
  [Op.LISTEN, (body) => {
    const backlog = body.i32();
    return (socket) => done(socket.listen(backlog));
  }],
  [Op.ACCEPT, () => (socket) => socket.accept()],
  [Op.CONNECT, (body) => {
    const endpoint = body.endpoint();
    return (socket) => socket.connect(endpoint);
  }],
  [Op.READ, (body) => {
    const [flags, count] = [body.i32(), Math.min(body.u32(), MAX_READ)];
    return (socket) => socket.read(flags, count);
  }],
  [Op.WRITE, (body) => {
    const [flags, endpoint, bytes] = [body.i32(), body.endpoint(), body.counted().slice()];
    return (socket) => socket.write(flags, endpoint, bytes);
  }],
  [Op.CLOSE, () => (socket) => socket.close()],
  [Op.SHUTDOWN, (body) => {
    const how = body.i32();
    return (socket) => done(socket.shutdown(how));
  }],
  [Op.GETSOCKOPT, (body) => {
    const [level, name, most] = [body.i32(), body.i32(), body.u32()];
    return (socket) => done(getOption(socket, level, name, most));
  }],
  [Op.SETSOCKOPT, (body) => {
    const [level, name, bytes] = [body.i32(), body.i32(), body.counted()];
    return (socket) => done(socket.setOption(level, name, bytes));
  }],
  [Op.FCNTL, (body) => {
    const [command, argument] = [body.i32(), body.i32()];
    return (socket) => done(fcntl(socket, command, argument));
  }],
  [Op.IOCTL, (body) => {
    const [request, argument] = [body.u32(), body.i32()];
    return (socket) => done(ioctl(socket, request, argument));
  }],
]);

function getOption(socket: Socket, level: number, name: number, most: number): Reply {
  const value = socket.getOption(level, name);
  if (typeof value === "number") return { result: value };
  return { result: 0, rest: new BodyWriter().counted(value.subarray(0, most)).finish() };
}

function fcntl(socket: Socket, command: number, argument: number): Reply {
  switch (command) {
    case F_GETFL:
      return { result: O_RDWR | (socket.isNonBlocking ? O_NONBLOCK : 0) };
    case F_SETFL:
      socket.isNonBlocking = (argument & O_NONBLOCK) !== 0;
      return DONE;
    case F_GETFD: // nothing is executed here, so the flag means nothing
    case F_SETFD:
      return DONE;
    default:
      return fail(Errno.EINVAL);
  }
}

function ioctl(socket: Socket, request: number, argument: number): Reply {
  switch (request) {
    case SIOCINQ:
      return stored(socket.bytesToRead());
    case SIOCOUTQ:
      return stored(socket.bytesToSend());
    case FIONBIO:
      socket.isNonBlocking = argument !== 0;
      return { result: 0, rest: new BodyWriter().i32(argument).finish() };
    default:
      return fail(Errno.ENOTTY);
  }
}

/** The answer to IOCTL: what it stores, or an error number, negated. */
function stored(value: number): Reply {
  if (value < 0) return { result: value };
  return { result: 0, rest: new BodyWriter().i32(value).finish() };
}

const word = new Uint32Array(1);

function systemRandom(): number {
  return crypto.getRandomValues(word)[0]!;
}

/** The same uint32s for the same seed (xorshift32, Marsaglia 2003). */
function seededRandom(seed: number): () => number {
  let state = (seed ^ 0x9e37_79b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
