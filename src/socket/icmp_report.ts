/**
 * What others say of our packets by ICMP, as programs see it.
 *
 * @module
 */

import { ErrorKind, type TransportError } from "../base/network.ts";
import type { Ip } from "../net/ip.ts";
import { formatAddress } from "./addresses.ts";

/** What an ICMP error is about (RFC 792, RFC 4443 §3). */
export type IcmpErrorKind =
  | "network-unreachable"
  | "host-unreachable"
  | "protocol-unreachable"
  | "port-unreachable"
  | "too-big"
  | "source-route-failed"
  | "prohibited"
  | "time-exceeded"
  | "parameter-problem";

const NAMES: Readonly<Record<ErrorKind, IcmpErrorKind>> = {
  [ErrorKind.NETWORK_UNREACHABLE]: "network-unreachable",
  [ErrorKind.HOST_UNREACHABLE]: "host-unreachable",
  [ErrorKind.PROTOCOL_UNREACHABLE]: "protocol-unreachable",
  [ErrorKind.PORT_UNREACHABLE]: "port-unreachable",
  [ErrorKind.TOO_BIG]: "too-big",
  [ErrorKind.SOURCE_ROUTE_FAILED]: "source-route-failed",
  [ErrorKind.PROHIBITED]: "prohibited",
  [ErrorKind.TIME_EXCEEDED]: "time-exceeded",
  [ErrorKind.PARAMETER_PROBLEM]: "parameter-problem",
  [ErrorKind.REASSEMBLY_TIME_EXCEEDED]: "time-exceeded",
  [ErrorKind.UNKNOWN_NEXT_HEADER]: "protocol-unreachable",
  [ErrorKind.UNKNOWN_OPTION]: "parameter-problem",
  [ErrorKind.BEYOND_SCOPE]: "network-unreachable",
};

/** An ICMP error. Nobody vouches for it: whoever knows of the packet can have made it up. */
export interface IcmpReport {
  /** What it is about. */
  readonly kind: IcmpErrorKind;
  /** Who says so: a router, or the other end; an address of ours if the packet did not leave. */
  readonly from: string;
  /** Of `too-big`: the largest packet that the path takes, in bytes; 0 if that is not known. */
  readonly mtu: number;
  /** Whether it is this stack that says so: the next host on the way does not answer. */
  readonly isOwn: boolean;
}

/** Keeps what an error says. */
export function icmpReport(ip: Ip, { kind, from, mtu }: TransportError): IcmpReport {
  return { kind: NAMES[kind], from: formatAddress(ip, from), mtu, isOwn: ip.isOwn(from) };
}

/**
 * The error for a program whose packet to `peer` has come to that; the report is its `cause`. The
 * classes are those that TCP connections fail with.
 */
export function icmpError(report: IcmpReport, peer: string): Error {
  const { kind, mtu } = report;
  const says = report.isOwn ? "" : `, says ${report.from}`;
  const cause = { cause: report };
  switch (kind) {
    case "network-unreachable":
    case "source-route-failed":
      return new Deno.errors.NetworkUnreachable(
        `The network of ${peer} can't be reached${says}`,
        cause,
      );
    case "host-unreachable":
      return new Deno.errors.NetworkUnreachable(
        `The host ${peer} can't be reached${says}`,
        cause,
      );
    case "prohibited":
      return new Deno.errors.NetworkUnreachable(`The way to ${peer} is closed${says}`, cause);
    case "time-exceeded":
      return new Deno.errors.NetworkUnreachable(
        `${peer} is too far away, or not all of it arrives${says}`,
        cause,
      );
    case "protocol-unreachable":
      return new Deno.errors.ConnectionRefused(`${peer} does not speak the protocol${says}`, cause);
    case "port-unreachable":
      return new Deno.errors.ConnectionRefused(`Nobody takes datagrams at ${peer}${says}`, cause);
    case "too-big":
      return new RangeError(
        mtu === 0
          ? `The packet was too big for the way to ${peer}${says}`
          : `The packet was too big for the way to ${peer}, which takes ${mtu} bytes${says}`,
        cause,
      );
    case "parameter-problem":
      return new Deno.errors.InvalidData(`A header to ${peer} is taken for wrong${says}`, cause);
  }
}
