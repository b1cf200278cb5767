import { assert, assertEquals, assertFalse } from "@std/assert";
import type { Datagram, UdpReceiver } from "../../src/net/udp.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { finish, pseudoHeaderSum, sum } from "../../src/wire/checksum.ts";
import { Drop } from "../../src/wire/drop.ts";
import { ipv4, PEER, type Sent, STACK, udp } from "../packets.ts";
import { TestHost } from "../stack/host.ts";

const SECOND = IpAddress.v4(10, 0, 0, 3);

/** Notes what it gets. */
class Receiver implements UdpReceiver {
  got: { source: string; sourcePort: number; destinationPort: number; payload: number[] }[] = [];
  constructor(
    readonly port: number,
    readonly address: IpAddress | null = null,
    readonly answer: Drop = Drop.NONE,
  ) {}

  datagram({ packet, at, end, sourcePort, destinationPort }: Datagram): Drop {
    const payload = [...packet.bytes.subarray(at, end)];
    this.got.push({ source: packet.source.toString(), sourcePort, destinationPort, payload });
    return this.answer;
  }
}

function datagram(destinationPort: number, destination = STACK): Uint8Array<ArrayBuffer> {
  return udp({ destination, sourcePort: 5000, destinationPort, payload: Uint8Array.of(1, 2, 3) });
}

/** Who of these gets a datagram to a port. */
function takers(receivers: Receiver[], port: number, destination = STACK): number[] {
  const host = new TestHost({ addresses: [STACK, SECOND] });
  for (const receiver of receivers) assert(host.stack.udp.bind(receiver));
  host.receive(datagram(port, destination));
  return receivers.map((receiver) => receiver.got.length);
}

Deno.test("a datagram reaches who is bound to its port, with its source and payload (RFC 768)", () => {
  const host = new TestHost();
  const receiver = new Receiver(7);
  assert(host.stack.udp.bind(receiver));
  assertEquals(host.receive(datagram(7)), []);
  assertEquals(receiver.got, [
    { source: "10.0.0.1", sourcePort: 5000, destinationPort: 7, payload: [1, 2, 3] },
  ]);
  assertEquals(host.stack.counters.udpReceived, 1);
});

Deno.test("a receiver of the very address goes before one of all, one of the port before one of every port", () => {
  const exact = () => new Receiver(7, STACK);
  const wildcard = () => new Receiver(7);
  const everyPort = () => new Receiver(0);
  assertEquals(takers([wildcard(), exact(), everyPort()], 7), [0, 1, 0]);
  assertEquals(takers([exact(), wildcard()], 7, SECOND), [0, 1]);
  assertEquals(takers([exact(), everyPort()], 7, SECOND), [0, 1]);
  assertEquals(takers([wildcard(), everyPort()], 8), [0, 1]);
  assertEquals(takers([exact(), wildcard()], 8), [0, 0]);
  assertEquals(takers([new Receiver(0, STACK), everyPort()], 8), [1, 0]);
});

Deno.test("a port and address can be bound once, and again when it was let go", () => {
  const { udp } = new TestHost({ addresses: [STACK, SECOND] }).stack;
  const cases: [address: IpAddress | null, bound: boolean][] = [
    [null, true],
    [null, false],
    [STACK, true],
    [STACK.clone(), false],
    [SECOND, true],
  ];
  for (const [address, bound] of cases) {
    assertEquals(udp.bind(new Receiver(7, address)), bound, `${address}`);
  }
  assert(udp.bind(new Receiver(8)));
  const receiver = new Receiver(9);
  assert(udp.bind(receiver));
  udp.unbind(receiver);
  udp.unbind(receiver);
  assert(udp.bind(new Receiver(9)));
});

Deno.test("a free port is one that nobody is bound to", () => {
  const { udp } = new TestHost().stack;
  for (let i = 0; i < 100; i++) assert(udp.bind(new Receiver(udp.freePort())));
});

Deno.test("a datagram without a checksum is accepted (RFC 1122 §4.1.3.4)", () => {
  const host = new TestHost();
  const receiver = new Receiver(7);
  host.stack.udp.bind(receiver);
  const payload = Uint8Array.of(1, 2, 3);
  host.receive(udp({ sourcePort: 5000, destinationPort: 7, payload, checksum: false }));
  assertEquals(receiver.got.length, 1);
});

Deno.test("UDP drops what is damaged, each for its reason", () => {
  const damaged = datagram(7);
  damaged[30]! ^= 1;
  const lengthOf = (length: number) => {
    const bytes = udp({
      sourcePort: 5000,
      destinationPort: 7,
      payload: new Uint8Array(4),
      checksum: false,
    });
    new DataView(bytes.buffer).setUint16(24, length);
    return bytes;
  };
  const cases: [bytes: Uint8Array, drop: Parameters<TestHost["drops"]>[0]][] = [
    [ipv4({ protocol: 17, payload: new Uint8Array(7) }), "UDP_TRUNCATED"],
    [lengthOf(7), "UDP_BAD_LENGTH"],
    [lengthOf(13), "UDP_BAD_LENGTH"],
    [damaged, "UDP_BAD_CHECKSUM"],
  ];
  for (const [bytes, drop] of cases) {
    const host = new TestHost();
    const receiver = new Receiver(7);
    host.stack.udp.bind(receiver);
    assertEquals(host.receive(bytes), []);
    assertEquals(host.drops(drop), 1, drop);
    assertEquals(receiver.got, []);
  }
});

Deno.test("a datagram shorter than the packet that carries it ends where it says (RFC 768)", () => {
  const host = new TestHost();
  const receiver = new Receiver(7);
  host.stack.udp.bind(receiver);
  const whole = datagram(7).slice(20);
  host.receive(ipv4({ protocol: 17, payload: Uint8Array.of(...whole, 9, 9) }));
  assertEquals(receiver.got[0]!.payload, [1, 2, 3]);
});

Deno.test("what a receiver has no room for is counted, and not answered", () => {
  const host = new TestHost();
  host.stack.udp.bind(new Receiver(7, null, Drop.UDP_QUEUE_FULL));
  assertEquals(host.receive(datagram(7)), []);
  assertEquals(host.drops("UDP_QUEUE_FULL"), 1);
});

/** Takes apart a datagram that was sent; its checksum must be there, and right. */
function sentDatagram({ payload }: Sent): [ports: number[], text: number[]] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  assertEquals(view.getUint16(4), payload.length);
  assert(view.getUint16(6) !== 0);
  const pseudo = pseudoHeaderSum(STACK, PEER, 17, payload.length);
  assertEquals(finish(sum(view, 0, payload.length, pseudo)), 0, "checksum");
  return [[view.getUint16(0), view.getUint16(2)], [...payload.subarray(8)]];
}

Deno.test("a datagram is sent with its ports, length and checksum (RFC 768)", () => {
  const host = new TestHost();
  const { udp } = host.stack;
  assert(udp.send(STACK, 7, PEER, 5000, Uint8Array.of(4, 5, 6)));
  assert(udp.send(STACK, 7, PEER, 5000, new Uint8Array(0)));
  udp.outgoing.bytes.set([8, 9], udp.payloadAt);
  assert(udp.sendOutgoing(STACK, 1, PEER, 2, 2));
  assertEquals(host.take().map(sentDatagram), [
    [[7, 5000], [4, 5, 6]],
    [[7, 5000], []],
    [[1, 2], [8, 9]],
  ]);
  assertEquals(host.stack.counters.udpSent, 3);
});

Deno.test("a datagram may be as large as IP takes, and a larger one is counted", () => {
  const host = new TestHost({ mtu: 65_535 });
  const { udp } = host.stack;
  assertEquals(udp.maxPayload(PEER), 65_507);
  assert(udp.send(STACK, 7, PEER, 5000, new Uint8Array(65_507)));
  assertFalse(udp.send(STACK, 7, PEER, 5000, new Uint8Array(65_508)));
  assertFalse(udp.send(STACK, 7, PEER, 5000, new Uint8Array(100_000)));
  assertEquals([host.drops("SEND_TOO_BIG"), host.sent.length], [2, 1]);
});
