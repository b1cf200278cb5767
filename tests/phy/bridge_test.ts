import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { bridge, createStack, memoryPair, memorySwitch } from "../../mod.ts";
import type { Device } from "../../src/phy/device.ts";
import { LINK_HEADROOM, Packet } from "../../src/wire/packet.ts";
import { ACK } from "../../src/wire/tcp.ts";
import { bytesOf, tcp } from "../packets.ts";
import { leaving, partial, segmentsOf } from "../super_segments.ts";

/** A packet of so many bytes that are all `value`. */
function packet(value: number, length = 20): Packet {
  const memory = new Uint8Array(LINK_HEADROOM + length).fill(value);
  return new Packet(memory).place(LINK_HEADROOM, memory.length);
}

/** The next packet's first byte. */
async function next(device: Device): Promise<number> {
  await device.readable();
  let value = -1;
  device.receive(1, ({ bytes, at }) => value = bytes[at]!);
  return value;
}

Deno.test("bridge() passes packets on, both ways, until it is closed", async () => {
  const [a, left] = memoryPair();
  const [right, b] = memoryPair();
  const joined = bridge(left, right);
  for (let value = 0; value < 200; value++) a.transmit(packet(value));
  for (let value = 0; value < 200; value++) assertEquals(await next(b), value);
  b.transmit(packet(7));
  assertEquals(await next(a), 7);
  await joined.close();
  await joined.close();
  await joined.finished;
  assertEquals([a.transmit(packet(1)), b.transmit(packet(1))], [false, false]);
});

Deno.test("bridge() ends with either device, and closes the other", async () => {
  const [a, left] = memoryPair();
  const [right] = memoryPair();
  await using joined = bridge(left, right);
  await left.close();
  await joined.finished;
  assertEquals(await right.readable(), false);
  assertEquals(a.transmit(packet(1)), false);
});

Deno.test("bridge() tells when a device has failed, and closes both", async () => {
  const [left] = memoryPair();
  const [right] = memoryPair();
  const broken: Device = Object.create(left, {
    readable: { value: () => Promise.reject(new Error("the interface has vanished")) },
    close: { value: () => left.close() },
  });
  const joined = bridge(broken, right);
  await assertRejects(() => joined.finished, Error, "the interface has vanished");
  assertEquals([await left.readable(), await right.readable()], [false, false]);
});

Deno.test("bridge() refuses devices of different media", async () => {
  const [ip] = memoryPair();
  const ethernet = memorySwitch().connect();
  assertThrows(
    () => bridge(ip, ethernet),
    TypeError,
    "Cannot bridge memory0 with port0: one's medium is ip, the other's is ethernet",
  );
  await Promise.all([ip.close(), ethernet.close()]);
});

Deno.test("two stacks talk across a bridge", async () => {
  const [a, left] = memoryPair();
  const [right, b] = memoryPair();
  await using _ = bridge(left, right);
  await using near = createStack({ device: a, address: "10.0.0.1" });
  await using far = createStack({ device: b, address: "10.0.0.2" });
  const listener = far.listen({ port: 7 });
  const [client, server] = await Promise.all([
    near.connect({ hostname: "10.0.0.2", port: 7 }),
    listener.accept(),
  ]);
  const text = new Uint8Array(100_000).fill(9);
  const sent = new Response(text).body!.pipeTo(client.writable);
  assertEquals((await new Response(server.readable).bytes()).length, text.length);
  await sent;
});

Deno.test("bridge() passes super-segments whole, and cut where the other device takes none", async () => {
  const payload = Uint8Array.from({ length: 5000 }, (_, i) => i & 0xff);
  const fields = { sourcePort: 1, destinationPort: 2, seq: 3, flags: ACK, payload };
  const left = { isPartial: true, segmentSize: 1400 };
  const header = Uint8Array.of(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2);
  const tag = [0x81, 0, 0, 5];
  const cases: [medium: "ip" | "ethernet", prefix: number[]][] = [
    ["ip", []],
    ["ethernet", [...header, 8, 0]],
    ["ethernet", [...header, ...tag, 8, 0]],
  ];
  for (const [medium, prefix] of cases) {
    for (const offload of [true, false]) {
      const [a, near] = memoryPair({ medium, offload: true });
      const [far, b] = memoryPair({ medium, offload });
      await using _ = bridge(near, far);
      const framed = (bytes: Uint8Array) => Uint8Array.of(...prefix, ...bytes);
      a.transmit(leaving(framed(partial(tcp(fields))), left));
      await b.readable();
      const got: Uint8Array[] = [];
      b.receive(9, (packet) => {
        got.push(bytesOf(packet));
        assertEquals(packet.isPartial, offload);
        assertEquals(packet.segmentSize, offload ? 1400 : 0);
      });
      const want = offload ? [partial(tcp(fields))] : segmentsOf(fields, 1400);
      assertEquals(got, want.map(framed));
      await a.close();
    }
  }
});

Deno.test("bridge() passes nothing on that it cannot finish", async () => {
  const [a, near] = memoryPair({ offload: true });
  const [far, b] = memoryPair();
  await using _ = bridge(near, far);
  a.transmit(Object.assign(packet(7), { isPartial: true }));
  a.transmit(packet(8));
  assertEquals(await next(b), 8);
});
