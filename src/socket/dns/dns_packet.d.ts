/**
 * The types of what is used of the npm package `dns-packet`. Those on npm would bring all of Node's
 * along, in a version of their own choice.
 *
 * @module
 */

import type { Buffer } from "node:buffer";

interface Owned<T extends string> {
  type: T;
  name: string;
  class?: string;
  ttl?: number;
}

interface Holding<T extends string, D> extends Owned<T> {
  data: D;
}

interface Opt {
  type: "OPT";
  name: ".";
  udpPayloadSize: number;
  extendedRcode: number;
  ednsVersion: number;
  flags: number;
  options: [];
}

export type Answer =
  | Holding<"A" | "AAAA" | "CNAME" | "NS" | "PTR", string>
  | Holding<"MX", { preference?: number; exchange: string }>
  | Holding<"TXT", string | Buffer | (string | Buffer)[]>
  | Holding<"SRV", { priority?: number; weight?: number; port: number; target: string }>
  | Holding<"SOA", {
    mname: string;
    rname: string;
    serial?: number;
    refresh?: number;
    retry?: number;
    expire?: number;
    minimum?: number;
  }>
  | Opt;

export interface Packet {
  type?: "query" | "response";
  id?: number;
  flags?: number;
  questions?: { type: string; name: string; class?: string }[];
  answers?: Answer[];
  authorities?: Answer[];
  additionals?: Answer[];
}

/** Names are in UTF-8, without a dot at the end; the root is `.`. */
export function encode(packet: Packet): Buffer;

/** Throws an `Error` if the message is broken. Records of other types than these come too. */
export function decode(message: Buffer): Packet;
