/**
 * A stack that has its address from a DHCP server, in virtual time: the messages travel in frames
 * between stacks, and the server is a few lines of this test.
 */

import { assert, assertEquals } from "@std/assert";
import type { Datagram, UdpReceiver } from "../../src/net/udp.ts";
import { type InterfaceConfig, Stack } from "../../src/stack/stack.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { BOOT_REPLY, DHCP_TYPE, DhcpHeader } from "../../src/wire/dhcp.ts";
import { DHCP_OPTION, DhcpBuilder, DhcpOptions } from "../../src/wire/dhcp_options.ts";
import { Drop } from "../../src/wire/drop.ts";
import { bytesOf, packetOf } from "../packets.ts";
import { Random } from "../random.ts";

const SERVER = "10.9.0.1";
const ADDRESS = "10.9.0.50";
const CLIENT_MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const BROADCAST = IpAddress.v4(255, 255, 255, 255);
const TYPE_NAMES = ["", ...Object.keys(DHCP_TYPE)];

/** An Ethernet segment without delay. */
class Segment {
  now = 1000;
  #stacks: Stack[] = [];
  #frames: [from: number, frame: Uint8Array][] = [];

  join(mac: Uint8Array, addresses: string[], more: Partial<InterfaceConfig> = {}): Stack {
    const number = this.#stacks.length;
    const stack = new Stack({
      interfaces: [{
        name: "eth0",
        mac,
        link: {
          mtu: 1500,
          transmit: (packet) => {
            this.#frames.push([number, bytesOf(packet)]);
            return true;
          },
        },
        addresses: addresses.map((text) => ({ address: IpAddress.parse(text), prefixLength: 24 })),
        autoconf: false,
        ...more,
      }],
    }, new Random(number));
    this.#stacks.push(stack);
    return stack;
  }

  #settle(): void {
    do {
      for (const [from, frame] of this.#frames.splice(0)) {
        this.#stacks.forEach((stack, i) => {
          if (i !== from) stack.receive(packetOf(frame), this.now);
        });
      }
      for (const stack of this.#stacks) stack.poll(this.now);
    } while (this.#frames.length > 0);
  }

  /** Lets time go on until `done`, but for `limit` milliseconds at most; returns how long it took. */
  run(limit: number, done: () => boolean = () => false): number {
    const start = this.now;
    for (;;) {
      this.#settle();
      const next = Math.min(...this.#stacks.map((stack) => stack.nextDeadline()));
      if (done() || next > start + limit) break;
      this.now = Math.max(this.now, next);
    }
    if (!done()) this.now = start + limit;
    return this.now - start;
  }
}

/** What a server gives. */
interface Gift {
  address: string;
  mask: string;
  /** In seconds. */
  lease: number;
  router: string;
  options: [code: number, value: number[]][];
}

/** A server that gives what it is told to. */
class Server implements UdpReceiver {
  readonly address = null;
  readonly port = 67;
  /** What it has heard, by type, with the way that it came. */
  readonly heard: string[] = [];
  gift: Gift = {
    address: ADDRESS,
    mask: "255.255.255.0",
    lease: 3600,
    router: SERVER,
    options: [],
  };
  isMute = false;
  refuses = false;
  #stack: Stack;
  #header = new DhcpHeader();
  #options = new DhcpOptions();
  #builder = new DhcpBuilder();

  constructor(stack: Stack) {
    this.#stack = stack;
    stack.udp.bind(this);
    // Hosts have no use for what comes from 0.0.0.0, but servers have.
    stack.ip.isInvalidSource = () => false;
  }

  datagram({ packet, at, end }: Datagram): Drop {
    const options = this.#options;
    assert(options.parse(packet.view, at, end));
    const type = options.uint8(DHCP_OPTION.MESSAGE_TYPE)!;
    this.heard.push(`${TYPE_NAMES[type]} ${packet.source} > ${packet.destination}`);
    const answer = type === DHCP_TYPE.DISCOVER
      ? DHCP_TYPE.OFFER
      : type !== DHCP_TYPE.REQUEST
      ? undefined
      : this.refuses
      ? DHCP_TYPE.NAK
      : DHCP_TYPE.ACK;
    if (this.isMute || answer === undefined) return Drop.NONE;
    const { xid } = this.#header.bind(packet.view, at);
    const isRenewal = !packet.source.isUnspecified;
    const to = isRenewal && answer !== DHCP_TYPE.NAK ? packet.source.clone() : BROADCAST;
    const message = this.#answer(answer, xid);
    this.#stack.udp.send(IpAddress.parse(SERVER), 67, to, 68, message);
    return Drop.NONE;
  }

  #answer(type: 2 | 5 | 6, xid: number): Uint8Array {
    const { address, mask, lease, router, options } = this.gift;
    const builder = this.#builder;
    builder.begin(type as 1, xid, CLIENT_MAC);
    builder.header.op = BOOT_REPLY;
    builder.address(DHCP_OPTION.SERVER_IDENTIFIER, IpAddress.parse(SERVER));
    if (type !== DHCP_TYPE.NAK) {
      builder.header.setYourAddress(IpAddress.parse(address));
      const seconds = new Uint8Array(4);
      new DataView(seconds.buffer).setUint32(0, lease);
      builder.bytes(DHCP_OPTION.LEASE_TIME, seconds);
      builder.address(DHCP_OPTION.SUBNET_MASK, IpAddress.parse(mask));
      builder.address(DHCP_OPTION.ROUTER, IpAddress.parse(router));
      for (const [code, value] of options) builder.bytes(code, Uint8Array.from(value));
    }
    return builder.finish();
  }
}

function setUp() {
  const segment = new Segment();
  const client = segment.join(CLIENT_MAC, [], { dhcp: { hostName: "stack" } });
  const host = segment.join(Uint8Array.of(2, 0, 0, 0, 0, 2), [SERVER]);
  const server = new Server(host);
  const addresses = () =>
    client.ip.interfaces[1]!.addresses.map(({ address, prefixLength, origin }) =>
      `${address}/${prefixLength} ${origin}`
    );
  const routes = () =>
    client.ip.routes.all.filter((route) => route.interface.name === "eth0").map((
      { prefix, length, gateway },
    ) => `${prefix}/${length} ${gateway ?? "here"}`);
  const hasAddress = () => addresses().length > 0;
  return { segment, client, server, addresses, routes, hasAddress };
}

Deno.test("an address is used once the server has given it, and nobody was found to have it", () => {
  const { segment, client, server, addresses, routes, hasAddress } = setUp();
  const took = segment.run(20_000, hasAddress);
  assertEquals(server.heard, [
    "DISCOVER 0.0.0.0 > 255.255.255.255",
    "REQUEST 0.0.0.0 > 255.255.255.255",
  ]);
  assertEquals(addresses(), ["10.9.0.50/24 dhcp"]);
  assertEquals(routes(), ["10.9.0.0/24 here", "0.0.0.0/0 10.9.0.1"]);
  assert(took >= 4000 && took <= 10_000, `RFC 5227: three probes and a wait, in ${took} ms`);
  assertEquals(client.counters.arpRequestsSent, 3 + 1, "the probes, and the first announcement");
  segment.run(5000);
  assertEquals(client.counters.arpRequestsSent, 3 + 2);
});

Deno.test("a lease is renewed in time, from the address to the server alone, and lives on", () => {
  const { segment, server, addresses, hasAddress, client } = setUp();
  segment.run(20_000, hasAddress);
  server.heard.length = 0;
  segment.run(1_800_000);
  assertEquals(server.heard, [`REQUEST ${ADDRESS} > ${SERVER}`]);
  segment.run(24 * 3_600_000);
  assertEquals(addresses(), ["10.9.0.50/24 dhcp"]);
  assert(client.counters.dhcpRenewals >= 40);
});

Deno.test("what a renewal brings takes the place of what was", () => {
  const { segment, client, server, addresses, routes, hasAddress } = setUp();
  const { gift } = server;
  gift.options = [
    [DHCP_OPTION.DNS_SERVER, [10, 9, 0, 2, 10, 9, 0, 3]],
    [DHCP_OPTION.DOMAIN_NAME, [...new TextEncoder().encode("example.net")]],
    [DHCP_OPTION.INTERFACE_MTU, [1400 >> 8, 1400 & 0xff]],
  ];
  segment.run(20_000, hasAddress);
  const names = () => ({ ...client.dhcp.names, servers: client.dhcp.names.servers.map(String) });
  assertEquals(names(), { servers: ["10.9.0.2", "10.9.0.3"], search: ["example.net"] });
  assertEquals(client.ip.interfaces[1]!.mtu(4), 1400);
  gift.options = [
    // 10.20.0.0/16 by 10.9.0.7, and everything by 10.8.0.1, which is no neighbor (RFC 3442).
    [DHCP_OPTION.CLASSLESS_ROUTES, [16, 10, 20, 10, 9, 0, 7, 0, 10, 8, 0, 1]],
    [DHCP_OPTION.DNS_SERVER, [10, 9, 0, 4]],
  ];
  gift.mask = "255.255.0.0";
  segment.run(1_900_000);
  assertEquals(addresses(), ["10.9.0.50/16 dhcp"]);
  assertEquals(routes(), ["10.9.0.0/16 here", "10.20.0.0/16 10.9.0.7", "0.0.0.0/0 10.8.0.1"]);
  assertEquals(names(), { servers: ["10.9.0.4"], search: [] });
  assertEquals(client.ip.interfaces[1]!.mtu(4), 1500);
});

Deno.test("an address that somebody has is declined, and the next one is taken", () => {
  const { segment, client, server, addresses, hasAddress } = setUp();
  segment.join(Uint8Array.of(2, 0, 0, 0, 0, 3), [ADDRESS]);
  segment.run(20_000, () => server.heard.includes("DECLINE 0.0.0.0 > 255.255.255.255"));
  assertEquals(addresses(), []);
  server.gift.address = "10.9.0.51";
  const took = segment.run(60_000, hasAddress);
  assertEquals(addresses(), ["10.9.0.51/24 dhcp"]);
  assert(took > 10_000, "RFC 2131 §3.1: ten seconds at least");
  assertEquals(client.counters.dhcpDeclines, 1);
});

Deno.test("an address that somebody insists on is given up, and declined", () => {
  const { segment, server, addresses, routes, hasAddress } = setUp();
  segment.run(20_000, hasAddress);
  segment.run(20_000);
  server.gift.address = "10.9.0.51";
  // It announces itself, we defend ourselves once, and then yield (RFC 5227 §2.4 b).
  segment.join(Uint8Array.of(2, 0, 0, 0, 0, 3), [ADDRESS]);
  segment.run(5000);
  assertEquals([addresses(), routes()], [[], []]);
  assertEquals(server.heard.at(-1), "DECLINE 0.0.0.0 > 255.255.255.255");
  segment.run(60_000, hasAddress);
  assertEquals(addresses(), ["10.9.0.51/24 dhcp"]);
});

Deno.test("without an answer the address and its routes end with the lease", () => {
  const { segment, client, server, addresses, routes, hasAddress } = setUp();
  server.gift.options = [[DHCP_OPTION.DNS_SERVER, [10, 9, 0, 2]]];
  segment.run(20_000, hasAddress);
  const { validUntil } = client.ip.interfaces[1]!.addresses[0]!;
  server.isMute = true;
  segment.run(validUntil - segment.now - 1);
  assertEquals(addresses(), ["10.9.0.50/24 dhcp"]);
  assert(server.heard.includes(`REQUEST ${ADDRESS} > 255.255.255.255`), "it was rebinding");
  segment.run(1);
  assertEquals([addresses(), routes()], [[], []]);
  assertEquals(client.dhcp.names, { servers: [], search: [] });
  server.isMute = false;
  segment.run(120_000, hasAddress);
  assertEquals(addresses(), ["10.9.0.50/24 dhcp"]);
});

Deno.test("a refusal takes the address away at once", () => {
  const { segment, server, addresses, hasAddress } = setUp();
  segment.run(20_000, hasAddress);
  server.refuses = true;
  segment.run(1_800_000, () => !hasAddress());
  assertEquals(addresses(), []);
  assertEquals(server.heard.filter((line) => line === `REQUEST ${ADDRESS} > ${SERVER}`).length, 1);
});

Deno.test("a release comes from the address, even to a server whose hardware address was forgotten", () => {
  const { segment, client, server, hasAddress } = setUp();
  segment.run(20_000, hasAddress);
  segment.run(1_000_000);
  client.dhcp.release();
  segment.run(100);
  assertEquals(server.heard.at(-1), `RELEASE ${ADDRESS} > ${SERVER}`);
});

Deno.test("a static address stands beside one of DHCP, and is kept", () => {
  const segment = new Segment();
  const client = segment.join(CLIENT_MAC, ["10.7.0.7"], { dhcp: {} });
  const server = new Server(segment.join(Uint8Array.of(2, 0, 0, 0, 0, 2), [SERVER]));
  const own = () => client.ip.interfaces[1]!.addresses.map(({ address }) => `${address}`);
  segment.run(20_000, () => own().length === 2);
  assertEquals(own(), ["10.7.0.7", ADDRESS]);
  server.isMute = true;
  // Who claims it takes it from nobody: it is defended, and kept.
  segment.join(Uint8Array.of(2, 0, 0, 0, 0, 3), ["10.7.0.7"]);
  segment.run(5000);
  assertEquals(own(), ["10.7.0.7", ADDRESS]);
});

Deno.test("of two interfaces each has a lease of its own, whoever answers", () => {
  const segment = new Segment();
  const client = segment.join(CLIENT_MAC, [], { dhcp: {} });
  const server = new Server(segment.join(Uint8Array.of(2, 0, 0, 0, 0, 2), [SERVER]));
  client.addInterface({
    name: "eth1",
    mac: Uint8Array.of(2, 0, 0, 0, 0, 9),
    link: { mtu: 1500, transmit: () => true },
    addresses: [],
    autoconf: false,
    dhcp: {},
  });
  segment.run(60_000);
  assertEquals(client.ip.interfaces.slice(1).map(({ addresses }) => addresses.length), [1, 0]);
  assertEquals(server.heard.length, 2, "the other one's messages went elsewhere");
});
