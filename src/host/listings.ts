/**
 * What a stack is and knows, for people and programs to read.
 *
 * @module
 */

import { Ethernet } from "../net/ethernet.ts";
import { type AddressOrigin, AddressState } from "../net/interface.ts";
import { formatAddress, formatEnd } from "../socket/addresses.ts";
import type { Stack } from "../stack/stack.ts";
import { tcpInfo } from "../tcp/info.ts";
import type { IpAddress } from "../wire/address.ts";
import { formatMac } from "../wire/mac.ts";

/** An interface. */
export interface InterfaceInfo {
  /** That of its device. */
  readonly name: string;
  /** Its hardware address, if it is an Ethernet. */
  readonly mac: string | undefined;
  /** Largest packet of IPv4, in bytes. */
  readonly mtu: number;
  /** Largest packet of IPv6, in bytes. */
  readonly mtu6: number;
  /** Its addresses, in no particular order. */
  readonly addresses: readonly AddressInfo[];
}

/** An address of an interface. */
export interface AddressInfo {
  /** Such as `10.0.0.2`, or `fe80::1%tap0`. */
  readonly address: string;
  /** How many leading bits its neighbors have in common with it. */
  readonly prefixLength: number;
  /** How it came about. */
  readonly origin: AddressOrigin;
  /** Whether it may be used, and for what (RFC 4862 §2, RFC 4429). */
  readonly state: AddressStateName;
  /** How long it still is good for, in milliseconds; `Infinity`: for ever. */
  readonly validFor: number;
}

/** The name of an address's state. */
export type AddressStateName = "tentative" | "optimistic" | "preferred" | "deprecated";

/** Somebody on a link. */
export interface NeighborEntry {
  /** Such as `10.0.0.1`, or `fe80::1%tap0`. */
  readonly address: string;
  /** `undefined` as long as it is not known. */
  readonly mac: string | undefined;
  /** How well it is known (RFC 4861 §7.3.2). */
  readonly state: string;
  /** How long it has been known so, in milliseconds. */
  readonly age: number;
  /** The name of the interface that it is reached by. */
  readonly interface: string;
}

/** A way to a network. */
export interface RouteInfo {
  /** Such as `10.0.0.0/24`. */
  readonly network: string;
  /** `undefined` for neighbors on the link. */
  readonly gateway: string | undefined;
  /** The name of the interface. */
  readonly interface: string;
  /** Of two routes to equal networks, the lower one is taken. */
  readonly metric: number;
  /** How long it still holds, in milliseconds; `Infinity`: for ever. */
  readonly validFor: number;
}

/** A TCP connection. */
export interface ConnectionInfo {
  /** Our end: `10.0.0.2:7`, or `[fd00::2]:7`. */
  readonly local: string;
  /** The peer's end. */
  readonly remote: string;
  /** As RFC 9293 calls it. */
  readonly state: string;
  /** Smoothed round-trip time in milliseconds; 0 before the first measurement. */
  readonly rtt: number;
  /** Bytes of text sent, those sent again included. */
  readonly bytesSent: number;
  /** Bytes of text received. */
  readonly bytesReceived: number;
}

const STATE_NAMES = Object.fromEntries(
  Object.entries(AddressState).map(([name, state]) => [state, name.toLowerCase()]),
) as Record<AddressState, AddressStateName>;

/** The interfaces but loopback. */
export function listInterfaces({ ip }: Stack, now: number): InterfaceInfo[] {
  return ip.interfaces.slice(1).map((one) => ({
    name: one.name,
    mac: one.layer.mac === null ? undefined : formatMac(one.layer.mac),
    mtu: one.mtu(4),
    mtu6: one.mtu(6),
    addresses: one.addresses.map(({ address, prefixLength, origin, state, validUntil }) => ({
      address: formatAddress(ip, address),
      prefixLength,
      origin,
      state: STATE_NAMES[state],
      validFor: validUntil - now,
    })),
  }));
}

/** The neighbors on all links, of both families. */
export function listNeighbors({ ip }: Stack, now: number): NeighborEntry[] {
  return ip.interfaces.flatMap(({ name, layer }) => {
    if (!(layer instanceof Ethernet)) return [];
    return [...layer.neighbors4.entries(now), ...layer.neighbors6.entries(now)].map((
      { address, mac, state, age },
    ) => ({
      address: formatAddress(ip, address),
      mac: mac === null ? undefined : formatMac(mac),
      state,
      age,
      interface: name,
    }));
  });
}

/** The routes of all interfaces but loopback. */
export function listRoutes({ ip }: Stack, now: number): RouteInfo[] {
  return ip.routes.all.filter((route) => !route.interface.isLoopback).map((route) => ({
    network: `${route.prefix}/${route.length}`,
    gateway: route.gateway === null ? undefined : formatAddress(ip, route.gateway),
    interface: route.interface.name,
    metric: route.metric,
    validFor: route.expiresAt - now,
  }));
}

/** The TCP connections; of those in TIME_WAIT nothing is left to count. */
export function listConnections({ ip, tcp }: Stack, now: number): ConnectionInfo[] {
  const end = (address: IpAddress, port: number) => formatEnd(formatAddress(ip, address), port);
  const open = Array.from(tcp.connections(), (tcb) => {
    const { state, rtt, traffic } = tcpInfo(tcb, now);
    const { bytesSent, bytesReceived } = traffic;
    return {
      local: end(tcb.local, tcb.localPort),
      remote: end(tcb.remote, tcb.remotePort),
      state,
      rtt,
      bytesSent,
      bytesReceived,
    };
  });
  const waiting = Array.from(
    tcp.timeWaits(),
    ({ local, localPort, remote, remotePort }) => ({
      local: end(local, localPort),
      remote: end(remote, remotePort),
      state: "TIME_WAIT",
      rtt: 0,
      bytesSent: 0,
      bytesReceived: 0,
    }),
  );
  return [...open, ...waiting];
}
