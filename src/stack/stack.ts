/**
 * The stack: joins IP, ICMP, UDP and TCP, without I/O and without a clock.
 *
 * @module
 */

import { Counters } from "../base/counters.ts";
import type { Env } from "../base/env.ts";
import { DEFAULT_ICMP_CONFIG, Icmp, type IcmpConfig } from "../net/icmp.ts";
import { Ip } from "../net/ip.ts";
import type { Link } from "../net/link_layer.ts";
import { Udp } from "../net/udp.ts";
import { DEFAULT_TCP_CONFIG, type TcpConfig } from "../tcp/config.ts";
import { Tcp } from "../tcp/tcp.ts";
import type { IpAddress } from "../wire/address.ts";
import { Drop } from "../wire/drop.ts";
import { ICMP_TYPE, ICMP_UNREACHABLE } from "../wire/icmp.ts";
import type { Packet } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";

/** What a stack is made of. */
export interface StackOptions {
  /** Where packets go. */
  readonly link: Link;
  /** The stack's own addresses; at least one. */
  readonly addresses: readonly IpAddress[];
  /** Settings of TCP; those left out have their defaults. */
  readonly tcp?: Partial<TcpConfig>;
  /** Settings of ICMP; those left out have their defaults. */
  readonly icmp?: Partial<IcmpConfig>;
}

/**
 * One host. Times are in milliseconds and must not go backwards.
 *
 * Whoever runs it calls {@linkcode receive} for each packet of a batch, then {@linkcode poll}; and
 * `poll` again when {@linkcode nextDeadline} has come, or after calls to `udp` or `tcp`.
 */
export class Stack {
  readonly counters: Counters = new Counters();
  readonly ip: Ip;
  readonly icmp: Icmp;
  readonly udp: Udp;
  readonly tcp: Tcp;

  constructor(options: StackOptions, env: Env) {
    this.ip = new Ip(options.link, options.addresses, this.counters, env);
    this.icmp = new Icmp(this.ip, this.counters, { ...DEFAULT_ICMP_CONFIG, ...options.icmp });
    this.udp = new Udp(this.ip, this.counters, env);
    this.tcp = new Tcp(this.ip, this.counters, env, { ...DEFAULT_TCP_CONFIG, ...options.tcp });
    this.icmp.errorReceivers.set(PROTOCOL.TCP, this.tcp).set(PROTOCOL.UDP, this.udp);
  }

  /** Takes one packet from the link. The bytes are lent. */
  receive(packet: Packet, now: number): void {
    const drop = this.ip.receive(packet);
    const why = drop === Drop.NONE ? this.#deliver(packet, now) : drop;
    if (why !== Drop.NONE) this.counters.drop(why);
  }

  #deliver(packet: Packet, now: number): Drop {
    switch (packet.protocol) {
      case PROTOCOL.TCP:
        return this.tcp.receive(packet, now);
      case PROTOCOL.UDP:
        return this.#deliverUdp(packet, now);
      case PROTOCOL.ICMP:
        return this.icmp.receive(packet, now);
      default:
        this.#unreachable(ICMP_UNREACHABLE.PROTOCOL, packet, now);
        return Drop.IP_UNKNOWN_PROTOCOL;
    }
  }

  #deliverUdp(packet: Packet, now: number): Drop {
    const drop = this.udp.receive(packet);
    if (drop === Drop.UDP_NO_PORT) this.#unreachable(ICMP_UNREACHABLE.PORT, packet, now);
    return drop;
  }

  /** Tells the sender that nobody takes its packet (RFC 1122 §3.2.2.1). */
  #unreachable(code: number, packet: Packet, now: number): void {
    this.icmp.sendError(ICMP_TYPE.DESTINATION_UNREACHABLE, code, packet, now);
  }

  /** Ends a batch: does what is due at `now`, tells users, and sends. */
  poll(now: number): void {
    this.tcp.poll(now);
    this.tcp.flush(now);
  }

  /** When {@linkcode poll} has to be called at the latest, in ms; `Infinity`: no time is set. */
  nextDeadline(): number {
    return this.tcp.nextDeadline();
  }
}
