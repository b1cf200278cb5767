/**
 * Headers read and written in place through views, beside the obvious way: an object per header,
 * whose fields are read from, or put into, bytes of its own.
 *
 * Each run takes {@linkcode PACKETS} packets, all different, as on the packet path.
 */

import { Ipv4Header } from "../src/wire/ipv4.ts";
import { TcpHeader } from "../src/wire/tcp.ts";
import { UdpHeader } from "../src/wire/udp.ts";

const PACKETS = 64;
const SLOT = 64;

const arena = new Uint8Array(PACKETS * SLOT);
crypto.getRandomValues(arena);
for (let at = 0; at < arena.length; at += SLOT) arena[at] = 0x45;
const view = new DataView(arena.buffer);
const ip = new Ipv4Header();
const tcp = new TcpHeader();
const udp = new UdpHeader();

/** Takes what was read, so that reading cannot be left out. */
export let sink = 0;

interface Ipv4Object {
  version: number;
  headerLength: number;
  tos: number;
  totalLength: number;
  identification: number;
  flagsAndOffset: number;
  ttl: number;
  protocol: number;
  checksum: number;
}

interface TcpObject {
  sourcePort: number;
  destinationPort: number;
  seq: number;
  ack: number;
  dataOffset: number;
  flags: number;
  window: number;
  checksum: number;
  urgentPointer: number;
}

interface UdpObject {
  sourcePort: number;
  destinationPort: number;
  length: number;
  checksum: number;
}

function parseIpv4(packet: Uint8Array): Ipv4Object {
  const data = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  return {
    version: data.getUint8(0) >> 4,
    headerLength: (data.getUint8(0) & 15) * 4,
    tos: data.getUint8(1),
    totalLength: data.getUint16(2),
    identification: data.getUint16(4),
    flagsAndOffset: data.getUint16(6),
    ttl: data.getUint8(8),
    protocol: data.getUint8(9),
    checksum: data.getUint16(10),
  };
}

function buildIpv4(header: Ipv4Object): Uint8Array {
  const packet = new Uint8Array(20);
  const data = new DataView(packet.buffer);
  data.setUint8(0, (header.version << 4) | (header.headerLength / 4));
  data.setUint8(1, header.tos);
  data.setUint16(2, header.totalLength);
  data.setUint16(4, header.identification);
  data.setUint16(6, header.flagsAndOffset);
  data.setUint8(8, header.ttl);
  data.setUint8(9, header.protocol);
  data.setUint16(10, header.checksum);
  return packet;
}

function parseTcp(packet: Uint8Array): TcpObject {
  const data = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  return {
    sourcePort: data.getUint16(0),
    destinationPort: data.getUint16(2),
    seq: data.getUint32(4),
    ack: data.getUint32(8),
    dataOffset: (data.getUint8(12) >> 4) * 4,
    flags: data.getUint8(13),
    window: data.getUint16(14),
    checksum: data.getUint16(16),
    urgentPointer: data.getUint16(18),
  };
}

function buildTcp(header: TcpObject): Uint8Array {
  const packet = new Uint8Array(20);
  const data = new DataView(packet.buffer);
  data.setUint16(0, header.sourcePort);
  data.setUint16(2, header.destinationPort);
  data.setUint32(4, header.seq);
  data.setUint32(8, header.ack);
  data.setUint8(12, (header.dataOffset / 4) << 4);
  data.setUint8(13, header.flags);
  data.setUint16(14, header.window);
  data.setUint16(16, header.checksum);
  data.setUint16(18, header.urgentPointer);
  return packet;
}

function parseUdp(packet: Uint8Array): UdpObject {
  const data = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  return {
    sourcePort: data.getUint16(0),
    destinationPort: data.getUint16(2),
    length: data.getUint16(4),
    checksum: data.getUint16(6),
  };
}

function buildUdp(header: UdpObject): Uint8Array {
  const packet = new Uint8Array(8);
  const data = new DataView(packet.buffer);
  data.setUint16(0, header.sourcePort);
  data.setUint16(2, header.destinationPort);
  data.setUint16(4, header.length);
  data.setUint16(6, header.checksum);
  return packet;
}

/** One group: `naive` and `inPlace`, each over every packet. */
function compare(
  group: string,
  naive: (packet: Uint8Array, i: number) => number,
  inPlace: (at: number, i: number) => number,
): void {
  Deno.bench(`an object each, ${PACKETS} packets`, { group, baseline: true }, () => {
    for (let i = 0; i < PACKETS; i++) {
      sink = (sink + naive(arena.subarray(i * SLOT, (i + 1) * SLOT), i)) | 0;
    }
  });
  Deno.bench(`a view, moved, ${PACKETS} packets`, { group }, () => {
    for (let i = 0; i < PACKETS; i++) sink = (sink + inPlace(i * SLOT, i)) | 0;
  });
}

compare("parse IPv4", (packet) => {
  const h = parseIpv4(packet);
  return h.version + h.headerLength + h.tos + h.totalLength + h.identification +
    h.flagsAndOffset + h.ttl + h.protocol + h.checksum;
}, (at) => {
  const h = ip.bind(view, at);
  return h.version + h.headerLength + h.tos + h.totalLength + h.identification +
    h.flagsAndOffset + h.ttl + h.protocol + h.checksum;
});

compare("parse TCP", (packet) => {
  const h = parseTcp(packet);
  return h.sourcePort + h.destinationPort + h.seq + h.ack + h.dataOffset + h.flags + h.window +
    h.checksum + h.urgentPointer;
}, (at) => {
  const h = tcp.bind(view, at);
  return h.sourcePort + h.destinationPort + h.seq + h.ack + h.dataOffset + h.flags + h.window +
    h.checksum + h.urgentPointer;
});

compare("parse IPv4 and TCP", (packet) => {
  const h = parseIpv4(packet);
  const t = parseTcp(packet.subarray(h.headerLength));
  return h.totalLength + h.ttl + h.protocol + t.sourcePort + t.destinationPort + t.seq + t.ack +
    t.dataOffset + t.flags + t.window;
}, (at) => {
  const h = ip.bind(view, at);
  const t = tcp.bind(view, at + h.headerLength);
  return h.totalLength + h.ttl + h.protocol + t.sourcePort + t.destinationPort + t.seq + t.ack +
    t.dataOffset + t.flags + t.window;
});

compare("parse UDP", (packet) => {
  const h = parseUdp(packet);
  return h.sourcePort + h.destinationPort + h.length + h.checksum;
}, (at) => {
  const h = udp.bind(view, at);
  return h.sourcePort + h.destinationPort + h.length + h.checksum;
});

compare("build IPv4", (packet, i) => {
  const header = {
    version: 4,
    headerLength: 20,
    tos: 0,
    totalLength: 40,
    identification: i,
    flagsAndOffset: 0x4000,
    ttl: 64,
    protocol: 6,
    checksum: i,
  };
  packet.set(buildIpv4(header));
  return i;
}, (at, i) => {
  const h = ip.bind(view, at);
  h.headerLength = 20;
  h.tos = 0;
  h.totalLength = 40;
  h.identification = i;
  h.flagsAndOffset = 0x4000;
  h.ttl = 64;
  h.protocol = 6;
  h.checksum = i;
  return i;
});

compare("build TCP", (packet, i) => {
  const header = {
    sourcePort: 7,
    destinationPort: 40000 + i,
    seq: 0x8000_0000 + i,
    ack: 0xf000_0000 + i,
    dataOffset: 20,
    flags: 16,
    window: 65535,
    checksum: i,
    urgentPointer: 0,
  };
  packet.set(buildTcp(header));
  return i;
}, (at, i) => {
  const h = tcp.bind(view, at);
  h.sourcePort = 7;
  h.destinationPort = 40000 + i;
  h.seq = 0x8000_0000 + i;
  h.ack = 0xf000_0000 + i;
  h.dataOffset = 20;
  h.flags = 16;
  h.window = 65535;
  h.checksum = i;
  h.urgentPointer = 0;
  return i;
});

compare("build UDP", (packet, i) => {
  packet.set(buildUdp({ sourcePort: 7, destinationPort: 40000 + i, length: 100, checksum: i }));
  return i;
}, (at, i) => {
  const h = udp.bind(view, at);
  h.sourcePort = 7;
  h.destinationPort = 40000 + i;
  h.length = 100;
  h.checksum = i;
  return i;
});
