/**
 * What Linux hosts and radvd told each other on a link (../corpus/neighbor_packets.txt), read by our
 * views, beside what tshark read in it, and written anew.
 */

import { assert, assertEquals } from "@std/assert";
import { IpAddress } from "../../src/wire/address.ts";
import { pseudoHeaderSum } from "../../src/wire/checksum.ts";
import { Drop, DROP_NAMES } from "../../src/wire/drop.ts";
import { GroupQuery } from "../../src/wire/group_query.ts";
import { type RecordType, writeRecord } from "../../src/wire/group_records.ts";
import { checkIcmpv6, ICMPV6_TYPE, Icmpv6Header } from "../../src/wire/icmpv6.ts";
import {
  checkIgmp,
  IGMP_GROUP,
  IGMP_TYPE,
  writeIgmp,
  writeIgmpChecksum,
  writeIgmpReportHead,
} from "../../src/wire/igmp.ts";
import { checkIpv4, Ipv4Header } from "../../src/wire/ipv4.ts";
import { ExtensionChain } from "../../src/wire/ipv6_extensions.ts";
import { checkIpv6, FragmentHeader, IPV6_HEADER, Ipv6Header } from "../../src/wire/ipv6.ts";
import { formatMac } from "../../src/wire/mac.ts";
import { MLD_GROUP, writeMld, writeMldReportHead } from "../../src/wire/mld.ts";
import {
  ADVERTISEMENT_FLAG,
  checkNd,
  ND_REDIRECT_DESTINATION,
  ND_TARGET,
  NeighborMessage,
  RouterAdvertisement,
  writeNeighborAdvertisement,
  writeNeighborSolicitation,
  writeRedirect,
  writeRouterSolicitation,
} from "../../src/wire/nd.ts";
import {
  ND_OPTION,
  NdOptions,
  PREFIX_FLAG,
  writeLinkAddress,
  writeNdMtu,
  writePrefix,
  writeRdnss,
} from "../../src/wire/nd_options.ts";
import { Packet } from "../../src/wire/packet.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import { bytesOf } from "./hex.ts";

type Fields = Record<string, string>;

interface Sample {
  title: string;
  fields: Fields;
  bytes: Uint8Array<ArrayBuffer>;
}

/** Bytes in front of each packet, so that offsets are not zero by chance. */
const HEADROOM = 7;

function readCorpus(): Sample[] {
  const text = Deno.readTextFileSync(new URL("../corpus/neighbor_packets.txt", import.meta.url));
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

/** The packet of a sample, with padding behind it, filled as IP fills it. */
function packetOf({ bytes }: Sample): Packet {
  const padded = new Uint8Array(HEADROOM + bytes.length + 5).fill(0xa5);
  padded.set(bytes, HEADROOM);
  return new Packet(padded).place(HEADROOM, padded.length);
}

const ipv4 = new Ipv4Header();
const ipv6 = new Ipv6Header();
const chain = new ExtensionChain();
const fragment = new FragmentHeader();
const icmp = new Icmpv6Header();
const neighbor = new NeighborMessage();
const router = new RouterAdvertisement();
const options = new NdOptions();
const query = new GroupQuery();

const good = (drop: Drop, title: string) => assertEquals(DROP_NAMES[drop], "NONE", title);
const hex = (value: number, digits: number) => `0x${value.toString(16).padStart(digits, "0")}`;
const bit = (on: boolean) => (on ? "1" : "0");
const ip6 = (view: DataView, at: number) => `${IpAddress.scratch().load16(view, at)}`;
const ip4 = (view: DataView, at: number) => `${IpAddress.scratch().load4(view, at)}`;
const list = (count: number, read: (i: number) => unknown) =>
  Array.from({ length: count }, (_, i) => read(i)).join(",");

/** Reads the IP header and what lies between it and the transport. */
function readIp(packet: Packet, title: string): Fields {
  const { view, at } = packet;
  if (view.getUint8(at) >>> 4 === 4) {
    good(checkIpv4(view, at, packet.end), title);
    ipv4.bind(view, at);
    packet.protocol = ipv4.protocol;
    packet.transportAt = at + ipv4.headerLength;
    packet.end = at + ipv4.totalLength;
    return { "ip.src": ip4(view, at + 12), "ip.dst": ip4(view, at + 16) };
  }
  good(checkIpv6(view, at, packet.end), title);
  ipv6.bind(view, at);
  packet.end = at + IPV6_HEADER + ipv6.payloadLength;
  packet.ttl = ipv6.hopLimit;
  packet.source.load16(view, at + 8);
  packet.destination.load16(view, at + 24);
  const fields: Fields = {
    "ipv6.tclass": hex(ipv6.trafficClass, 8),
    "ipv6.flow": hex(ipv6.flowLabel, 6),
    "ipv6.plen": `${ipv6.payloadLength}`,
    "ipv6.nxt": `${ipv6.nextHeader}`,
    "ipv6.hlim": `${ipv6.hopLimit}`,
    "ipv6.src": `${packet.source}`,
    "ipv6.dst": `${packet.destination}`,
  };
  const drop = chain.walk(view, at + IPV6_HEADER, ipv6.nextHeader, packet.end);
  // Of the packets with a bad option the kernel said what we say, in the message that follows.
  assertEquals(
    DROP_NAMES[drop],
    title.includes("Len=1") && chain.report ? "IPV6_BAD_OPTION" : "NONE",
  );
  packet.protocol = chain.protocol;
  packet.transportAt = chain.transportAt;
  if (chain.routerAlert) fields["ipv6.opt.router_alert"] = "0";
  const named = `${view.getUint8(at + chain.protocolPointer)}`;
  if (ipv6.nextHeader === PROTOCOL.HOP_BY_HOP) fields["ipv6.hopopts.nxt"] = named;
  if (ipv6.nextHeader === PROTOCOL.DESTINATION_OPTIONS) {
    fields["ipv6.dstopts.nxt"] = `${view.getUint8(at + IPV6_HEADER)}`;
  }
  if (chain.protocol === PROTOCOL.FRAGMENT) {
    fragment.bind(view, chain.transportAt);
    fields["ipv6.fraghdr.nxt"] = `${fragment.nextHeader}`;
    fields["ipv6.fraghdr.offset"] = `${fragment.offset / 8}`;
    fields["ipv6.fraghdr.more"] = bit(fragment.more);
    fields["ipv6.fraghdr.ident"] = hex(fragment.identification, 8);
    if (fragment.offset === 0) good(chain.resume(view, packet.end), title);
  }
  return fields;
}

function pseudo(packet: Packet): number {
  const length = packet.end - packet.transportAt;
  return pseudoHeaderSum(packet.source, packet.destination, PROTOCOL.ICMPV6, length);
}

function readIcmp(packet: Packet, title: string): Fields {
  const { view, transportAt: at, end } = packet;
  good(checkIcmpv6(view, at, end, pseudo(packet)), title);
  return { ...readIcmpHead(view, at), ...readMessage(packet, title) };
}

function readIcmpHead(view: DataView, at: number): Fields {
  icmp.bind(view, at);
  const isEcho = icmp.type === ICMPV6_TYPE.ECHO_REQUEST || icmp.type === ICMPV6_TYPE.ECHO_REPLY;
  return {
    "icmpv6.type": `${icmp.type}`,
    "icmpv6.code": `${icmp.code}`,
    "icmpv6.checksum": hex(icmp.checksum, 4),
    ...(isEcho && {
      "icmpv6.echo.identifier": hex(icmp.identifier, 4),
      "icmpv6.echo.sequence_number": `${icmp.sequence}`,
    }),
    ...(icmp.type === ICMPV6_TYPE.PACKET_TOO_BIG && { "icmpv6.mtu": `${icmp.mtu}` }),
    ...(icmp.type === ICMPV6_TYPE.PARAMETER_PROBLEM && { "icmpv6.pointer": `${icmp.pointer}` }),
  };
}

function readMessage(packet: Packet, title: string): Fields {
  const { view, transportAt: at, end } = packet;
  switch (icmp.type) {
    case ICMPV6_TYPE.ROUTER_SOLICITATION:
    case ICMPV6_TYPE.ROUTER_ADVERTISEMENT:
    case ICMPV6_TYPE.NEIGHBOR_SOLICITATION:
    case ICMPV6_TYPE.NEIGHBOR_ADVERTISEMENT:
    case ICMPV6_TYPE.REDIRECT:
      good(checkNd(packet, options), title);
      return { ...readNd(view, at), ...readOptions(packet) };
    case ICMPV6_TYPE.LISTENER_QUERY:
      good(query.parseMld(view, at, end), title);
      return { "icmpv6.mld.multicast_address": ip6(view, at + MLD_GROUP), ...readMldQuery() };
    case ICMPV6_TYPE.LISTENER_REPORT:
    case ICMPV6_TYPE.LISTENER_DONE:
      return {
        "icmpv6.mld.maximum_response_delay": "0",
        "icmpv6.mld.multicast_address": ip6(view, at + MLD_GROUP),
      };
    default:
      return {};
  }
}

function readNd(view: DataView, at: number): Fields {
  switch (icmp.type) {
    case ICMPV6_TYPE.ROUTER_ADVERTISEMENT:
      router.bind(view, at);
      return {
        "icmpv6.nd.ra.cur_hop_limit": `${router.hopLimit}`,
        "icmpv6.nd.ra.flag.m": bit(router.isManaged),
        "icmpv6.nd.ra.flag.o": bit(router.hasOther),
        "icmpv6.nd.ra.router_lifetime": `${router.lifetime}`,
        "icmpv6.nd.ra.reachable_time": `${router.reachableTime}`,
        "icmpv6.nd.ra.retrans_timer": `${router.retransTimer}`,
      };
    case ICMPV6_TYPE.NEIGHBOR_SOLICITATION:
      return { "icmpv6.nd.ns.target_address": ip6(view, at + ND_TARGET) };
    case ICMPV6_TYPE.NEIGHBOR_ADVERTISEMENT:
      neighbor.bind(view, at);
      return {
        "icmpv6.nd.na.flag.r": bit(neighbor.isRouter),
        "icmpv6.nd.na.flag.s": bit(neighbor.isSolicited),
        "icmpv6.nd.na.flag.o": bit(neighbor.isOverride),
        "icmpv6.nd.na.target_address": ip6(view, at + ND_TARGET),
      };
    case ICMPV6_TYPE.REDIRECT:
      return {
        "icmpv6.nd.rd.target_address": ip6(view, at + ND_TARGET),
        "icmpv6.rd.na.destination_address": ip6(view, at + ND_REDIRECT_DESTINATION),
      };
    default:
      return {};
  }
}

function readOptions({ bytes, view }: Packet): Fields {
  const { prefixes, servers, sourceLinkAddressAt, targetLinkAddressAt } = options;
  const flag = (mask: number) => list(prefixes, (i) => bit((options.prefixFlags[i]! & mask) !== 0));
  return {
    ...(sourceLinkAddressAt !== -1 && {
      "icmpv6.opt.src_linkaddr": formatMac(bytes, sourceLinkAddressAt),
    }),
    ...(targetLinkAddressAt !== -1 && {
      "icmpv6.opt.target_linkaddr": formatMac(bytes, targetLinkAddressAt),
    }),
    ...(options.mtu !== 0 && { "icmpv6.opt.mtu": `${options.mtu}` }),
    ...(prefixes !== 0 && {
      "icmpv6.opt.prefix": list(prefixes, (i) => ip6(view, options.prefixAt[i]!)),
      "icmpv6.opt.prefix.length": list(prefixes, (i) => options.prefixLength[i]),
      "icmpv6.opt.prefix.flag.l": flag(PREFIX_FLAG.ON_LINK),
      "icmpv6.opt.prefix.flag.a": flag(PREFIX_FLAG.AUTONOMOUS),
      "icmpv6.opt.prefix.valid_lifetime": list(prefixes, (i) => options.validLifetime[i]),
      "icmpv6.opt.prefix.preferred_lifetime": list(prefixes, (i) => options.preferredLifetime[i]),
    }),
    ...(servers !== 0 && {
      "icmpv6.opt.rdnss": list(servers, (i) => ip6(view, options.serverAt[i]!)),
      "icmpv6.opt.rdnss.lifetime": `${options.serverLifetime[0]}`,
    }),
  };
}

function readMldQuery(): Fields {
  if (query.version === 1) return { "icmpv6.mld.maximum_response_delay": `${query.maxResponse}` };
  return {
    "icmpv6.mld.maximum_response_code": `${query.maxResponse}`,
    "icmpv6.mld.flag.s": bit(query.suppress),
    "icmpv6.mld.flag.qrv": `${query.robustness}`,
    "icmpv6.mld.qqi": `${query.interval}`,
    "icmpv6.mld.nb_sources": `${query.sources}`,
  };
}

/** Of reports of version 3, which hosts only write, just type and checksum. */
function readIgmp({ view, transportAt: at, end }: Packet, title: string): Fields {
  good(checkIgmp(view, at, end), title);
  const type = view.getUint8(at);
  const fields = { "igmp.type": hex(type, 2), "igmp.checksum": hex(view.getUint16(at + 2), 4) };
  if (type === IGMP_TYPE.V3_REPORT) return fields;
  Object.assign(fields, { "igmp.maddr": ip4(view, at + IGMP_GROUP), "igmp.max_resp": "0" });
  if (type !== IGMP_TYPE.QUERY) return fields;
  good(query.parseIgmp(view, at, end), title);
  return {
    ...fields,
    "igmp.max_resp": `${query.maxResponse / 100}`,
    ...(query.version === 3 && {
      "igmp.s": bit(query.suppress),
      "igmp.qrv": `${query.robustness}`,
      "igmp.qqic": `${query.interval}`,
      "igmp.num_src": `${query.sources}`,
    }),
  };
}

/** The fields of records in reports, which hosts only write: the next test writes them. */
const RECORD_FIELD = /^(icmpv6\.mldr\.|igmp\.(num_grp_recs|record_type|saddr))/;

function withoutRecords({ fields }: Sample): Fields {
  const isReport = fields["igmp.type"] === "0x22";
  return Object.fromEntries(
    Object.entries(fields).filter(([name]) =>
      !RECORD_FIELD.test(name) && !(isReport && /^igmp\.(maddr|num_src)$/.test(name))
    ),
  );
}

Deno.test("what neighbors say passes the checks and is read as tshark reads it", () => {
  for (const sample of readCorpus()) {
    const packet = packetOf(sample);
    const got = readIp(packet, sample.title);
    if (packet.protocol === PROTOCOL.IGMP) Object.assign(got, readIgmp(packet, sample.title));
    if (packet.protocol === PROTOCOL.ICMPV6) Object.assign(got, readIcmp(packet, sample.title));
    if (packet.protocol === PROTOCOL.FRAGMENT && fragment.offset === 0) {
      Object.assign(got, readIcmpHead(packet.view, chain.transportAt));
    }
    assertEquals(got, withoutRecords(sample), sample.title);
  }
});

Deno.test("the kernel's parameter problems point to where ours would", () => {
  const samples = readCorpus();
  const problems = samples.filter(({ fields }) => fields["icmpv6.type"] === "4");
  assertEquals(problems.length, 2);
  for (const { fields, bytes, title } of problems) {
    // The message quotes the whole packet.
    const quoted = new DataView(bytes.buffer, IPV6_HEADER + 8);
    ipv6.bind(quoted, 0);
    const drop = chain.walk(quoted, IPV6_HEADER, ipv6.nextHeader, quoted.byteLength);
    const ours = drop === Drop.NONE
      ? [1, chain.protocolPointer]
      : [chain.problemCode, chain.problemPointer];
    assertEquals(ours, [Number(fields["icmpv6.code"]), Number(fields["icmpv6.pointer"])], title);
  }
});

/** The records of a report, as tshark reads them, written at `at`; returns where they end. */
function writeRecords(view: DataView, at: number, fields: Fields): number {
  const listed = (...names: string[]) =>
    names.map((name) => fields[name]).find((value) => value !== undefined)?.split(",") ?? [];
  const types = listed("icmpv6.mldr.mar.record_type", "igmp.record_type");
  const groups = listed("icmpv6.mldr.mar.multicast_address", "igmp.maddr");
  const counts = listed("icmpv6.mldr.mar.nb_sources", "igmp.num_src");
  const sources = listed("icmpv6.mldr.mar.source_address", "igmp.saddr");
  types.forEach((type, i) => {
    const own = sources.splice(0, Number(counts[i])).map((text) => IpAddress.parse(text));
    at += writeRecord(view, at, Number(type) as RecordType, IpAddress.parse(groups[i]!), own);
  });
  return at;
}

/** Writes the options that `options` holds of the message in `packet`, in radvd's order. */
function writeOptions(view: DataView, at: number, { bytes, view: read }: Packet): number {
  for (let i = 0; i < options.prefixes; i++) {
    at += writePrefix(view, at, {
      prefix: IpAddress.scratch().load16(read, options.prefixAt[i]!),
      length: options.prefixLength[i]!,
      flags: options.prefixFlags[i]!,
      validLifetime: options.validLifetime[i]!,
      preferredLifetime: options.preferredLifetime[i]!,
    });
  }
  const servers = Array.from(
    options.serverAt.subarray(0, options.servers),
    (place) => IpAddress.scratch().load16(read, place),
  );
  if (servers.length !== 0) at += writeRdnss(view, at, servers, options.serverLifetime[0]!);
  if (options.mtu !== 0) at += writeNdMtu(view, at, options.mtu);
  for (
    const [type, place] of [
      [ND_OPTION.SOURCE_LINK_ADDRESS, options.sourceLinkAddressAt],
      [ND_OPTION.TARGET_LINK_ADDRESS, options.targetLinkAddressAt],
    ] as const
  ) {
    if (place !== -1) at += writeLinkAddress(view, at, type, bytes.subarray(place, place + 6));
  }
  return at;
}

/** Copies the option that Linux ends a probe for duplicates with (RFC 7527 §4.1). */
function copyNonce(view: DataView, at: number, { view: read, end }: Packet): number {
  if (read.getUint16(end - 8) !== 0x0e01) return at;
  for (let i = 0; i < 8; i++) view.setUint8(at + i, read.getUint8(end - 8 + i));
  return at + 8;
}

/** Writes the message in `packet` anew to `view[at]`; returns its end, or `at` for other kinds. */
function writeAnew(view: DataView, at: number, packet: Packet, { fields }: Sample): number {
  const { view: read, transportAt } = packet;
  const type = read.getUint8(transportAt);
  const target = IpAddress.scratch();
  if (packet.protocol === PROTOCOL.IGMP) {
    const group = IpAddress.scratch().load4(read, transportAt + IGMP_GROUP);
    if (type === IGMP_TYPE.QUERY) return at;
    if (type !== IGMP_TYPE.V3_REPORT) {
      return at + writeIgmp(view, at, type as typeof IGMP_TYPE.V2_REPORT, group);
    }
    const head = writeIgmpReportHead(view, at, Number(fields["igmp.num_grp_recs"]));
    const end = writeRecords(view, at + head, fields);
    writeIgmpChecksum(view, at, end);
    return end;
  }
  if (packet.end - transportAt >= ND_TARGET + 16) target.load16(read, transportAt + ND_TARGET);
  switch (type) {
    case ICMPV6_TYPE.LISTENER_REPORT:
    case ICMPV6_TYPE.LISTENER_DONE:
      return at + writeMld(view, at, type, target);
    case ICMPV6_TYPE.LISTENER_REPORT_V2: {
      const records = Number(fields["icmpv6.mldr.nb_mcast_records"]);
      return writeRecords(view, at + writeMldReportHead(view, at, records), fields);
    }
    case ICMPV6_TYPE.ROUTER_SOLICITATION:
      good(checkNd(packet, options), "");
      writeRouterSolicitation(view, at);
      return writeOptions(view, at + 8, packet);
    case ICMPV6_TYPE.ROUTER_ADVERTISEMENT:
      good(checkNd(packet, options), "");
      router.bind(read, transportAt);
      new RouterAdvertisement().bind(view, at).write({
        hopLimit: router.hopLimit,
        managed: router.isManaged,
        other: router.hasOther,
        lifetime: router.lifetime,
        reachableTime: router.reachableTime,
        retransTimer: router.retransTimer,
      });
      return writeOptions(view, at + 16, packet);
    case ICMPV6_TYPE.NEIGHBOR_SOLICITATION:
      good(checkNd(packet, options), "");
      writeNeighborSolicitation(view, at, target);
      return copyNonce(view, writeOptions(view, at + 24, packet), packet);
    case ICMPV6_TYPE.NEIGHBOR_ADVERTISEMENT: {
      good(checkNd(packet, options), "");
      neighbor.bind(read, transportAt);
      const flags = (neighbor.isRouter ? ADVERTISEMENT_FLAG.ROUTER : 0) |
        (neighbor.isSolicited ? ADVERTISEMENT_FLAG.SOLICITED : 0) |
        (neighbor.isOverride ? ADVERTISEMENT_FLAG.OVERRIDE : 0);
      writeNeighborAdvertisement(view, at, target, flags);
      return writeOptions(view, at + 24, packet);
    }
    case ICMPV6_TYPE.REDIRECT: {
      const destination = IpAddress.scratch().load16(read, transportAt + ND_REDIRECT_DESTINATION);
      writeRedirect(view, at, target, destination);
      return at + 40;
    }
    default:
      return at;
  }
}

Deno.test("what neighbors say is written anew byte for byte, checksum and all", () => {
  let written = 0;
  for (const sample of readCorpus()) {
    const packet = packetOf(sample);
    readIp(packet, sample.title);
    if (packet.protocol !== PROTOCOL.IGMP && packet.protocol !== PROTOCOL.ICMPV6) continue;
    const view = new DataView(new ArrayBuffer(300));
    const at = 3;
    const end = writeAnew(view, at, packet, sample);
    if (end === at) continue;
    written++;
    const theirs = packet.bytes.slice(packet.transportAt, packet.end);
    const ours = new Uint8Array(view.buffer, at, end - at);
    if (packet.protocol === PROTOCOL.ICMPV6 && theirs[0] !== ICMPV6_TYPE.REDIRECT) {
      icmp.bind(view, at).writeChecksum(end, pseudo(packet));
    }
    // The packet that a redirect quotes stands behind it.
    if (theirs[0] === ICMPV6_TYPE.REDIRECT) theirs.fill(0, 2, 4);
    assertEquals(ours.toHex(), theirs.slice(0, ours.length).toHex(), sample.title);
    const isWhole = ours.length === theirs.length || theirs[0] === ICMPV6_TYPE.REDIRECT;
    assert(isWhole, sample.title);
  }
  assert(written > 30, `${written}`);
});

Deno.test("the corpus of neighbors has a packet of each kind that matters", () => {
  const samples = readCorpus();
  const types = (field: string) => new Set(samples.map(({ fields }) => fields[field]));
  const icmpTypes = types("icmpv6.type");
  for (const type of Object.values(ICMPV6_TYPE)) assert(icmpTypes.has(`${type}`), `type ${type}`);
  const igmpTypes = types("igmp.type");
  for (const type of Object.values(IGMP_TYPE)) {
    if (type !== IGMP_TYPE.V1_REPORT) assert(igmpTypes.has(hex(type, 2)), `type ${type}`);
  }
  const kinds: [what: string, has: (fields: Fields) => boolean][] = [
    ["router alert", (f) => f["ipv6.opt.router_alert"] !== undefined],
    ["destination options", (f) => f["ipv6.dstopts.nxt"] !== undefined],
    ["first fragment", (f) => f["ipv6.fraghdr.more"] === "1"],
    ["last fragment", (f) => f["ipv6.fraghdr.more"] === "0"],
    ["two prefixes", (f) => f["icmpv6.opt.prefix"]?.includes(",") ?? false],
    ["two DNS servers", (f) => f["icmpv6.opt.rdnss"]?.includes(",") ?? false],
    ["MLDv1 query", (f) => f["icmpv6.type"] === "130" && f["icmpv6.mld.qqi"] === undefined],
    ["MLDv2 query", (f) => f["icmpv6.mld.qqi"] !== undefined],
    ["IGMPv2 query", (f) => f["igmp.type"] === "0x11" && f["igmp.qqic"] === undefined],
    ["IGMPv3 query", (f) => f["igmp.qqic"] !== undefined],
    ["records with a source", (f) => f["igmp.saddr"] !== undefined],
    ["several records", (f) => Number(f["icmpv6.mldr.nb_mcast_records"]) > 1],
    ["solicitation from nobody", (f) => f["icmpv6.type"] === "135" && f["ipv6.src"] === "::"],
  ];
  for (const [what, has] of kinds) assert(samples.some(({ fields }) => has(fields)), what);
});
