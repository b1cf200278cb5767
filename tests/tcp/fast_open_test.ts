import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { FastOpenCache } from "../../src/tcp/fast_open.ts";
import { State } from "../../src/tcp/state.ts";
import { NO_USER } from "../../src/tcp/tcb.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { TcpOptions } from "../../src/wire/tcp_options.ts";
import { parseSegment, PEER, tcp } from "../packets.ts";
import { decodeOptions, encodeOptions } from "../scripts/options.ts";
import { TestHost } from "../stack/host.ts";

const SYN = 2;
const MINUTE = 60_000;

function server(i: number): IpAddress {
  return IpAddress.v4(192, 0, i >> 8, i & 255);
}

function answer(cookie: number[], mss = 1000): TcpOptions {
  const options = new TcpOptions();
  options.mss = mss;
  options.fastOpenLength = cookie.length;
  options.fastOpenCookie.set(cookie);
  return options;
}

/** What the next open to this server would send. */
function prepared(cache: FastOpenCache, remote: IpAddress, now = 0) {
  const host = new TestHost();
  const tcb = host.stack.tcp.open(remote, 80, null, 0, NO_USER, host.now);
  assert(typeof tcb !== "number");
  tcb.sendBuffer.write(new Uint8Array(5000), 0, 5000);
  const fastOpen = cache.prepare(tcb, now);
  return fastOpen && { cookie: [...fastOpen.cookie!], text: fastOpen.textLength };
}

Deno.test("the cache of cookies is bounded, and forgets the oldest (RFC 7413 §4.1.3)", () => {
  const cache = new FastOpenCache(100);
  for (let i = 0; i < 1000; i++) {
    cache.onAnswer(server(i), answer([1, 2, 3, 4]), true);
    assert(cache.size <= 100);
  }
  assertEquals(prepared(cache, server(900)), { cookie: [1, 2, 3, 4], text: 960 });
  assertEquals(prepared(cache, server(899)), { cookie: [], text: 0 });
  cache.onAnswer(server(900), answer([5, 6, 7, 8]), true);
  cache.onAnswer(server(2000), answer([1, 2, 3, 4]), true);
  assertEquals(prepared(cache, server(900))?.cookie, [5, 6, 7, 8], "renewed is not old");
  assertEquals(prepared(cache, server(901))?.cookie, []);
});

Deno.test("the text of a SYN fits the server's MSS and our link (RFC 7413 §4.1.3)", () => {
  const cache = new FastOpenCache(10);
  for (const [mss, want] of [[100, 60], [1460, 1420], [9000, 1420], [20, 0], [0, 496]] as const) {
    cache.onAnswer(server(1), answer([1, 2, 3, 4], mss), true);
    assertEquals(prepared(cache, server(1))?.text, want, `${mss}`);
  }
});

Deno.test("a server that does not answer is left alone, for longer each time, an hour at most (RFC 7413 §4.1.3.1)", () => {
  const cache = new FastOpenCache(10);
  cache.onAnswer(server(1), answer([1, 2, 3, 4]), true);
  let now = 1000;
  for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) {
    cache.onSilence(server(1), now);
    cache.onSilence(server(2), now);
    now += minutes * MINUTE;
    assertEquals(prepared(cache, server(1), now - 1), null);
    assertEquals(prepared(cache, server(2), now - 1), null);
    assertEquals(prepared(cache, server(1), now)?.cookie, [1, 2, 3, 4]);
    assertEquals(prepared(cache, server(2), now)?.cookie, []);
  }
  // An answer to what was sent again without the option proves nothing, one to the first SYN does.
  cache.onAnswer(server(1), new TcpOptions(), false);
  cache.onAnswer(server(2), answer([5, 6, 7, 8]), true);
  cache.onSilence(server(1), now);
  cache.onSilence(server(2), now);
  assertEquals(prepared(cache, server(1), now + MINUTE), null);
  assertEquals(prepared(cache, server(2), now + MINUTE)?.cookie, [5, 6, 7, 8]);
});

Deno.test("a SYN,ACK without a cookie leaves the old one (RFC 7413 §4.1.3)", () => {
  const cache = new FastOpenCache(10);
  cache.onAnswer(server(1), answer([1, 2, 3, 4]), true);
  cache.onAnswer(server(1), new TcpOptions(), true);
  cache.onAnswer(server(1), answer([]), true);
  assertEquals(prepared(cache, server(1))?.cookie, [1, 2, 3, 4]);
});

let nextPort = 1000;

/** The cookie that a host grants to a client. */
function granted(host: TestHost, source: IpAddress, cookie = ""): string | undefined {
  const options = encodeOptions([`FO ${cookie}`.trim()], 0);
  const sourcePort = nextPort++;
  const syn = tcp({ source, sourcePort, destinationPort: 80, seq: 0, flags: SYN, options });
  const [synAck] = host.receive(syn);
  const words = decodeOptions(parseSegment(synAck!).options, 0);
  return words.find((word) => word.startsWith("FO "))?.slice(3);
}

Deno.test("a cookie is the client's address under a secret, and good for no other (RFC 7413 §4.1.2)", () => {
  const host = new TestHost({ tcp: { fastOpenServer: true } });
  host.stack.tcp.listen(null, 80, 100, () => {});
  const one = granted(host, PEER)!;
  assertEquals(one.length, 16);
  assertEquals(granted(host, PEER), one);
  const other = granted(host, server(1))!;
  assertNotEquals(other, one);
  const accepted = () => host.stack.counters.tcpFastOpenAccepted;
  granted(host, server(1), one);
  granted(host, server(1), `${other.slice(0, 15)}${other.endsWith("0") ? "1" : "0"}`);
  granted(host, server(1), other.slice(0, 14));
  granted(host, server(1), `${other}00`);
  assertEquals(accepted(), 0);
  granted(host, server(1), other);
  assertEquals(accepted(), 1);
});

Deno.test("a flood of SYNs with a stolen cookie opens no more than is allowed early (RFC 7413 §5.1)", () => {
  const host = new TestHost({ tcp: { fastOpenServer: true, fastOpenPending: 10 } });
  const listener = host.stack.tcp.listen(null, 80, 1000, () => {})!;
  const cookie = granted(host, PEER)!;
  for (let i = 0; i < 500; i++) granted(host, PEER, cookie);
  assertEquals(listener.earlyOpen, 10);
  assertEquals(listener.queue.length, 10);
  const early = [...host.stack.tcp.connections()].filter((tcb) => tcb.fastOpen?.isEarly);
  assert(early.every((tcb) => tcb.state === State.SYN_RECEIVED));
  // Those whom the spoofed address resets still count.
  for (const tcb of early) {
    host.receive(tcp({
      sourcePort: tcb.remotePort,
      destinationPort: 80,
      seq: tcb.rcv.nxt,
      flags: 4,
    }));
  }
  assertEquals([listener.earlyOpen, listener.heldUntil.length], [0, 10]);
  for (let i = 0; i < 100; i++) granted(host, PEER, cookie);
  assertEquals(host.stack.counters.tcpFastOpenAccepted, 10);
  host.now += 61_000;
  granted(host, PEER, cookie);
  assertEquals(host.stack.counters.tcpFastOpenAccepted, 11);
  assertEquals(listener.heldUntil.length, 0);
});
