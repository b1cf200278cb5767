import { assert, assertEquals } from "@std/assert";
import { IpAddress } from "../../src/wire/address.ts";
import { finish, sum } from "../../src/wire/checksum.ts";
import { icmp, ipv4, PEER, type Sent, STACK, udp } from "../packets.ts";
import { TestHost } from "../stack/host.ts";

/** Takes apart an ICMP message; its checksum must be right. */
function message({ payload }: Sent): { type: number; code: number; body: Uint8Array } {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  assertEquals(finish(sum(view, 0, payload.length)), 0, "checksum");
  return { type: payload[0]!, code: payload[1]!, body: payload.slice(4) };
}

/** Identifier, sequence number and `length` bytes of data. */
function echoBody(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: 4 + length }, (_, i) => i * 7);
}

Deno.test("an echo request of any size that the link takes is answered with all of its data (RFC 792)", () => {
  for (const mtu of [576, 1500, 9000, 65535]) {
    const host = new TestHost({ mtu });
    const most = mtu - 20 - 8;
    const sizes = mtu > 1500 ? [most - 1, most] : Array.from({ length: most + 1 }, (_, i) => i);
    for (const size of sizes) {
      const body = echoBody(size);
      const [reply, ...more] = host.receive(icmp(8, 0, body));
      assertEquals(more, []);
      assertEquals([reply!.source, reply!.destination], ["10.0.0.2", "10.0.0.1"]);
      assertEquals(message(reply!), { type: 0, code: 0, body });
    }
    assertEquals(host.stack.counters.icmpEchoReplies, sizes.length);
  }
});

Deno.test("an echo is answered from the address that was asked (RFC 1122 §3.2.2.6)", () => {
  const second = IpAddress.v4(10, 0, 0, 3);
  const host = new TestHost({ addresses: [STACK, second] });
  const request = icmp(8, 0, echoBody(10)).slice(20);
  const [reply] = host.receive(ipv4({ destination: second, protocol: 1, payload: request }));
  assertEquals(reply!.source, "10.0.0.3");
});

Deno.test("an echo larger than the link takes is counted, not answered", () => {
  const host = new TestHost({ mtu: 576 });
  assertEquals(host.receive(icmp(8, 0, echoBody(549))), []);
  assertEquals(host.drops("SEND_TOO_BIG"), 1);
  assertEquals(host.stack.counters.icmpEchoReplies, 0);
});

Deno.test("ICMP drops what is damaged, unknown or unasked for without an answer (RFC 1122 §3.2.2)", () => {
  const damaged = icmp(8, 0, echoBody(9));
  damaged[30]! ^= 1;
  const cases: [bytes: Uint8Array, drop: Parameters<TestHost["drops"]>[0]][] = [
    [ipv4({ protocol: 1, payload: new Uint8Array(7) }), "ICMP_TRUNCATED"],
    [damaged, "ICMP_BAD_CHECKSUM"],
    [icmp(42, 0, echoBody(9)), "ICMP_UNKNOWN_TYPE"],
    [icmp(5, 1, echoBody(9)), "ICMP_UNKNOWN_TYPE"],
    [icmp(0, 0, echoBody(9)), "ICMP_NOT_ASKED"],
  ];
  for (const [bytes, drop] of cases) {
    const host = new TestHost();
    assertEquals(host.receive(bytes), []);
    assertEquals(host.drops(drop), 1, drop);
  }
});

Deno.test("errors of others are counted, and never answered (RFC 1122 §3.2.2)", () => {
  const host = new TestHost();
  for (const type of [3, 11, 12]) assertEquals(host.receive(icmp(type, 0, echoBody(60))), []);
  assertEquals(host.stack.counters.icmpErrorsReceived, 3);
});

Deno.test("a datagram that nobody takes is answered with port unreachable, which quotes it (RFC 1122 §3.2.2.1)", () => {
  for (const size of [0, 1, 100, 519, 520, 521, 1472]) {
    const host = new TestHost();
    const bytes = udp({ sourcePort: 5000, destinationPort: 9, payload: echoBody(size).slice(4) });
    const [error, ...more] = host.receive(bytes);
    assertEquals(more, []);
    assertEquals(error!.destination, PEER.toString());
    const { type, code, body } = message(error!);
    assertEquals([type, code], [3, 3]);
    // 576 bytes at most with the IP header of 20 and the ICMP header of 8 (RFC 1812 §4.3.2.3)
    assertEquals(body.slice(4), bytes.slice(0, 548));
    assertEquals([...body.slice(0, 4)], [0, 0, 0, 0]);
    assertEquals(host.stack.counters.icmpErrorsSent, 1);
    assertEquals(host.drops("UDP_NO_PORT"), 1);
  }
});

Deno.test("a quote ends with the packet, not with the link's padding behind it", () => {
  const host = new TestHost();
  const bytes = udp({ sourcePort: 5000, destinationPort: 9, payload: Uint8Array.of(1, 2, 3) });
  const [error] = host.receive(Uint8Array.of(...bytes, 9, 9, 9, 9));
  assertEquals(message(error!).body.slice(4), bytes);
});

Deno.test("a protocol that nobody speaks is answered with protocol unreachable (RFC 1122 §3.2.2.1)", () => {
  const host = new TestHost();
  const bytes = ipv4({ protocol: 132, payload: new Uint8Array(30) });
  const [error] = host.receive(bytes);
  const { type, code, body } = message(error!);
  assertEquals([type, code], [3, 2]);
  assertEquals(body.slice(4), bytes);
  assertEquals(host.drops("IP_UNKNOWN_PROTOCOL"), 1);
});

Deno.test("an echo request of ours finds its answer by the identifier (RFC 792)", () => {
  const host = new TestHost();
  const { icmp: icmpOfStack } = host.stack;
  const got: [sequence: number, data: number[]][] = [];
  icmpOfStack.echoReceivers.set(0x0102, {
    echoReply: (sequence, packet, at, end) =>
      got.push([sequence, [...packet.bytes.subarray(at, end)]]),
  });
  assert(icmpOfStack.sendEcho(STACK, PEER, 0x0102, 7, Uint8Array.of(1, 2, 3)));
  const [request] = host.take();
  assertEquals(message(request!), { type: 8, code: 0, body: Uint8Array.of(1, 2, 0, 7, 1, 2, 3) });
  host.receive(icmp(0, 0, Uint8Array.of(1, 2, 0, 7, 1, 2, 3)));
  assertEquals(got, [[7, [1, 2, 3]]]);
});

Deno.test("an echo request holds as much as the link takes, and not more", () => {
  const host = new TestHost({ mtu: 576 });
  const { icmp: icmpOfStack } = host.stack;
  assertEquals(icmpOfStack.maxEcho(PEER), 548);
  assert(icmpOfStack.sendEcho(STACK, PEER, 1, 1, new Uint8Array(548)));
  assert(!icmpOfStack.sendEcho(STACK, PEER, 1, 1, new Uint8Array(549)));
  assertEquals(host.drops("SEND_TOO_BIG"), 1);
});
