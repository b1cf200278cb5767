/**
 * Options of TCP sockets: Linux's numbers and units on one side, the stack's settings on the other.
 *
 * @module
 */

import type { ConnectionOptions } from "../../src/tcp/connection_options.ts";
import type { Tcb } from "../../src/tcp/tcb.ts";
import { State } from "../../src/tcp/state.ts";
import { Errno, IpOption, Level, SocketOption, TcpOption } from "./linux.ts";
import { DONE, fail, type Host, type Reply } from "./sockets.ts";

/** Linux doubles what is asked for, for its own bookkeeping, and tells the double (socket(7)). */
const BUFFER_FACTOR = 2;
/** Smallest buffer, in bytes. */
const MIN_BUFFER = 2304;
const DEFAULT_MSS = 536;
/** What TCP_MAXSEG may be, in bytes. */
const MIN_SEGMENT = 88;
const MAX_SEGMENT = 32767;
const MAX_KEEP_SECONDS = 32767;
const MAX_KEEP_COUNT = 127;
/** The part of the type-of-service byte that ECN has, which is not the user's. */
const ECN_MASK = 3;

/** What has been set. 0, or -1 where 0 means something, is for what has not. */
export class SocketOptions {
  reuseAddress = false;
  /** Bytes. */
  sendBuffer = 0;
  receiveBuffer = 0;
  maxSegment = 0;
  keepAlive = false;
  /** Seconds. */
  keepIdle = 0;
  keepInterval = 0;
  keepCount = 0;
  lingers = false;
  /** Seconds. */
  lingerTime = 0;
  noDelay = false;
  cork = false;
  /** Milliseconds. */
  userTimeout = 0;
  tos = 0;
  /** 0 would never arrive anywhere, so it is -1 that stands for the default. */
  ttl = -1;

  /** A copy, for a connection that inherits them. */
  clone(): SocketOptions {
    return Object.assign(new SocketOptions(), this);
  }

  /** Those that count from a connection's SYN on. */
  forNewConnection(): ConnectionOptions {
    return {
      sendBuffer: this.sendBuffer || undefined,
      receiveBuffer: this.receiveBuffer || undefined,
      maxSegment: this.maxSegment || undefined,
      tos: this.tos,
      ttl: this.ttl < 0 ? undefined : this.ttl,
    };
  }

  /** Brings all of them to a connection. */
  applyTo(tcb: Tcb, host: Host): void {
    for (const { apply } of INT_OPTIONS.values()) apply?.(this, tcb, host);
  }
}

/** An option whose value is an `int`. */
interface IntOption {
  get(options: SocketOptions, tcb: Tcb | undefined, host: Host): number;
  /** Left out for what can't be set. */
  set?(options: SocketOptions, value: number, host: Host): void;
  /** Whether a value makes sense; left out: all do. */
  accepts?(value: number): boolean;
  /** Brings the option to a connection; nothing happens if it is as by default. */
  apply?(options: SocketOptions, tcb: Tcb, host: Host): void;
}

function isKeepTime(seconds: number): boolean {
  return seconds >= 1 && seconds <= MAX_KEEP_SECONDS;
}

function applyKeepAlive(options: SocketOptions, tcb: Tcb, host: Host): void {
  if (!options.keepAlive && tcb.keepAlive === null) return;
  const { config } = host.stack.tcp;
  const times = {
    idle: 1000 * options.keepIdle || config.keepAliveIdle,
    interval: 1000 * options.keepInterval || config.keepAliveInterval,
    count: options.keepCount || config.keepAliveCount,
  };
  host.stack.tcp.setKeepAlive(tcb, options.keepAlive ? times : null, host.now);
}

function applyReceiveBuffer(options: SocketOptions, tcb: Tcb): void {
  if (options.receiveBuffer === 0) return;
  const { receiveBuffer, rcv } = tcb;
  tcb.tunesReceive = false;
  // What the window has promised to the peer stays promised.
  receiveBuffer.capacity = Math.max(options.receiveBuffer, receiveBuffer.length + rcv.wnd);
}

const INT_OPTIONS: ReadonlyMap<string, IntOption> = new Map<string, IntOption>([
  [key(Level.SOCKET, SocketOption.REUSEADDR), {
    get: (options) => Number(options.reuseAddress),
    set: (options, value) => void (options.reuseAddress = value !== 0),
  }],
  [key(Level.SOCKET, SocketOption.SNDBUF), {
    get: (options, tcb, { stack }) =>
      BUFFER_FACTOR *
      (tcb?.sendBuffer.capacity ?? (options.sendBuffer || stack.tcp.config.sendBuffer)),
    set(options, value, { stack }) {
      const { sendBuffer, sendBufferMax } = stack.tcp.config;
      options.sendBuffer = bufferSize(value, Math.max(sendBuffer, sendBufferMax));
    },
    apply(options, tcb) {
      if (options.sendBuffer === 0) return;
      tcb.tunesSend = false;
      tcb.sendBuffer.capacity = options.sendBuffer;
    },
  }],
  [key(Level.SOCKET, SocketOption.RCVBUF), {
    get: (options, tcb, { stack }) =>
      BUFFER_FACTOR *
      (tcb?.receiveBuffer.capacity ?? (options.receiveBuffer || stack.tcp.config.receiveBuffer)),
    set(options, value, { stack }) {
      const { receiveBuffer, receiveBufferMax } = stack.tcp.config;
      options.receiveBuffer = bufferSize(value, Math.max(receiveBuffer, receiveBufferMax));
    },
    apply: applyReceiveBuffer,
  }],
  [key(Level.SOCKET, SocketOption.KEEPALIVE), {
    get: (options) => Number(options.keepAlive),
    set: (options, value) => void (options.keepAlive = value !== 0),
    apply: applyKeepAlive,
  }],
  [key(Level.TCP, TcpOption.KEEPIDLE), {
    get: (options, _, { stack }) => options.keepIdle || stack.tcp.config.keepAliveIdle / 1000,
    set: (options, value) => void (options.keepIdle = value),
    accepts: isKeepTime,
    apply: applyKeepAlive,
  }],
  [key(Level.TCP, TcpOption.KEEPINTVL), {
    get: (options, _, { stack }) =>
      options.keepInterval || stack.tcp.config.keepAliveInterval / 1000,
    set: (options, value) => void (options.keepInterval = value),
    accepts: isKeepTime,
    apply: applyKeepAlive,
  }],
  [key(Level.TCP, TcpOption.KEEPCNT), {
    get: (options, _, { stack }) => options.keepCount || stack.tcp.config.keepAliveCount,
    set: (options, value) => void (options.keepCount = value),
    accepts: (value) => value >= 1 && value <= MAX_KEEP_COUNT,
    apply: applyKeepAlive,
  }],
  [key(Level.TCP, TcpOption.NODELAY), {
    get: (options) => Number(options.noDelay),
    set: (options, value) => void (options.noDelay = value !== 0),
    apply(options, tcb, { stack }) {
      if (tcb.noDelay === options.noDelay) return;
      tcb.noDelay = options.noDelay;
      stack.tcp.touch(tcb); // what Nagle's algorithm held back may go now
    },
  }],
  // Counts from the SYN on; a connection tells what it has come to.
  [key(Level.TCP, TcpOption.MAXSEG), {
    get: (options, tcb) => tcb?.mss || options.maxSegment || DEFAULT_MSS,
    set: (options, value) => void (options.maxSegment = value),
    accepts: (value) => value === 0 || (value >= MIN_SEGMENT && value <= MAX_SEGMENT),
  }],
  [key(Level.TCP, TcpOption.CORK), {
    get: (options) => Number(options.cork),
    set: (options, value) => void (options.cork = value !== 0),
    apply(options, tcb, { stack, now }) {
      if (tcb.corked !== options.cork) stack.tcp.setCork(tcb, options.cork, now);
    },
  }],
  [key(Level.TCP, TcpOption.USER_TIMEOUT), {
    get: (options) => options.userTimeout,
    set: (options, value) => void (options.userTimeout = value),
    accepts: (value) => value >= 0,
    apply(options, tcb, { stack }) {
      const timeout = options.userTimeout || stack.tcp.config.userTimeout;
      if (tcb.userTimeout !== timeout) stack.tcp.setUserTimeout(tcb, timeout);
    },
  }],
  [key(Level.IP, IpOption.TOS), {
    get: (options) => options.tos,
    set: (options, value) => void (options.tos = value & 0xff & ~ECN_MASK),
    apply: (options, tcb) => void (tcb.tos = options.tos),
  }],
  [key(Level.IP, IpOption.TTL), {
    get: (options, _, { stack }) => options.ttl < 0 ? stack.ip.defaultTtl : options.ttl,
    set: (options, value) => void (options.ttl = value),
    accepts: (value) => value === -1 || (value >= 1 && value <= 255),
    apply: (options, tcb, { stack }) =>
      void (tcb.ttl = options.ttl < 0 ? stack.tcp.config.ttl : options.ttl),
  }],
]);

function key(level: number, name: number): string {
  return `${level}:${name}`;
}

function bufferSize(wish: number, most: number): number {
  return Math.min(Math.max(wish, MIN_BUFFER), most);
}

/** Some `int`s as C has them in memory. */
function ints(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setInt32(4 * i, value, true));
  return bytes;
}

/** The `int` at `at`; `undefined` if there are fewer bytes. */
function intAt(bytes: Uint8Array, at: number): number | undefined {
  if (bytes.length < at + 4) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(at, true);
}

/** The value of an option, or an error number, negated. SO_ERROR is the socket's own. */
export function getOption(
  options: SocketOptions,
  tcb: Tcb | undefined,
  host: Host,
  level: number,
  name: number,
): Uint8Array | number {
  if (level === Level.SOCKET && name === SocketOption.LINGER) {
    return ints(Number(options.lingers), options.lingerTime);
  }
  const option = INT_OPTIONS.get(key(level, name));
  return option === undefined ? -Errno.ENOPROTOOPT : ints(option.get(options, tcb, host));
}

/** Sets an option, and brings it to the connection if there is one. */
export function setOption(
  options: SocketOptions,
  tcb: Tcb | undefined,
  host: Host,
  level: number,
  name: number,
  bytes: Uint8Array,
): Reply {
  // The options of IP may be a single byte (ip(7)).
  const value = intAt(bytes, 0) ?? (level === Level.IP ? bytes[0] : undefined);
  if (level === Level.SOCKET && name === SocketOption.LINGER) {
    const seconds = intAt(bytes, 4);
    if (value === undefined || seconds === undefined) return fail(Errno.EINVAL);
    options.lingers = value !== 0;
    if (options.lingers) options.lingerTime = seconds;
    return DONE;
  }
  const option = INT_OPTIONS.get(key(level, name));
  if (option?.set === undefined) return fail(Errno.ENOPROTOOPT);
  if (value === undefined || option.accepts?.(value) === false) return fail(Errno.EINVAL);
  option.set(options, value, host);
  if (tcb !== undefined && tcb.state !== State.CLOSED) option.apply?.(options, tcb, host);
  return DONE;
}
