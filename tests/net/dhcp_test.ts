/**
 * The life of a DHCP client (RFC 2131 figure 5) in virtual time, with the server played by each
 * test.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Counters } from "../../src/base/counters.ts";
import { DHCP_STATE, DhcpClient, type DhcpClientOptions } from "../../src/net/dhcp.ts";
import type { DhcpLease } from "../../src/net/dhcp_lease.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { BOOT_REPLY, BROADCAST_FLAG, DHCP_TYPE, DhcpHeader } from "../../src/wire/dhcp.ts";
import { DHCP_OPTION, DhcpBuilder, DhcpOptions } from "../../src/wire/dhcp_options.ts";
import { Random, withSeed } from "../random.ts";

const HARDWARE = Uint8Array.of(2, 0, 0, 0, 0, 2);
const ADDRESS = IpAddress.v4(10, 9, 0, 50);
const OTHER = IpAddress.v4(10, 9, 0, 51);
const SERVER = IpAddress.v4(10, 9, 0, 1);
const RIVAL = IpAddress.v4(10, 9, 0, 9);
const MASK = IpAddress.v4(255, 255, 255, 0);
const HOUR = 3_600_000;

const TYPE_NAMES = ["", ...Object.keys(DHCP_TYPE)];

/** What an answer says besides the usual; `null` leaves an option out. */
interface Answer {
  address?: IpAddress;
  xid?: number;
  hardware?: Uint8Array;
  op?: number;
  server?: IpAddress | null;
  mask?: IpAddress;
  /** In seconds. */
  lease?: number | null;
  /** Further options, by code. */
  more?: [code: number, value: number[]][];
}

/** A message that the client sent, as its server reads it. */
interface Sent {
  at: number;
  type: string;
  way: string;
  xid: number;
  secs: number;
  broadcast: boolean;
  clientAddress: string;
  requested: string | undefined;
  server: string | undefined;
  codes: number[];
}

/** A client, what it has done, and the means to move it. */
class Bench {
  now = 1000;
  readonly counters = new Counters();
  readonly sent: Sent[] = [];
  /** What the host was told, with the time. */
  readonly events: string[] = [];
  lease: DhcpLease | undefined;
  readonly client: DhcpClient;
  /** Called when the host is told something. */
  reaction = () => {};
  #options = new DhcpOptions();
  #header = new DhcpHeader();
  #builder = new DhcpBuilder();

  /** @param chance What `Env.random` gives each time; by default the middle of its range. */
  constructor(chance: () => number = () => 0x8000_0000, options: Partial<DhcpClientOptions> = {}) {
    this.client = new DhcpClient(
      { hardwareAddress: HARDWARE, ...options },
      {
        send: (message, source, destination) => this.#note(message, source, destination),
        configured: (lease) => {
          this.lease = lease;
          this.events.push(`${this.now} configured ${lease.address}/${lease.prefixLength}`);
          this.reaction();
        },
        lost: () => {
          this.lease = undefined;
          this.events.push(`${this.now} lost`);
          this.reaction();
        },
      },
      { random: chance },
      this.counters,
    );
  }

  #note(message: Uint8Array, source: IpAddress, destination: IpAddress): void {
    const view = new DataView(message.slice().buffer);
    const header = this.#header.bind(view, 0);
    const options = this.#options;
    assert(options.parse(view, 0, message.length));
    assertEquals(header.op, 1);
    assert(header.isFor(HARDWARE));
    const codes = Array.from({ length: 256 }, (_, code) => code).filter((code) =>
      options.has(code)
    );
    this.sent.push({
      at: this.now,
      type: TYPE_NAMES[options.uint8(DHCP_OPTION.MESSAGE_TYPE)!]!,
      way: `${source} > ${destination}`,
      xid: header.xid,
      secs: header.secs,
      broadcast: header.flags === BROADCAST_FLAG,
      clientAddress: header.clientAddress(IpAddress.scratch()).toString(),
      requested: options.address(DHCP_OPTION.REQUESTED_ADDRESS)?.toString(),
      server: options.address(DHCP_OPTION.SERVER_IDENTIFIER)?.toString(),
      codes,
    });
  }

  get last(): Sent {
    return this.sent.at(-1)!;
  }

  /** Lets time go on to `until`, with a poll at each deadline on the way. */
  run(until: number): this {
    while (this.client.nextDeadline() <= until) {
      this.now = Math.max(this.now, this.client.nextDeadline());
      this.client.poll(this.now);
    }
    this.now = until;
    return this;
  }

  /** Lets time go on to the next deadline. */
  step(): this {
    return this.run(this.client.nextDeadline());
  }

  answer(type: number, answer: Answer = {}): this {
    const { address = ADDRESS, server = SERVER, lease = 3600, mask = MASK, more = [] } = answer;
    const builder = this.#builder;
    builder.begin(type as 1, answer.xid ?? this.sent.at(-1)?.xid ?? 0, answer.hardware ?? HARDWARE);
    builder.header.op = answer.op ?? BOOT_REPLY;
    if (type !== DHCP_TYPE.NAK) {
      builder.header.setYourAddress(address);
      if (lease !== null) builder.bytes(DHCP_OPTION.LEASE_TIME, uint32(lease));
      builder.address(DHCP_OPTION.SUBNET_MASK, mask);
    }
    if (server !== null) builder.address(DHCP_OPTION.SERVER_IDENTIFIER, server);
    for (const [code, value] of more) builder.bytes(code, value);
    const message = builder.finish();
    this.client.receive(new DataView(message.buffer), 0, message.length, this.now);
    return this;
  }

  offer(answer?: Answer): this {
    return this.answer(DHCP_TYPE.OFFER, answer);
  }

  ack(answer?: Answer): this {
    return this.answer(DHCP_TYPE.ACK, answer);
  }

  nak(answer?: Answer): this {
    return this.answer(DHCP_TYPE.NAK, answer);
  }

  /** Starts, and lets the server do its part. */
  bind(answer?: Answer): this {
    this.client.start(this.now);
    this.step().offer(answer).ack(answer);
    assertEquals(this.client.state, DHCP_STATE.BOUND);
    this.sent.length = this.events.length = 0;
    return this;
  }

  /** Times and types of what was sent. */
  trace(): string[] {
    return this.sent.map(({ at, type, way }) => `${at} ${type} ${way}`);
  }
}

function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

const ALL = "0.0.0.0 > 255.255.255.255";

Deno.test("a client discovers, requests, renews, rebinds and loses its address (RFC 2131 §3.1, §4.4.5)", () => {
  // Chance 0: nothing is added, and each retransmission comes a second early.
  const bench = new Bench(() => 0);
  const { client } = bench;
  assertEquals([client.state, client.nextDeadline()], [DHCP_STATE.STOPPED, Infinity]);
  client.start(1000);
  assertEquals(client.state, DHCP_STATE.INIT);
  bench.run(1200);
  assertEquals(client.state, DHCP_STATE.SELECTING);
  bench.offer();
  assertEquals(client.state, DHCP_STATE.REQUESTING);
  bench.run(1500).ack();
  assertEquals(client.state, DHCP_STATE.BOUND);
  assertEquals(client.expiresAt, 1200 + HOUR);
  // Renewed once, 3 s after it was asked for.
  bench.run(1200 + HOUR / 2 + 3000);
  assertEquals(client.state, DHCP_STATE.RENEWING);
  bench.ack();
  assertEquals(client.state, DHCP_STATE.BOUND);
  // Then nobody answers any more.
  const renewedAt = 1200 + HOUR / 2;
  bench.run(renewedAt + HOUR * 7 / 8);
  assertEquals(client.state, DHCP_STATE.REBINDING);
  bench.run(renewedAt + HOUR - 1);
  assertEquals(bench.events, ["1500 configured 10.9.0.50/24", "1804200 configured 10.9.0.50/24"]);
  bench.run(renewedAt + HOUR);
  assertEquals(bench.events.at(-1), `${renewedAt + HOUR} lost`);
  assertEquals(client.lease, undefined);

  const own = "10.9.0.50";
  const t1 = renewedAt + HOUR / 2, t2 = renewedAt + HOUR * 7 / 8, end = renewedAt + HOUR;
  assertEquals(bench.trace(), [
    `1000 DISCOVER ${ALL}`,
    `1200 REQUEST ${ALL}`,
    `${renewedAt} REQUEST ${own} > 10.9.0.1`,
    // Half of what is left until T2, and then until the end, but 60 s at least.
    `${t1} REQUEST ${own} > 10.9.0.1`,
    `${t1 + 675_000} REQUEST ${own} > 10.9.0.1`,
    `${t1 + 1_012_500} REQUEST ${own} > 10.9.0.1`,
    `${t1 + 1_181_250} REQUEST ${own} > 10.9.0.1`,
    `${t1 + 1_265_625} REQUEST ${own} > 10.9.0.1`,
    `${t1 + 1_325_625} REQUEST ${own} > 10.9.0.1`,
    `${t2} REQUEST ${own} > 255.255.255.255`,
    `${t2 + 225_000} REQUEST ${own} > 255.255.255.255`,
    `${t2 + 337_500} REQUEST ${own} > 255.255.255.255`,
    `${t2 + 397_500} REQUEST ${own} > 255.255.255.255`,
    `${end} DISCOVER ${ALL}`,
  ]);
  assertEquals(bench.counters.entries(), [
    ["dhcpReceived", 3],
    ["dhcpSent", 14],
    ["dhcpLeases", 1],
    ["dhcpRenewals", 1],
    ["dhcpLeasesExpired", 1],
  ]);
});

Deno.test("each message has the fields and options that are due in its state (RFC 2131 tables 4 and 5)", () => {
  const { CLIENT_IDENTIFIER, HOST_NAME, MAX_MESSAGE_SIZE, MESSAGE_TYPE } = DHCP_OPTION;
  const { PARAMETER_REQUEST_LIST, REQUESTED_ADDRESS, SERVER_IDENTIFIER, VENDOR_CLASS } =
    DHCP_OPTION;
  const bench = new Bench(undefined, { hostName: "guest", vendorClass: "tcpstack" });
  const { client } = bench;
  const wishes = [
    HOST_NAME,
    MESSAGE_TYPE,
    PARAMETER_REQUEST_LIST,
    MAX_MESSAGE_SIZE,
    VENDOR_CLASS,
    CLIENT_IDENTIFIER,
  ];
  const check = (what: string, want: Partial<Sent>, more: number[], wished = true) => {
    const codes = [...wished ? wishes : [MESSAGE_TYPE, CLIENT_IDENTIFIER], ...more];
    const { at: _at, xid: _xid, secs: _secs, ...sent } = bench.last;
    assertEquals(sent, {
      type: "REQUEST",
      way: ALL,
      broadcast: false,
      clientAddress: "0.0.0.0",
      requested: undefined,
      server: undefined,
      codes: codes.sort((a, b) => a - b),
      ...want,
    }, what);
  };
  client.start(bench.now);
  bench.step();
  check("INIT", { type: "DISCOVER", broadcast: true }, []);
  bench.offer();
  const asked = { requested: "10.9.0.50", server: "10.9.0.1" };
  check("SELECTING", { ...asked, broadcast: true }, [REQUESTED_ADDRESS, SERVER_IDENTIFIER]);
  bench.ack().step();
  const own = { clientAddress: "10.9.0.50" };
  check("RENEWING", { ...own, way: "10.9.0.50 > 10.9.0.1" }, []);
  bench.run(1000 + HOUR * 0.9);
  check("REBINDING", { ...own, way: "10.9.0.50 > 255.255.255.255" }, []);
  bench.ack();
  client.decline(ADDRESS, bench.now);
  check("DECLINE", { ...asked, type: "DECLINE" }, [REQUESTED_ADDRESS, SERVER_IDENTIFIER], false);
  assertEquals(bench.last.secs, 0);
  bench.step().offer().ack();
  client.release();
  const released = { ...own, type: "RELEASE", way: "10.9.0.50 > 10.9.0.1", server: "10.9.0.1" };
  check("RELEASE", released, [SERVER_IDENTIFIER], false);
  assertEquals(bench.last.secs, 0);
  client.start(bench.now, ADDRESS);
  bench.step();
  check("INIT-REBOOT", { requested: "10.9.0.50", broadcast: true }, [REQUESTED_ADDRESS]);
});

Deno.test("what is asked for: classless routes in front of routers (RFC 3442); and by whom (RFC 2132 §9.14)", () => {
  const messages: Uint8Array[] = [];
  for (const more of [{}, { clientIdentifier: Uint8Array.of(0, 1, 2), maxMessageSize: 576 }]) {
    const client = new DhcpClient(
      { hardwareAddress: HARDWARE, ...more },
      { send: (message) => messages.push(message.slice()), configured() {}, lost() {} },
      { random: () => 0 },
      new Counters(),
    );
    client.start(0);
    client.poll(0);
  }
  const read = messages.map((message) => {
    const options = new DhcpOptions();
    assert(message.length >= 300);
    options.parse(new DataView(message.buffer), 0, message.length);
    return options;
  });
  const list = [...read[0]!.bytes(DHCP_OPTION.PARAMETER_REQUEST_LIST)!];
  assert(list.includes(DHCP_OPTION.ROUTER));
  assert(list.indexOf(DHCP_OPTION.CLASSLESS_ROUTES) < list.indexOf(DHCP_OPTION.ROUTER));
  assertEquals(
    read.map((options) => [
      options.bytes(DHCP_OPTION.CLIENT_IDENTIFIER)?.toHex(),
      options.uint16(DHCP_OPTION.MAX_MESSAGE_SIZE),
    ]),
    [["01020000000002", 1500], ["000102", 576]],
  );
});

Deno.test("the first message waits for up to a second, by chance (RFC 2131 §4.4.1)", () => {
  const cases: [chance: number, delay: number][] = [
    [0, 0],
    [0x8000_0000, 500],
    [0xffff_ffff, 1000],
  ];
  for (const [chance, delay] of cases) {
    const { client } = new Bench(() => chance);
    client.start(5000);
    assertEquals(client.nextDeadline(), 5000 + delay);
  }
});

Deno.test("DHCPDISCOVER is sent again after 4, 8, 16, 32, 64, 64 … s, each a second more or less (RFC 2131 §4.1)", () => {
  const cases: [chance: number, gaps: number[]][] = [
    [0x8000_0000, [4000, 8000, 16_000, 32_000, 64_000, 64_000, 64_000]],
    [0, [3000, 7000, 15_000, 31_000, 63_000, 63_000, 63_000]],
    [0xffff_ffff, [5000, 9000, 17_000, 33_000, 65_000, 65_000, 65_000]],
  ];
  for (const [chance, gaps] of cases) {
    const bench = new Bench(() => chance);
    bench.client.start(bench.now);
    for (let i = 0; i <= gaps.length; i++) bench.step();
    assertEquals(bench.sent.slice(1).map(({ at }, i) => at - bench.sent[i]!.at), gaps);
    assert(bench.sent.every(({ type, xid }) => type === "DISCOVER" && xid === bench.last.xid));
    const first = bench.sent[0]!.at;
    for (const { at, secs } of bench.sent) assertEquals(secs, Math.floor((at - first) / 1000));
  }
});

Deno.test("a message that nobody answers for a day says 65535 seconds at most", () => {
  const bench = new Bench();
  bench.client.start(bench.now);
  bench.run(24 * HOUR);
  assertEquals(bench.last.secs, 65535);
});

Deno.test("an offer may come after any DHCPDISCOVER, and the requests tell the seconds of that one (RFC 2131 §3.1)", () => {
  const bench = new Bench();
  bench.client.start(bench.now);
  bench.run(1500 + 12_000);
  assertEquals(bench.last.secs, 12);
  bench.run(20_000).offer().run(25_000);
  assertEquals(bench.trace().slice(-2), [`20000 REQUEST ${ALL}`, `24000 REQUEST ${ALL}`]);
  assertEquals(bench.sent.map(({ secs }) => secs), [0, 4, 12, 12, 12]);
  assertEquals(new Set(bench.sent.map(({ xid }) => xid)).size, 1);
  // The lease counts from the first request, however late it is granted.
  bench.ack();
  assertEquals(bench.client.expiresAt, 20_000 + HOUR);
});

Deno.test("a DHCPREQUEST that nobody answers is sent four times in 60 s, then all begins anew (RFC 2131 §3.1, step 5)", () => {
  const bench = new Bench();
  bench.client.start(bench.now);
  bench.step().offer();
  bench.run(1500 + 60_000 + 500);
  assertEquals(bench.trace(), [
    `1500 DISCOVER ${ALL}`,
    `1500 REQUEST ${ALL}`,
    `5500 REQUEST ${ALL}`,
    `13500 REQUEST ${ALL}`,
    `29500 REQUEST ${ALL}`,
    `62000 DISCOVER ${ALL}`,
  ]);
  assertEquals(bench.last.secs, 0);
  assertEquals(bench.events, []);
});

Deno.test("of two offers the first is taken, and the other server's silence or refusal means nothing", () => {
  const bench = new Bench();
  bench.client.start(bench.now);
  bench.step().offer().offer({ server: RIVAL, address: OTHER });
  assertEquals([bench.last.requested, bench.last.server], ["10.9.0.50", "10.9.0.1"]);
  bench.nak({ server: RIVAL }).nak({ server: null });
  assertEquals(bench.client.state, DHCP_STATE.REQUESTING);
  bench.ack({ server: RIVAL }).ack({ address: OTHER });
  assertEquals(bench.client.state, DHCP_STATE.REQUESTING);
  bench.ack();
  assertEquals(bench.client.lease?.server.toString(), "10.9.0.1");
  assertEquals(bench.counters.dhcpIgnored, 3);
  assertEquals(bench.counters.dhcpUnacceptable, 2);
});

Deno.test("DHCPNAK ends the search or the lease, and another search begins (RFC 2131 figure 5)", () => {
  const bench = new Bench();
  bench.client.start(bench.now);
  bench.step().offer().nak();
  assertEquals(bench.client.state, DHCP_STATE.INIT);
  assertEquals(bench.events, []);
  bench.step().offer().ack().step();
  assertEquals(bench.client.state, DHCP_STATE.RENEWING);
  bench.nak({ server: RIVAL });
  assertEquals(bench.client.state, DHCP_STATE.RENEWING);
  bench.nak();
  assertEquals([bench.client.state, bench.client.lease], [DHCP_STATE.INIT, undefined]);
  assertEquals(bench.client.expiresAt, Infinity);
  assertEquals(bench.events.at(-1), `${bench.now} lost`);
  bench.step().offer().ack();
  bench.run(bench.client.expiresAt - 1000);
  assertEquals(bench.client.state, DHCP_STATE.REBINDING);
  bench.nak({ server: RIVAL }); // was asked as well
  assertEquals(bench.client.state, DHCP_STATE.INIT);
  assertEquals(bench.counters.dhcpNaksReceived, 3);
});

Deno.test("a server that offers what it then refuses is asked ever more seldom", () => {
  const bench = new Bench();
  bench.client.start(bench.now);
  for (let i = 0; i < 8; i++) bench.step().offer().nak();
  const times = bench.sent.filter(({ type }) => type === "DISCOVER").map(({ at }) => at);
  const gaps = times.slice(1).map((at, i) => at - times[i]!);
  assertEquals(gaps, [500, 4000, 8000, 16_000, 32_000, 64_000, 64_000]);
  // A lease that lives to be renewed makes up for it.
  bench.step().offer().ack().step().nak();
  assertEquals(bench.client.nextDeadline(), bench.now + 500);
});

Deno.test("an address in use is declined, and the search begins anew after 10 s (RFC 2131 §3.1, step 5)", () => {
  const bench = new Bench().bind();
  bench.client.decline(OTHER, bench.now); // not ours
  assertEquals(bench.sent, []);
  bench.now += 2000;
  bench.client.decline(ADDRESS, bench.now);
  assertEquals(bench.trace(), [`${bench.now} DECLINE ${ALL}`]);
  assertEquals(bench.events, [`${bench.now} lost`]);
  assertEquals(bench.client.nextDeadline(), bench.now + 10_000);
  bench.client.decline(ADDRESS, bench.now);
  assertEquals(bench.sent.length, 1);
  bench.step();
  assertEquals(bench.last.type, "DISCOVER");
  // Again and again: the waits grow, but are never below 10 s.
  const waits = [0, 0, 0, 0].map(() => {
    bench.offer().ack();
    bench.client.decline(ADDRESS, bench.now);
    const wait = bench.client.nextDeadline() - bench.now;
    bench.step();
    return wait;
  });
  assertEquals(waits, [10_000, 10_000, 16_000, 32_000]);
  assertEquals(bench.counters.dhcpDeclines, 5);
});

Deno.test("a host may decline or release while it is told of the lease", () => {
  const bench = new Bench();
  bench.reaction = () => {
    if (bench.lease) bench.client.decline(ADDRESS, bench.now);
  };
  bench.client.start(bench.now);
  bench.step().offer().ack();
  assertEquals([bench.client.state, bench.last.type], [DHCP_STATE.INIT, "DECLINE"]);
  bench.reaction = () => {
    if (bench.lease) bench.client.release();
  };
  bench.step().offer().ack();
  assertEquals([bench.client.state, bench.last.type], [DHCP_STATE.STOPPED, "RELEASE"]);
});

Deno.test("release() gives the address back and ends everything, in each state (RFC 2131 §4.4.6)", () => {
  const steps: [state: number, go: (bench: Bench) => void][] = [
    [DHCP_STATE.INIT, () => {}],
    [DHCP_STATE.SELECTING, (bench) => bench.step()],
    [DHCP_STATE.REQUESTING, (bench) => bench.offer()],
    [DHCP_STATE.BOUND, (bench) => bench.ack()],
    [DHCP_STATE.RENEWING, (bench) => bench.step()],
    [DHCP_STATE.REBINDING, (bench) => bench.run(1000 + HOUR * 0.9)],
  ];
  steps.forEach(([state], last) => {
    const bench = new Bench();
    const { client } = bench;
    client.start(bench.now);
    for (const [, go] of steps.slice(0, last + 1)) go(bench);
    assertEquals(client.state, state);
    const sent = bench.sent.length;
    client.release();
    assertEquals([client.state, client.nextDeadline()], [DHCP_STATE.STOPPED, Infinity]);
    const released = state >= DHCP_STATE.BOUND;
    assertEquals(bench.sent.length - sent, released ? 1 : 0);
    assertEquals(bench.events.at(-1)?.endsWith("lost") ?? false, released);
    bench.run(bench.now + 10 * HOUR).offer().ack().nak();
    client.release();
    assertEquals(bench.sent.length - sent, released ? 1 : 0);
    assertEquals(client.state, DHCP_STATE.STOPPED);
    client.start(bench.now);
    assertEquals(client.state, DHCP_STATE.INIT);
  });
});

Deno.test("start() while it runs changes nothing", () => {
  const bench = new Bench().bind();
  bench.client.start(bench.now);
  assertEquals(bench.client.state, DHCP_STATE.BOUND);
});

Deno.test("an address of old is asked for, and had at once (RFC 2131 §3.2)", () => {
  const bench = new Bench();
  bench.client.start(bench.now, ADDRESS);
  bench.step();
  assertEquals(bench.client.state, DHCP_STATE.REBOOTING);
  bench.offer().ack({ address: OTHER });
  assertEquals(bench.client.state, DHCP_STATE.REBOOTING);
  bench.ack({ server: RIVAL }); // any server
  assertEquals(bench.events, ["1500 configured 10.9.0.50/24"]);
  assertEquals(bench.trace(), [`1500 REQUEST ${ALL}`]);
});

Deno.test("an address of old that is refused, or that nobody knows of, is forgotten (RFC 2131 §3.2)", () => {
  const refused = new Bench();
  refused.client.start(refused.now, ADDRESS);
  refused.step().nak().step();
  assertEquals([refused.last.type, refused.last.requested], ["DISCOVER", undefined]);
  const unanswered = new Bench();
  unanswered.client.start(unanswered.now, ADDRESS);
  unanswered.run(14_000);
  assertEquals(unanswered.trace(), [
    `1500 REQUEST ${ALL}`,
    `5500 REQUEST ${ALL}`,
    `14000 DISCOVER ${ALL}`,
  ]);
  assertEquals(unanswered.sent.map(({ secs }) => secs), [0, 4, 0]);
});

Deno.test("answers to others, and to questions of old, are ignored (RFC 2131 §4.4.1)", () => {
  withSeed(1, (random) => {
    const bench = new Bench(() => random.random());
    const { client, counters } = bench;
    client.start(bench.now);
    bench.step();
    const { xid } = bench.last;
    bench.offer({ xid: xid + 1 >>> 0 });
    bench.offer({ hardware: Uint8Array.of(2, 0, 0, 0, 0, 3) });
    bench.offer({ hardware: Uint8Array.of(2, 0, 0, 0, 0, 2, 0) });
    bench.offer({ op: 1 });
    bench.answer(DHCP_TYPE.DISCOVER).answer(99).ack().nak();
    assertEquals(client.state, DHCP_STATE.SELECTING);
    assertEquals(counters.dhcpIgnored, 8);
    bench.offer().ack();
    bench.offer().ack().nak(); // once more, too late
    assertEquals(client.state, DHCP_STATE.BOUND);
    assertEquals(counters.dhcpIgnored, 11);
    bench.step().offer();
    assertEquals(counters.dhcpIgnored, 12);
    bench.ack({ xid }).nak({ xid });
    assertEquals([client.state, counters.dhcpIgnored], [DHCP_STATE.RENEWING, 14]);
    const earlier = bench.last.xid;
    bench.step().ack({ xid: earlier }); // each request has a transaction of its own
    assertEquals([client.state, counters.dhcpIgnored], [DHCP_STATE.RENEWING, 15]);
    const { now } = bench;
    bench.run(now + 1000).ack();
    assertEquals(client.expiresAt, now + HOUR);
  });
});

Deno.test("what no server of good will offers is not taken, and not acknowledged either", () => {
  const v4 = IpAddress.v4;
  const cases: [what: string, answer: Answer][] = [
    ["0.0.0.0", { address: v4(0, 0, 0, 0) }],
    ['an address of "this network"', { address: v4(0, 1, 2, 3) }],
    ["a loopback address", { address: v4(127, 0, 0, 1) }],
    ["a multicast address", { address: v4(224, 0, 0, 1) }],
    ["a reserved address", { address: v4(240, 0, 0, 1) }],
    ["the broadcast address", { address: v4(255, 255, 255, 255) }],
    ["the address of the network", { address: v4(10, 9, 0, 0) }],
    ["the broadcast address of the network", { address: v4(10, 9, 0, 255) }],
    ["no server", { server: null }],
    ["a server of 0.0.0.0", { server: v4(0, 0, 0, 0) }],
    ["a server of many", { server: v4(224, 0, 0, 1) }],
    ["a server that is all", { server: v4(255, 255, 255, 255) }],
    ["no lease time", { lease: null }],
    ["a lease time of 0", { lease: 0 }],
  ];
  for (const [what, answer] of cases) {
    const bench = new Bench();
    bench.client.start(bench.now);
    bench.step().offer(answer);
    assertEquals(bench.client.state, DHCP_STATE.SELECTING, what);
    assertEquals(bench.counters.dhcpUnacceptable, 1, what);
    bench.offer().ack(answer);
    assertEquals(bench.client.state, DHCP_STATE.REQUESTING, what);
    bench.ack().step().ack(answer);
    assertEquals(bench.client.state, DHCP_STATE.RENEWING, what);
    assertEquals(bench.counters.dhcpUnacceptable, 3, what);
  }
});

Deno.test("a lease is read with all that comes with it", () => {
  const text = (value: string) => [...new TextEncoder().encode(value)];
  const more: [number, number[]][] = [
    [DHCP_OPTION.ROUTER, [10, 9, 0, 1, 0, 0, 0, 0, 224, 0, 0, 1, 10, 9, 0, 2]],
    [DHCP_OPTION.DNS_SERVER, [10, 9, 0, 1, 127, 0, 0, 1, 9, 9, 9, 9]],
    [DHCP_OPTION.HOST_NAME, text("guest")],
    [DHCP_OPTION.DOMAIN_NAME, text("example.test")],
    [DHCP_OPTION.DOMAIN_SEARCH, [1, 97, 4, ...text("test"), 0, 1, 98, 0xc0, 2]],
    [DHCP_OPTION.INTERFACE_MTU, [5, 120]],
    [DHCP_OPTION.BROADCAST_ADDRESS, [10, 9, 0, 255]],
    [DHCP_OPTION.RENEWAL_TIME, uint32(100)],
    [DHCP_OPTION.REBINDING_TIME, uint32(200)],
  ];
  const bench = new Bench().bind({ more });
  const plain = (lease: DhcpLease) =>
    JSON.parse(
      JSON.stringify(lease, (_key, value) => value instanceof IpAddress ? `${value}` : value),
    );
  const want = {
    address: "10.9.0.50",
    prefixLength: 24,
    server: "10.9.0.1",
    routers: ["10.9.0.1", "10.9.0.2"],
    routes: [],
    dnsServers: ["10.9.0.1", "9.9.9.9"],
    domainName: "example.test",
    domainSearch: ["a.test", "b.test"],
    hostName: "guest",
    mtu: 1400,
    broadcast: "10.9.0.255",
    duration: HOUR,
    renewAfter: 100_000,
    rebindAfter: 200_000,
  };
  assertEquals(plain(bench.lease!), want);
  // Classless routes take the place of routers (RFC 3442).
  const routes = [0, 10, 9, 0, 3, 8, 172, 0, 0, 0, 0, 8, 173, 224, 0, 0, 1];
  bench.step().ack({ more: [...more, [DHCP_OPTION.CLASSLESS_ROUTES, routes]] });
  assertEquals(plain(bench.lease!), {
    ...want,
    routers: [],
    routes: [
      { destination: "0.0.0.0", prefixLength: 0, router: "10.9.0.3" },
      { destination: "172.0.0.0", prefixLength: 8, router: "0.0.0.0" },
    ],
  });
  // Unless they cannot be read.
  bench.step().ack({ more: [...more, [DHCP_OPTION.CLASSLESS_ROUTES, [33, 1]]] });
  assertEquals(plain(bench.lease!), want);
});

Deno.test("a lease without mask has the prefix of its class, and a mask with holes is none (RFC 791 §3.2)", () => {
  const cases: [address: string, mask: string, prefixLength: number][] = [
    ["10.9.0.50", "255.255.255.0", 24],
    ["10.9.0.50", "255.255.255.252", 30],
    ["10.9.0.50", "255.255.255.254", 31],
    ["10.9.0.51", "255.255.255.254", 31],
    ["10.9.0.50", "255.255.255.255", 32],
    ["10.9.0.50", "128.0.0.0", 1],
    ["10.9.0.50", "0.0.0.0", 8],
    ["10.9.0.50", "255.0.255.0", 8],
    ["10.9.0.50", "0.255.255.255", 8],
    ["172.16.0.1", "255.255.255.1", 16],
    ["192.168.0.1", "254.255.255.255", 24],
  ];
  for (const [text, mask, prefixLength] of cases) {
    const answer = { address: IpAddress.parse(text), mask: IpAddress.parse(mask) };
    const bench = new Bench().bind(answer);
    assertEquals(bench.lease?.prefixLength, prefixLength, `${text} ${mask}`);
  }
});

Deno.test("an MTU below what every host takes, and a broadcast address that is none, are not taken", () => {
  const { BROADCAST_ADDRESS, INTERFACE_MTU } = DHCP_OPTION;
  const cases: [mtu: number[], broadcast: number[], want: [number?, string?]][] = [
    [[2, 64], [10, 9, 0, 255], [576, "10.9.0.255"]],
    [[2, 63], [10, 9, 0, 0], [undefined, "10.9.0.0"]],
    [[0, 68], [10, 9, 0, 1], [undefined, undefined]],
    [[0, 0], [10, 9, 1, 255], [undefined, undefined]],
    [[255, 255], [255, 255, 255, 255], [65535, undefined]],
  ];
  for (const [mtu, broadcast, want] of cases) {
    const bench = new Bench().bind({
      more: [[INTERFACE_MTU, mtu], [BROADCAST_ADDRESS, broadcast]],
    });
    assertEquals([bench.lease!.mtu, bench.lease!.broadcast?.toString()], want);
  }
});

Deno.test("T1 and T2 are what the server says if that can be, or else 1/2 and 7/8 (RFC 2131 §4.4.5)", () => {
  const cases: [t1: number | null, t2: number | null, want: [number, number]][] = [
    [null, null, [1800, 3150]],
    [100, 200, [100, 200]],
    [3000, null, [3000, 3150]],
    [3149, null, [3149, 3150]],
    [3150, null, [1800, 3150]],
    [null, 2000, [1800, 2000]],
    [null, 1000, [500, 1000]],
    [0, 0, [1800, 3150]],
    [200, 100, [50, 100]],
    [100, 100, [50, 100]],
    [1800, 3600, [1800, 3150]],
    [0xffff_ffff, 0xffff_ffff, [1800, 3150]],
  ];
  for (const [t1, t2, [renew, rebind]] of cases) {
    const more: [number, number[]][] = [];
    if (t1 !== null) more.push([DHCP_OPTION.RENEWAL_TIME, uint32(t1)]);
    if (t2 !== null) more.push([DHCP_OPTION.REBINDING_TIME, uint32(t2)]);
    const { lease } = new Bench().bind({ more });
    assertEquals([lease!.renewAfter, lease!.rebindAfter], [renew * 1000, rebind * 1000]);
  }
});

Deno.test("renewals come up to a fiftieth early, by chance (RFC 2131 §4.4.5)", () => {
  const bench = new Bench(() => 0x8000_0000).bind();
  assertEquals(bench.client.nextDeadline(), 1500 + HOUR / 2 * 0.99);
  bench.step();
  assertEquals(bench.last.at, 1500 + HOUR / 2 * 0.99);
  while (bench.client.state !== DHCP_STATE.REBINDING) bench.step();
  assertEquals(bench.last.at, 1500 + HOUR * 7 / 8 * 0.99);
});

Deno.test("a lease without end is never renewed (RFC 2131 §3.3)", () => {
  const bench = new Bench().bind({ lease: 0xffff_ffff });
  assertEquals([bench.client.nextDeadline(), bench.client.expiresAt], [Infinity, Infinity]);
});

Deno.test("a host that slept past its deadlines does what is due by then", () => {
  const cases: [share: number, type: string, way: string, state: number][] = [
    [0.6, "REQUEST", "10.9.0.50 > 10.9.0.1", DHCP_STATE.RENEWING],
    [0.9, "REQUEST", "10.9.0.50 > 255.255.255.255", DHCP_STATE.REBINDING],
  ];
  for (const [share, type, way, state] of cases) {
    const bench = new Bench().bind();
    bench.client.poll(1500 + HOUR * share);
    assertEquals([bench.last.type, bench.last.way, bench.client.state], [type, way, state]);
  }
  const bench = new Bench().bind();
  bench.client.poll(1500 + HOUR);
  assertEquals([bench.sent.length, bench.client.state], [0, DHCP_STATE.INIT]);
  assertEquals(bench.lease, undefined);
});

Deno.test("what is granted too late is not taken: the lease is over, or the one before", () => {
  const bench = new Bench();
  bench.client.start(bench.now);
  bench.step().offer({ lease: 2 });
  bench.now += 2000;
  bench.ack({ lease: 2 });
  assertEquals(bench.client.state, DHCP_STATE.REQUESTING);
  bench.ack({ lease: 3 });
  assertEquals(bench.client.state, DHCP_STATE.BOUND);
  bench.step();
  bench.now = bench.client.expiresAt;
  bench.ack({ lease: 3600 });
  assertEquals(bench.client.state, DHCP_STATE.RENEWING);
  bench.client.poll(bench.now);
  assertEquals([bench.client.state, bench.lease], [DHCP_STATE.INIT, undefined]);
});

Deno.test("the constructor takes what a message can hold", () => {
  const bad: [options: Partial<DhcpClientOptions>, message: string][] = [
    [{ hardwareAddress: new Uint8Array(5) }, "An Ethernet address has 6 bytes, not 5"],
    [{ maxMessageSize: 575 }, "Largest DHCP message must be 576 to 4096 bytes: got 575"],
    [{ maxMessageSize: NaN }, "Largest DHCP message must be 576 to 4096 bytes: got NaN"],
    [{ maxMessageSize: 4097 }, "Largest DHCP message must be 576 to 4096 bytes: got 4097"],
    [{ clientIdentifier: new Uint8Array(1) }, "client identifier has 2 to 255 bytes, not 1"],
    [{ clientIdentifier: new Uint8Array(256) }, "client identifier has 2 to 255 bytes, not 256"],
    [{ hostName: "é" }, "A DHCP host name has 255 ASCII characters at most"],
    [{ vendorClass: "x".repeat(256) }, "A DHCP vendor class has 255 ASCII characters at most"],
    [{ hostName: "x".repeat(132), vendorClass: "y".repeat(131) }, "must not exceed 269 bytes"],
  ];
  for (const [options, message] of bad) {
    assertThrows(() => new Bench(undefined, options), RangeError, message);
  }
  const bench = new Bench(undefined, { hostName: "x".repeat(131), vendorClass: "y".repeat(131) });
  bench.bind();
});

Deno.test("whatever is received at whatever time, nothing is thrown and deadlines lie ahead", () => {
  const event = fc.record({
    type: fc.constantFrom(...Object.values(DHCP_TYPE), 0, 9),
    address: fc.constantFrom(ADDRESS, OTHER, SERVER, IpAddress.v4(0, 0, 0, 0)),
    server: fc.constantFrom(SERVER, SERVER, RIVAL, null),
    lease: fc.constantFrom(null, 0, 1, 2, 60, 3600, 0xffff_fffe, 0xffff_ffff),
    more: fc.array(
      fc.tuple(
        fc.constantFrom(...Object.values(DHCP_OPTION)),
        fc.array(fc.nat(255), { maxLength: 9 }),
      ),
      { maxLength: 4 },
    ),
    wait: fc.constantFrom(0, 0, 0, 1, 1000, 5000, 60_000, HOUR),
    does: fc.constantFrom("answer", "answer", "answer", "noise", "decline", "release", "start"),
    noise: fc.uint8Array({ maxLength: 300 }),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), fc.nat(), (events, seed) => {
      const random = new Random(seed);
      const bench = new Bench(() => random.random());
      const { client } = bench;
      client.start(bench.now);
      bench.step();
      for (const { does, type, wait, noise, ...answer } of events) {
        if (does === "answer") bench.answer(type, answer);
        if (does === "noise") {
          client.receive(new DataView(noise.buffer), 0, noise.length, bench.now);
        }
        if (does === "decline") client.decline(answer.address, bench.now);
        if (does === "release") client.release();
        if (does === "start") client.start(bench.now);
        const before = bench.sent.length;
        bench.run(bench.now + wait);
        assert(client.nextDeadline() > bench.now);
        // Twice a second is the most that a lease of a second makes us send.
        assert(bench.sent.length - before <= 2 + wait / 250, `${bench.sent.length - before}`);
        assertEquals(client.lease !== undefined, client.state >= DHCP_STATE.BOUND);
        assertEquals(client.lease, bench.lease);
        assertEquals(
          client.nextDeadline() === Infinity,
          client.state === DHCP_STATE.STOPPED ||
            (client.state === DHCP_STATE.BOUND && client.expiresAt === Infinity),
        );
      }
    }),
    { numRuns: 500 },
  );
});
