/**
 * TCP sockets of the channel, with what Linux does and says in each case.
 *
 * @module
 */

import type { Listener } from "../../src/tcp/listener.ts";
import { peerHasClosed, State } from "../../src/tcp/state.ts";
import { CloseReason, NO_USER, type Tcb } from "../../src/tcp/tcb.ts";
import { OpenError } from "../../src/tcp/tcp.ts";
import type { IpAddress } from "../../src/wire/address.ts";
import { BodyWriter, type Endpoint } from "./frames.ts";
import { Errno, Level, Msg, Poll, SHUT_RD, SHUT_RDWR, SHUT_WR, SocketOption } from "./linux.ts";
import { getOption, setOption, SocketOptions } from "./options.ts";
import {
  areReadFlags,
  areWriteFlags,
  type Call,
  DONE,
  done,
  fail,
  type Host,
  mustNotWait,
  type Reply,
  type Socket,
} from "./sockets.ts";

/** As net.core.somaxconn. */
const MAX_BACKLOG = 4096;
/** How often a free port is looked for. */
const PORT_TRIES = 64;

const OPEN_ERRNO = {
  [OpenError.NO_ROUTE]: Errno.ENETUNREACH,
  [OpenError.BAD_ADDRESS]: Errno.ENETUNREACH,
  [OpenError.IN_USE]: Errno.EADDRNOTAVAIL,
  [OpenError.NO_PORT]: Errno.EADDRNOTAVAIL,
} as const;

/** Where a socket is bound. */
interface Binding {
  /** `null` for all of ours. */
  readonly address: IpAddress | null;
  readonly port: number;
}

/** A TCP socket: new, bound, listening, or with a connection, which may have come to its end. */
export class TcpSocket implements Socket {
  isNonBlocking = false;
  #host: Host;
  #options: SocketOptions;
  #binding: Binding | undefined;
  #listener: Listener | undefined;
  #tcb: Tcb | undefined;
  /** CONNECT has sent a SYN, and nobody has been told what came of it. */
  #isConnecting = false;
  /** What ended the connection has been told: that is done once. */
  #errorWasTold = false;
  /** SHUTDOWN of the receiving side. */
  #readsNoMore = false;

  /** @param tcb The connection, of a socket that comes out of ACCEPT. */
  constructor(host: Host, options: SocketOptions = new SocketOptions(), tcb?: Tcb) {
    this.#host = host;
    this.#options = options;
    this.#tcb = tcb;
  }

  get #tcp() {
    return this.#host.stack.tcp;
  }

  bind(endpoint: Endpoint): Reply {
    if (endpoint === null || endpoint.address.family !== 4) return fail(Errno.EAFNOSUPPORT);
    if (this.#binding !== undefined || this.#tcb !== undefined) return fail(Errno.EINVAL);
    const address = endpoint.address.isUnspecified ? null : endpoint.address;
    if (address !== null && !this.#host.stack.ip.isOwn(address)) return fail(Errno.EADDRNOTAVAIL);
    const port = endpoint.port || this.#freePort();
    const binding = { address, port };
    if (port === 0 || this.#isTaken(binding)) return fail(Errno.EADDRINUSE);
    this.#binding = binding;
    return DONE;
  }

  /** A port that nobody has; 0 when none is found. */
  #freePort(): number {
    for (let i = 0; i < PORT_TRIES; i++) {
      const port = this.#tcp.freePort();
      if (port !== 0 && !this.#isTaken({ address: null, port })) return port;
    }
    return 0;
  }

  /** Whether another socket or connection stands in the way of binding there. */
  #isTaken(wish: Binding): boolean {
    const { reuseAddress } = this.#options;
    for (const other of this.#host.sockets()) {
      if (!(other instanceof TcpSocket) || other.#binding === undefined) continue;
      const sharing = reuseAddress && other.#options.reuseAddress &&
        other.#listener === undefined;
      if (!sharing && overlap(wish, other.#binding)) return true;
    }
    if (reuseAddress) return false;
    const others = [...this.#tcp.connections(), ...this.#tcp.timeWaits()];
    return others.some(({ local, localPort }) =>
      overlap(wish, { address: local, port: localPort })
    );
  }

  listen(backlog: number): Reply {
    if (this.#tcb !== undefined) return fail(Errno.EINVAL);
    if (this.#listener !== undefined) return DONE; // the backlog stays as it was
    const { address, port } = this.#binding ?? { address: null, port: this.#freePort() };
    if (port === 0) return fail(Errno.EADDRINUSE);
    this.#binding = { address, port };
    // Linux takes one connection more than the backlog says, and a negative one for a large one.
    const room = (backlog < 0 ? MAX_BACKLOG : Math.min(backlog, MAX_BACKLOG)) + 1;
    this.#listener = this.#tcp.listen(address, port, room, () => {});
    if (this.#listener === undefined) return fail(Errno.EADDRINUSE);
    this.#listener.options = this.#options.forNewConnection();
    return DONE;
  }

  accept(): Call {
    const waits = !this.isNonBlocking;
    return { attempt: () => this.#accept(waits) };
  }

  #accept(waits: boolean): Reply | undefined {
    const listener = this.#listener;
    if (listener === undefined) return fail(Errno.EINVAL);
    if (listener.queue.length === 0) {
      return waits ? undefined : fail(Errno.EAGAIN);
    }
    const tcb = listener.queue[0]!;
    const options = this.#options.clone();
    options.applyTo(tcb, this.#host);
    const socket = new TcpSocket(this.#host, options, tcb);
    const handle = this.#host.register(socket);
    if (handle === undefined) return fail(Errno.EMFILE);
    listener.accept();
    const peer = { address: tcb.remote, port: tcb.remotePort };
    return { result: handle, rest: new BodyWriter().endpoint(peer).finish() };
  }

  connect(endpoint: Endpoint): Call {
    const reply = this.#connect(endpoint);
    return reply === undefined ? { attempt: () => this.#connected() } : done(reply);
  }

  /** Begins to connect; `undefined`: it is under way. */
  #connect(endpoint: Endpoint): Reply | undefined {
    if (endpoint === null) return this.#disconnect();
    if (endpoint.address.family !== 4) return fail(Errno.EAFNOSUPPORT);
    if (this.#listener !== undefined) return fail(Errno.EISCONN);
    if (this.#tcb !== undefined) {
      if (!this.#isConnecting) return fail(Errno.EISCONN);
      return this.isNonBlocking && isOpening(this.#tcb) ? fail(Errno.EALREADY) : undefined;
    }
    const { address = null, port = 0 } = this.#binding ?? {};
    const tcb = this.#tcp.open(
      endpoint.address,
      endpoint.port,
      address,
      port,
      NO_USER,
      this.#host.now,
      this.#options.forNewConnection(),
    );
    if (typeof tcb === "number") return fail(OPEN_ERRNO[tcb]);
    this.#options.applyTo(tcb, this.#host);
    this.#tcb = tcb;
    this.#isConnecting = true;
    this.#errorWasTold = false;
    return this.isNonBlocking ? fail(Errno.EINPROGRESS) : undefined;
  }

  /** What has come of connecting. */
  #connected(): Reply | undefined {
    const tcb = this.#tcb;
    if (tcb === undefined) return fail(Errno.ECONNABORTED); // another call has disconnected it
    if (isOpening(tcb)) return undefined;
    this.#isConnecting = false;
    if (tcb.state !== State.CLOSED) return DONE;
    const errno = this.#takeError() || Errno.ECONNABORTED;
    this.#tcb = undefined;
    return fail(errno);
  }

  /** CONNECT to no address. */
  #disconnect(): Reply {
    if (this.#listener !== undefined) this.#stopListening();
    if (this.#tcb !== undefined) this.#tcp.abort(this.#tcb, this.#host.now);
    this.#tcb = undefined;
    this.#isConnecting = this.#readsNoMore = false;
    return DONE;
  }

  #stopListening(): void {
    const listener = this.#listener!;
    this.#listener = undefined;
    this.#tcp.unlisten(listener, this.#host.now);
  }

  read(flags: number, count: number): Call {
    if (!areReadFlags(flags)) return done(fail(Errno.EOPNOTSUPP));
    const parts: Uint8Array[] = [];
    const waits = !mustNotWait(this, flags);
    return { attempt: () => this.#read(flags, count, waits, parts) };
  }

  /** @param parts What has been read already, with MSG_WAITALL. */
  #read(flags: number, count: number, waits: boolean, parts: Uint8Array[]): Reply | undefined {
    const tcb = this.#tcb;
    if (tcb === undefined) return fail(Errno.ENOTCONN);
    let length = parts.reduce((sum, part) => sum + part.length, 0);
    const part = this.#take(tcb, count - length, (flags & Msg.PEEK) !== 0);
    if (part.length > 0) parts.push(part);
    length += part.length;
    const waitsForAll = (flags & (Msg.WAITALL | Msg.PEEK)) === Msg.WAITALL && length < count;
    const text = () => received(parts, length, (flags & Msg.TRUNC) !== 0);
    if (length > 0 && !waitsForAll || count === 0) return text();
    if (!this.#tcp.isAtEnd(tcb) && !hasPeerFin(tcb)) {
      const errno = length > 0 ? 0 : this.#takeError();
      if (errno !== 0) return fail(errno);
      const canCome = tcb.state !== State.CLOSED && !this.#readsNoMore;
      if (canCome && waits) return undefined;
      if (canCome && length === 0) return fail(Errno.EAGAIN);
    }
    return text();
  }

  /** Reads what is there, `most` bytes at most. */
  #take(tcb: Tcb, most: number, peeks: boolean): Uint8Array {
    const bytes = new Uint8Array(Math.min(tcb.receiveBuffer.length, most));
    if (!peeks) return bytes.subarray(0, this.#tcp.receiveText(tcb, bytes, this.#host.now));
    tcb.receiveBuffer.peek(0, bytes.length, bytes, 0);
    return bytes;
  }

  write(flags: number, _endpoint: Endpoint, bytes: Uint8Array): Call {
    if (!areWriteFlags(flags)) return done(fail(Errno.EOPNOTSUPP));
    const waits = !mustNotWait(this, flags);
    let taken = 0;
    return {
      size: bytes.length,
      attempt: () => {
        const tcb = this.#tcb;
        if (tcb === undefined) return fail(Errno.EPIPE);
        if (isOpening(tcb) && !tcb.finQueued) return waits ? undefined : fail(Errno.EAGAIN);
        if (tcb.finQueued || tcb.reason !== CloseReason.NONE) {
          if (taken > 0) return { result: taken };
          return fail(this.#takeError() || Errno.EPIPE);
        }
        taken += this.#tcp.send(tcb, bytes.subarray(taken), this.#host.now);
        if (taken < bytes.length && waits) return undefined;
        return taken > 0 || bytes.length === 0 ? { result: taken } : fail(Errno.EAGAIN);
      },
    };
  }

  shutdown(how: number): Reply {
    if (how !== SHUT_RD && how !== SHUT_WR && how !== SHUT_RDWR) return fail(Errno.EINVAL);
    const tcb = this.#tcb;
    if (this.#listener !== undefined) {
      if (how !== SHUT_WR) this.#stopListening();
      return DONE;
    }
    if (tcb === undefined || isOver(tcb)) return fail(Errno.ENOTCONN);
    if (tcb.state === State.SYN_SENT) return this.#disconnect();
    if (how !== SHUT_WR) this.#readsNoMore = true;
    if (how !== SHUT_RD) this.#tcp.close(tcb, this.#host.now);
    return DONE;
  }

  close(): Call {
    const tcb = this.#tcb;
    if (this.#listener !== undefined) this.#stopListening();
    if (tcb === undefined) return done(DONE);
    const { lingers, lingerTime } = this.#options;
    if (lingers && lingerTime === 0) tcb.linger = 0; // the end is a RST
    this.#tcp.release(tcb, this.#host.now);
    if (!lingers || lingerTime <= 0) return done(DONE);
    const deadline = this.#host.now + 1000 * lingerTime;
    return {
      deadline,
      attempt: () => this.#host.now >= deadline || !isClosing(tcb) ? DONE : undefined,
    };
  }

  getOption(level: number, name: number): Uint8Array | number {
    if (level === Level.SOCKET && name === SocketOption.ERROR) {
      return Uint8Array.of(this.#takeError(), 0, 0, 0);
    }
    return getOption(this.#options, this.#tcb, this.#host, level, name);
  }

  setOption(level: number, name: number, bytes: Uint8Array): Reply {
    const reply = setOption(this.#options, this.#tcb, this.#host, level, name, bytes);
    if (this.#listener !== undefined) this.#listener.options = this.#options.forNewConnection();
    return reply;
  }

  bytesToRead(): number {
    if (this.#listener !== undefined) return -Errno.EINVAL;
    return this.#tcb?.receiveBuffer.length ?? 0;
  }

  bytesToSend(): number {
    const tcb = this.#tcb;
    if (this.#listener !== undefined) return -Errno.EINVAL;
    if (tcb === undefined || isOpening(tcb) || isOver(tcb)) return 0;
    const finIsOut = tcb.finQueued && tcb.state !== State.FIN_WAIT_2;
    return tcb.sendBuffer.length + Number(finIsOut); // Linux counts the FIN
  }

  events(): number {
    if (this.#listener !== undefined) {
      return this.#listener.queue.length > 0 ? Poll.IN | Poll.RDNORM : 0;
    }
    const tcb = this.#tcb;
    if (tcb === undefined) return Poll.OUT | Poll.WRNORM | Poll.HUP;
    if (isOpening(tcb)) return 0;
    const over = isOver(tcb);
    const readEnded = over || this.#readsNoMore || peerHasClosed(tcb.state);
    const writeEnded = over || tcb.finQueued;
    let events = 0;
    if (readEnded || tcb.receiveBuffer.length > 0) events |= Poll.IN | Poll.RDNORM;
    if (readEnded) events |= Poll.RDHUP;
    if (readEnded && writeEnded) events |= Poll.HUP;
    // Linux waits until a third of the buffer is free.
    const { free, length } = tcb.sendBuffer;
    if (writeEnded || (free > 0 && free >= length / 2)) events |= Poll.OUT | Poll.WRNORM;
    if (this.#error() !== 0) events |= Poll.ERR;
    return events;
  }

  /** What has ended the connection, unless it has been told. */
  #error(): number {
    const tcb = this.#tcb;
    return tcb === undefined || this.#errorWasTold ? 0 : errnoOf(tcb);
  }

  #takeError(): number {
    const errno = this.#error();
    if (errno !== 0) this.#errorWasTold = true;
    return errno;
  }
}

function overlap(a: Binding, b: Binding): boolean {
  return a.port === b.port &&
    (a.address === null || b.address === null || a.address.equals(b.address));
}

function isOpening(tcb: Tcb): boolean {
  return tcb.state === State.SYN_SENT || tcb.state === State.SYN_RECEIVED;
}

/** Whether Linux would say that the socket is closed. */
function isOver(tcb: Tcb): boolean {
  return tcb.state === State.CLOSED || tcb.state === State.TIME_WAIT;
}

/** Whether our FIN is still on its way. */
function isClosing(tcb: Tcb): boolean {
  return tcb.finQueued && !isOver(tcb) && tcb.state !== State.FIN_WAIT_2;
}

/** Whether all that the peer had to say has come. */
function hasPeerFin(tcb: Tcb): boolean {
  return tcb.peerFinSeen && tcb.rcv.nxt === ((tcb.peerFin + 1) >>> 0);
}

function errnoOf(tcb: Tcb): number {
  switch (tcb.reason) {
    case CloseReason.NONE:
    case CloseReason.NORMAL:
      return 0;
    case CloseReason.RESET: // in CLOSE_WAIT there is nothing to read any more
      return hasPeerFin(tcb) ? Errno.EPIPE : Errno.ECONNRESET;
    case CloseReason.REFUSED:
      return Errno.ECONNREFUSED;
    case CloseReason.TIMED_OUT:
      return Errno.ETIMEDOUT;
    case CloseReason.UNREACHABLE:
      return Errno.EHOSTUNREACH;
    case CloseReason.ABORTED:
      return Errno.ECONNABORTED;
  }
}

/** The answer to READ. With MSG_TRUNC the text is only counted. */
function received(parts: readonly Uint8Array[], length: number, onlyCounts: boolean): Reply {
  const body = new BodyWriter().endpoint(null).u32(onlyCounts ? 0 : length);
  if (!onlyCounts) { for (const part of parts) body.bytes(part); }
  return { result: length, rest: body.finish() };
}
