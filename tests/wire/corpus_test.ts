/**
 * Packets that real kernels sent (../corpus/kernel_packets.txt), read by our views, beside what
 * tshark read in them.
 */

import { assert, assertEquals } from "@std/assert";
import { IpAddress } from "../../src/wire/address.ts";
import { pseudoHeaderSum } from "../../src/wire/checksum.ts";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import { checkIcmp, ICMP_HEADER, ICMP_TYPE, IcmpHeader } from "../../src/wire/icmp.ts";
import { checkIpv4, Ipv4Header } from "../../src/wire/ipv4.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import { checkTcp, TCP_MIN_HEADER, TcpHeader } from "../../src/wire/tcp.ts";
import { TcpOptions } from "../../src/wire/tcp_options.ts";
import { checkUdp, UdpHeader } from "../../src/wire/udp.ts";
import { bytesOf } from "./hex.ts";

type Fields = Record<string, string>;

interface Sample {
  title: string;
  fields: Fields;
  bytes: Uint8Array<ArrayBuffer>;
}

/** Bytes in front of each packet, so that offsets are not zero by chance. */
const HEADROOM = 7;

/** What stands in a checksum field before it is written anew. */
const SPOILT = 0xdead;

function readCorpus(): Sample[] {
  const text = Deno.readTextFileSync(new URL("../corpus/kernel_packets.txt", import.meta.url));
  const [_head, ...samples] = text.trim().split("\n\n");
  return samples.map((sample) => {
    const [title = "", fields = "", hex = ""] = sample.split("\n");
    return {
      title,
      fields: Object.fromEntries(fields.split(" ").map((field) => field.split("="))),
      bytes: bytesOf(hex),
    };
  });
}

const ip = new Ipv4Header();
const icmp = new IcmpHeader();
const udp = new UdpHeader();
const tcp = new TcpHeader();
const options = new TcpOptions();

const hex = (value: number, digits: number) => `0x${value.toString(16).padStart(digits, "0")}`;
const bit = (on: boolean) => (on ? "1" : "0");

function readIp(view: DataView, at: number): Fields {
  ip.bind(view, at);
  return {
    "ip.hdr_len": `${ip.headerLength}`,
    "ip.dsfield": hex(ip.tos, 2),
    "ip.len": `${ip.totalLength}`,
    "ip.id": hex(ip.identification, 4),
    "ip.flags.df": bit(ip.dontFragment),
    "ip.flags.mf": bit(ip.moreFragments),
    "ip.frag_offset": `${ip.fragmentOffset / 8}`,
    "ip.ttl": `${ip.ttl}`,
    "ip.proto": `${ip.protocol}`,
    "ip.checksum": hex(ip.checksum, 4),
    "ip.src": IpAddress.scratch().load4(view, at + 12).toString(),
    "ip.dst": IpAddress.scratch().load4(view, at + 16).toString(),
  };
}

function readIcmp(view: DataView, at: number): Fields {
  icmp.bind(view, at);
  const isEcho = icmp.type === ICMP_TYPE.ECHO || icmp.type === ICMP_TYPE.ECHO_REPLY;
  return {
    "icmp.type": `${icmp.type}`,
    "icmp.code": `${icmp.code}`,
    "icmp.checksum": hex(icmp.checksum, 4),
    ...(isEcho && { "icmp.ident": `${icmp.identifier}`, "icmp.seq": `${icmp.sequence}` }),
  };
}

function readUdp(view: DataView, at: number): Fields {
  udp.bind(view, at);
  return {
    "udp.srcport": `${udp.sourcePort}`,
    "udp.dstport": `${udp.destinationPort}`,
    "udp.length": `${udp.length}`,
    "udp.checksum": hex(udp.checksum, 4),
  };
}

function readTcp(view: DataView, at: number): Fields {
  tcp.bind(view, at);
  options.parse(view, at + TCP_MIN_HEADER, at + tcp.dataOffset);
  const edges = [...options.sackEdges.subarray(0, 2 * options.sackBlocks)];
  return {
    "tcp.srcport": `${tcp.sourcePort}`,
    "tcp.dstport": `${tcp.destinationPort}`,
    "tcp.seq_raw": `${tcp.seq}`,
    "tcp.ack_raw": `${tcp.ack}`,
    "tcp.hdr_len": `${tcp.dataOffset}`,
    "tcp.flags": hex(tcp.flags, 4),
    "tcp.window_size_value": `${tcp.window}`,
    "tcp.checksum": hex(tcp.checksum, 4),
    "tcp.urgent_pointer": `${tcp.urgentPointer}`,
    ...(options.mss !== 0 && { "tcp.options.mss_val": `${options.mss}` }),
    ...(options.windowScale !== -1 && { "tcp.options.wscale.shift": `${options.windowScale}` }),
    ...(options.sackPermitted && { "tcp.options.sack_perm": "0402" }),
    ...(options.timestamps && {
      "tcp.options.timestamp.tsval": `${options.timestampValue}`,
      "tcp.options.timestamp.tsecr": `${options.timestampEcho}`,
    }),
    ...(edges.length !== 0 && {
      "tcp.options.sack_le": edges.filter((_, i) => i % 2 === 0).join(","),
      "tcp.options.sack_re": edges.filter((_, i) => i % 2 === 1).join(","),
    }),
  };
}

/** Reads the transport at `at`, checks it unless it is a fragment, and writes its checksum anew. */
function readTransport(view: DataView, at: number, end: number, complete: boolean): Fields {
  const source = IpAddress.scratch().load4(view, HEADROOM + 12);
  const destination = IpAddress.scratch().load4(view, HEADROOM + 16);
  const pseudo = pseudoHeaderSum(source, destination, ip.protocol, end - at);
  const good = (drop: Drop) => assertEquals(DROP_NAMES[drop], "NONE");
  switch (ip.protocol) {
    case PROTOCOL.ICMP: {
      if (ip.fragmentOffset !== 0) return {};
      const fields = readIcmp(view, at);
      if (complete) {
        good(checkIcmp(view, at, end));
        icmp.checksum = SPOILT;
        icmp.writeChecksum(end);
      }
      return fields;
    }
    case PROTOCOL.UDP: {
      const fields = readUdp(view, at);
      good(checkUdp(view, at, end, pseudo));
      if (udp.checksum === 0) return fields;
      udp.checksum = SPOILT;
      udp.writeChecksum(pseudo);
      return fields;
    }
    case PROTOCOL.TCP: {
      const fields = readTcp(view, at);
      good(checkTcp(view, at, end, pseudo));
      tcp.checksum = SPOILT;
      tcp.writeChecksum(end, pseudo);
      return fields;
    }
    default:
      throw new Error(`The corpus has no packets of protocol ${ip.protocol}`);
  }
}

Deno.test("kernels' packets pass the checks, read as tshark reads them, get the same checksums", () => {
  for (const { title, fields, bytes } of readCorpus()) {
    const padded = new Uint8Array(HEADROOM + bytes.length + 5).fill(0xa5);
    padded.set(bytes, HEADROOM);
    const view = new DataView(padded.buffer);
    const end = HEADROOM + bytes.length;
    assertEquals(DROP_NAMES[checkIpv4(view, HEADROOM, padded.length)], "NONE", title);
    const got = readIp(view, HEADROOM);
    const complete = !ip.moreFragments && ip.fragmentOffset === 0;
    Object.assign(got, readTransport(view, HEADROOM + ip.headerLength, end, complete));
    ip.checksum = SPOILT;
    ip.writeChecksum();
    assertEquals(got, fields, title);
    assertEquals(padded.subarray(HEADROOM, end).toHex(), bytes.toHex(), title);
  }
});

Deno.test("fragments of the kernel's ping join to a message with a good checksum", () => {
  const messages = new Map<string, Uint8Array>();
  for (const { bytes } of readCorpus()) {
    ip.bind(new DataView(bytes.buffer), 0);
    if (!ip.moreFragments && ip.fragmentOffset === 0) continue;
    const payload = bytes.subarray(ip.headerLength);
    const message = messages.get(`${ip.identification}`) ?? new Uint8Array(ICMP_HEADER + 2001);
    message.set(payload, ip.fragmentOffset);
    messages.set(`${ip.identification}`, message);
  }
  assertEquals(messages.size, 2);
  for (const message of messages.values()) {
    const view = new DataView(message.buffer);
    assertEquals(DROP_NAMES[checkIcmp(view, 0, message.length)], "NONE");
  }
});

function firstDrop(bytes: Uint8Array<ArrayBuffer>): Drop {
  const view = new DataView(bytes.buffer);
  const drop = checkIpv4(view, 0, bytes.length);
  if (drop !== Drop.NONE) return drop;
  ip.bind(view, 0);
  const at = ip.headerLength;
  const source = IpAddress.scratch().load4(view, 12);
  const destination = IpAddress.scratch().load4(view, 16);
  const pseudo = pseudoHeaderSum(source, destination, ip.protocol, bytes.length - at);
  switch (ip.protocol) {
    case PROTOCOL.ICMP:
      return checkIcmp(view, at, bytes.length);
    case PROTOCOL.UDP:
      return checkUdp(view, at, bytes.length, pseudo, true);
    default:
      return checkTcp(view, at, bytes.length, pseudo);
  }
}

Deno.test("a kernel's packet with one bit flipped passes no longer", () => {
  const samples = readCorpus().filter(({ fields }) =>
    fields["ip.flags.mf"] === "0" && fields["ip.frag_offset"] === "0" &&
    fields["udp.checksum"] !== "0x0000"
  );
  for (const { title, bytes } of samples) {
    // Every bit of the IP header and of the first bytes behind it.
    const headerLength = (bytes[0]! & 15) * 4;
    for (let i = 0; i < 8 * (headerLength + 8); i++) {
      const flipped = bytes.slice();
      flipped[i >> 3]! ^= 1 << (i & 7);
      assert(firstDrop(flipped) !== Drop.NONE, `${title}, bit ${i}: ${flipped.toHex()}`);
    }
  }
});

Deno.test("the corpus has a packet of each kind that matters", () => {
  const samples = readCorpus();
  const kinds: [what: string, has: (fields: Fields) => boolean][] = [
    ["echo", (f) => f["icmp.type"] === "8"],
    ["echo reply", (f) => f["icmp.type"] === "0"],
    ["port unreachable", (f) => f["icmp.type"] === "3" && f["icmp.code"] === "3"],
    ["fragment", (f) => f["ip.flags.mf"] === "1"],
    ["IP options", (f) => f["ip.hdr_len"] !== "20"],
    ["UDP", (f) => f["udp.checksum"] !== undefined],
    ["UDP without checksum", (f) => f["udp.checksum"] === "0x0000"],
    ["SYN", (f) => f["tcp.flags"] === "0x0002" && f["tcp.options.mss_val"] !== undefined],
    ["SYN with ECN", (f) => f["tcp.flags"] === "0x00c2"],
    ["SYN,ACK", (f) => f["tcp.flags"] === "0x0012"],
    ["data", (f) => f["tcp.flags"] === "0x0018"],
    ["FIN", (f) => f["tcp.flags"] === "0x0011"],
    ["RST", (f) => f["tcp.flags"] === "0x0014"],
    ["timestamps", (f) => f["tcp.options.timestamp.tsval"] !== undefined],
    ["several SACK blocks", (f) => f["tcp.options.sack_le"]?.includes(",") ?? false],
  ];
  for (const [what, has] of kinds) assert(samples.some(({ fields }) => has(fields)), what);
});
