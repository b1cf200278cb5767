/**
 * What traceroute sends, and how it knows what an answer is about.
 *
 * @module
 */

import type { UdpReceiver } from "../net/udp.ts";
import type { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import { formatAddress, sourceTo } from "./addresses.ts";
import type { SocketContext } from "./context.ts";
import { EchoSession } from "./echo_session.ts";
import { checkPort } from "./errors.ts";
import { type IcmpErrorKind, type IcmpReport, icmpReport } from "./icmp_report.ts";

/** An answer to a probe. */
export interface TraceReply {
  /** Who has sent it. */
  readonly address: string;
  /** The round-trip time, in milliseconds. */
  readonly time: number;
  /** What it says: of a router on the way, `time-exceeded`; of the host, `reply` or an error. */
  readonly kind: "reply" | IcmpErrorKind;
  /** Of `too-big`: the largest packet that gets through, in bytes; 0 if that is not known. */
  readonly mtu: number;
}

/** Sends probes, which it counts from 0. */
export interface Prober {
  /** Number of the probe that is sent next. */
  readonly next: number;
  /** Gets each answer, with the number of the probe. */
  told: (probe: number, reply: TraceReply) => void;
  /** Sends the next probe; one that the device has no room for is lost like any other. */
  send(ttl: number): void;
  close(): void;
}

/** What UDP probes are like. */
export interface UdpProbeOptions {
  /** The port of the first probe. */
  port: number;
  /** How many there are to be at most. */
  probes: number;
  /** Bytes of data. */
  size: number;
  source: string | undefined;
}

/** Sends datagrams, each to another port: where nobody listens, the host says so. */
export class UdpProber implements Prober {
  next = 0;
  told: (probe: number, reply: TraceReply) => void = () => {};
  #context: SocketContext;
  #remote: IpAddress;
  #source: IpAddress;
  #port: number;
  #data: Uint8Array;
  #receiver: UdpReceiver;
  #sentAt: number[] = [];

  /** @throws As {@linkcode EchoSession}; {@linkcode RangeError} if there are not so many ports. */
  constructor(
    context: SocketContext,
    remote: IpAddress,
    { port, probes, size, source }: UdpProbeOptions,
  ) {
    const { udp, ip } = context.stack;
    this.#context = context;
    this.#remote = remote;
    this.#source = sourceTo(ip, remote, source);
    this.#port = checkPort(port, 1);
    if (port + probes - 1 > 65535) {
      throw new RangeError(`There are no ${probes} ports from ${port} on: start with a lower one`);
    }
    const most = udp.maxPayload(remote);
    if (!Number.isInteger(size) || size < 0 || size > most) {
      throw new RangeError(`A datagram carries 0 to ${most} bytes: got ${size}`);
    }
    this.#data = crypto.getRandomValues(new Uint8Array(size));
    this.#receiver = {
      address: this.#source,
      port: udp.freePort(),
      datagram: ({ packet, sourcePort }) => {
        const isAnswer = packet.source.equals(remote) && this.#hasSent(sourcePort - port);
        if (!isAnswer) return Drop.UDP_NO_PORT;
        const kind = "reply";
        this.#tell(sourcePort - port, { from: formatAddress(ip, packet.source), kind, mtu: 0 });
        return Drop.NONE;
      },
      error: (error) => {
        const probe = error.remotePort - port;
        if (!error.remote.equals(remote) || !this.#hasSent(probe)) return Drop.ICMP_UNMATCHED;
        this.#tell(probe, icmpReport(ip, error));
        return Drop.NONE;
      },
    };
    if (this.#receiver.port === 0 || !udp.bind(this.#receiver)) {
      throw new Deno.errors.AddrInUse("Every ephemeral port is in use");
    }
  }

  #hasSent(probe: number): boolean {
    return this.#sentAt[probe] !== undefined;
  }

  #tell(
    probe: number,
    { from, kind, mtu }: Pick<IcmpReport, "from" | "mtu"> & Pick<TraceReply, "kind">,
  ): void {
    const time = this.#context.now() - this.#sentAt[probe]!;
    this.told(probe, { address: from, time, kind, mtu });
  }

  send(ttl: number): void {
    const { stack: { udp } } = this.#context;
    const probe = this.next++;
    this.#sentAt[probe] = this.#context.now();
    const options = { ttl, tos: 0, dontFragment: false };
    const { port } = this.#receiver;
    udp.send(this.#source, port, this.#remote, this.#port + probe, this.#data, options);
    this.#context.kick();
  }

  close(): void {
    this.#context.stack.udp.unbind(this.#receiver);
  }
}

/** Sends echo requests, each with another number. */
export class EchoProber implements Prober {
  next = 0;
  told: (probe: number, reply: TraceReply) => void = () => {};
  #session: EchoSession;

  /** @throws As {@linkcode EchoSession}. */
  constructor(
    context: SocketContext,
    remote: IpAddress,
    options: { size: number; source: string | undefined },
  ) {
    this.#session = new EchoSession(context, remote, options, (result) => {
      if (result.kind === "timeout") return;
      const { sequence, time } = result;
      const { from, kind, mtu } = result.kind === "reply" ? { ...result, mtu: 0 } : result.report;
      this.told(sequence - 1, { address: from, time, kind, mtu });
    });
  }

  send(ttl: number): void {
    this.#session.send(++this.next, ttl);
  }

  close(): void {
    this.#session.close();
  }
}
