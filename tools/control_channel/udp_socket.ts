/**
 * UDP sockets of the channel, with what Linux does and says in each case.
 *
 * @module
 */

import { ErrorKind, type TransportError } from "../../src/base/network.ts";
import type { Datagram, UdpReceiver } from "../../src/net/udp.ts";
import type { IpAddress } from "../../src/wire/address.ts";
import { Drop } from "../../src/wire/drop.ts";
import { BodyWriter, type Endpoint } from "./frames.ts";
import { Errno, Level, Msg, Poll, SocketOption } from "./linux.ts";
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

/** Most datagrams that wait to be read. */
const MAX_WAITING = 256;

/** A UDP socket. The only options that it has are SO_REUSEADDR, without effect, and SO_ERROR. */
export class UdpSocket implements Socket, UdpReceiver {
  isNonBlocking = false;
  /** Where it is bound, with a port other than 0 once it is. */
  address: IpAddress | null = null;
  port = 0;
  #host: Host;
  #peer: Endpoint = null;
  /** What an ICMP error has told of the peer, until that is told in turn. */
  #error = 0;
  #waiting: { from: Endpoint; bytes: Uint8Array }[] = [];

  constructor(host: Host) {
    this.#host = host;
  }

  bind(endpoint: Endpoint): Reply {
    if (endpoint === null || endpoint.address.family !== 4) return fail(Errno.EAFNOSUPPORT);
    if (this.port !== 0) return fail(Errno.EINVAL);
    const { stack } = this.#host;
    const address = endpoint.address.isUnspecified ? null : endpoint.address;
    if (address !== null && !stack.ip.isOwn(address)) return fail(Errno.EADDRNOTAVAIL);
    return this.#bindTo(address, endpoint.port || stack.udp.freePort());
  }

  #bindTo(address: IpAddress | null, port: number): Reply {
    this.address = address;
    this.port = port;
    if (port !== 0 && this.#host.stack.udp.bind(this)) return DONE;
    this.port = 0;
    return fail(Errno.EADDRINUSE);
  }

  listen(_backlog: number): Reply {
    return fail(Errno.EOPNOTSUPP);
  }

  accept(): Call {
    return done(fail(Errno.EOPNOTSUPP));
  }

  /** Has the socket take datagrams from there only, and send there; with `null`, no longer. */
  connect(endpoint: Endpoint): Call {
    if (endpoint !== null) {
      const errno = this.#unreachable(endpoint);
      if (errno !== 0) return done(fail(errno));
      if (this.port === 0) {
        const reply = this.#bindTo(null, this.#host.stack.udp.freePort());
        if (reply.result < 0) return done(reply);
      }
    }
    this.#peer = endpoint;
    return done(DONE);
  }

  #unreachable(endpoint: NonNullable<Endpoint>): number {
    if (endpoint.address.family !== 4) return Errno.EAFNOSUPPORT;
    return this.#host.stack.ip.sourceFor(endpoint.address) === undefined ? Errno.ENETUNREACH : 0;
  }

  datagram({ packet, at, end, sourcePort }: Datagram): Drop {
    if (this.#waiting.length >= MAX_WAITING) return Drop.UDP_QUEUE_FULL;
    const peer = this.#peer;
    if (peer !== null && !(peer.port === sourcePort && peer.address.equals(packet.source))) {
      return Drop.UDP_NO_PORT;
    }
    const from = { address: packet.source.clone(), port: sourcePort };
    this.#waiting.push({ from, bytes: packet.bytes.slice(at, end) });
    return Drop.NONE;
  }

  /** Only the peer of a connected socket is told of, as udp(7) has it. */
  error({ kind, remote, remotePort }: TransportError): Drop {
    const peer = this.#peer;
    if (peer === null) return Drop.NONE;
    if (peer.port !== remotePort || !peer.address.equals(remote)) return Drop.ICMP_UNMATCHED;
    if (kind === ErrorKind.PORT_UNREACHABLE) this.#error = Errno.ECONNREFUSED;
    return Drop.NONE;
  }

  #takeError(): number {
    const error = this.#error;
    this.#error = 0;
    return error;
  }

  read(flags: number, count: number): Call {
    if (!areReadFlags(flags)) return done(fail(Errno.EOPNOTSUPP));
    const waits = !mustNotWait(this, flags);
    return {
      attempt: () => {
        const errno = this.#takeError();
        if (errno !== 0) return fail(errno);
        const first = this.#waiting[0];
        if (first === undefined) return waits ? undefined : fail(Errno.EAGAIN);
        if ((flags & Msg.PEEK) === 0) this.#waiting.shift();
        const { from, bytes } = first;
        const taken = bytes.subarray(0, count); // the rest is lost
        return {
          result: (flags & Msg.TRUNC) !== 0 ? bytes.length : taken.length,
          rest: new BodyWriter().endpoint(from).counted(taken).finish(),
        };
      },
    };
  }

  write(flags: number, endpoint: Endpoint, bytes: Uint8Array): Call {
    if (!areWriteFlags(flags)) return done(fail(Errno.EOPNOTSUPP));
    return done(this.#write(endpoint ?? this.#peer, bytes));
  }

  #write(to: Endpoint, bytes: Uint8Array): Reply {
    const { udp, ip } = this.#host.stack;
    const pending = this.#takeError();
    if (pending !== 0) return fail(pending);
    if (to === null) return fail(Errno.EDESTADDRREQ);
    if (to.port === 0) return fail(Errno.EINVAL);
    const errno = this.#unreachable(to);
    if (errno !== 0) return fail(errno);
    if (this.port === 0) {
      const reply = this.#bindTo(null, udp.freePort());
      if (reply.result < 0) return reply;
    }
    if (bytes.length > udp.maxPayload(to.address)) return fail(Errno.EMSGSIZE);
    const source = this.address ?? ip.sourceFor(to.address)!;
    const sent = udp.send(source, this.port, to.address, to.port, bytes);
    return sent ? { result: bytes.length } : fail(Errno.ENOBUFS);
  }

  shutdown(_how: number): Reply {
    return fail(this.#peer === null ? Errno.ENOTCONN : Errno.EOPNOTSUPP);
  }

  close(): Call {
    if (this.port !== 0) this.#host.stack.udp.unbind(this);
    return done(DONE);
  }

  getOption(level: number, name: number): Uint8Array | number {
    if (!isKnown(level, name)) return -Errno.ENOPROTOOPT;
    return Uint8Array.of(name === SocketOption.ERROR ? this.#takeError() : 0, 0, 0, 0);
  }

  setOption(level: number, name: number, bytes: Uint8Array): Reply {
    if (!isKnown(level, name) || name === SocketOption.ERROR) return fail(Errno.ENOPROTOOPT);
    return bytes.length < 4 ? fail(Errno.EINVAL) : DONE;
  }

  bytesToRead(): number {
    return this.#waiting[0]?.bytes.length ?? 0;
  }

  bytesToSend(): number {
    return 0;
  }

  events(): number {
    let events: number = Poll.OUT | Poll.WRNORM;
    if (this.#waiting.length > 0) events |= Poll.IN | Poll.RDNORM;
    if (this.#error !== 0) events |= Poll.ERR;
    return events;
  }
}

function isKnown(level: number, name: number): boolean {
  return level === Level.SOCKET &&
    (name === SocketOption.REUSEADDR || name === SocketOption.ERROR);
}
