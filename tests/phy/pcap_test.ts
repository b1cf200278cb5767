import { assertEquals, assertThrows } from "@std/assert";
import { createStack, memoryPair } from "../../mod.ts";
import type { Medium } from "../../src/phy/device.ts";
import { PcapDevice, PcapWriter } from "../../src/phy/pcap.ts";
import { packetOf, tcp, udp } from "../packets.ts";
import { leaving, partial } from "../super_segments.ts";
import { FAR, hear, NEAR, say } from "../stacks.ts";
import { bytesOf } from "../wire/hex.ts";

/** A sink, and what has come to it. */
function sink() {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  return {
    pieces,
    write: (bytes: Uint8Array<ArrayBuffer>) => void pieces.push(bytes),
    file: () => Uint8Array.from(pieces.flatMap((piece) => [...piece])),
  };
}

/** What a writer makes of packets at a time, in hex, each piece a line. */
function written(
  medium: Medium,
  packets: string[],
  snapLength?: number,
  now = 1_700_000_000_123.456,
) {
  const { pieces, write } = sink();
  const writer = new PcapWriter(medium, { write, now: () => now, snapLength });
  for (const packet of packets) writer.packet(packetOf(bytesOf(packet)));
  return pieces.map((piece) => piece.toHex());
}

Deno.test("a capture is a header with the link type, and packets with time and lengths", () => {
  const head = "a1b2c3d4 0002 0004 00000000 00000000";
  const time = "6553f100 0001e240";
  const cases: [have: string[], want: string[]][] = [
    [written("ip", []), [`${head} 00040000 00000065`]],
    [written("ethernet", []), [`${head} 00040000 00000001`]],
    [
      written("ip", ["45", "600102"]),
      [
        `${head} 00040000 00000065`,
        `${time} 00000001 00000001 45`,
        `${time} 00000003 00000003 600102`,
      ],
    ],
    [written("ip", ["0102030405"], 2), [
      `${head} 00000002 00000065`,
      `${time} 00000002 00000005 0102`,
    ]],
    [written("ip", [""], 2, 4_294_967_295_999.999), [
      `${head} 00000002 00000065`,
      "ffffffff 000f423f 00000000 00000000",
    ]],
  ];
  for (const [have, want] of cases) {
    assertEquals(have, want.map((piece) => piece.replaceAll(" ", "")));
  }
});

Deno.test("a snap length that no reader takes is refused", () => {
  for (const snapLength of [0, -1, 1.5, NaN, 262_145]) {
    assertThrows(() => written("ip", [], snapLength), RangeError, "snapLength must be 1 to 262144");
  }
});

Deno.test("what was written stays as it was when the packet's memory is used again", () => {
  const { pieces, write } = sink();
  const writer = new PcapWriter("ip", { write, now: () => 0 });
  const packet = packetOf(bytesOf("45aa"));
  writer.packet(packet);
  packet.bytes.fill(0);
  assertEquals(pieces[1]!.slice(16).toHex(), "45aa");
});

Deno.test("a partial checksum is written as it will be on the wire, and left as it is in the packet", () => {
  const segment = tcp({
    sourcePort: 5,
    destinationPort: 7,
    seq: 1,
    flags: 16,
    payload: bytesOf("61"),
  });
  const frame = bytesOf("020000000002 020000000001 0800");
  const cases: [medium: Medium, front: Uint8Array][] = [
    ["ip", bytesOf("")],
    ["ethernet", frame],
    ["ethernet", bytesOf("020000000002 020000000001 8100 4005 0800")],
  ];
  for (const [medium, front] of cases) {
    const [whole, left] = [segment, partial(segment)].map((ip) => Uint8Array.of(...front, ...ip));
    const snaps: [snapLength: number | undefined, want: Uint8Array][] = [
      [undefined, whole!],
      [whole!.length, whole!],
      [whole!.length - 1, left!.subarray(0, -1)],
    ];
    for (const [snapLength, want] of snaps) {
      const { pieces, write } = sink();
      const writer = new PcapWriter(medium, { write, now: () => 0, snapLength });
      const packet = leaving(left!, { isPartial: true });
      writer.packet(packet);
      assertEquals(pieces[1]!.subarray(16), want);
      assertEquals(packet.bytes.slice(packet.at, packet.end), left);
    }
  }
  const { pieces, write } = sink();
  const odd = bytesOf("4500");
  new PcapWriter("ip", { write, now: () => 0 }).packet(leaving(odd, { isPartial: true }));
  assertEquals(pieces[1]!.subarray(16), odd, "one that is not even IP");
});

/** What tshark reads of a file, a line for each packet; `undefined` if there is no tshark. */
async function tshark(file: Uint8Array, fields: string[]): Promise<string[] | undefined> {
  const path = await Deno.makeTempFile({ suffix: ".pcap" });
  try {
    await Deno.writeFile(path, file);
    const args = [
      "-r",
      path,
      "-T",
      "fields",
      "-E",
      "separator=,",
      ...fields.flatMap((f) => ["-e", f]),
    ];
    const { success, stdout, stderr } = await new Deno.Command("tshark", { args }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim().split("\n");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    // deno-lint-ignore no-console
    console.warn("tshark is not installed: not compared with what it reads");
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("tshark reads packets, times and lengths as they were written", async () => {
  const datagram = udp({ sourcePort: 5000, destinationPort: 7, payload: bytesOf("616263") });
  const frame = Uint8Array.of(...bytesOf("020000000002 020000000001 0800"), ...datagram);
  const fields = ["frame.time_epoch", "frame.len", "frame.cap_len", "ip.src", "udp.dstport"];
  const cases: [medium: Medium, bytes: Uint8Array, snapLength: number | undefined, want: string][] =
    [
      ["ip", datagram, undefined, "31,31,10.0.0.1,7"],
      ["ip", datagram, 28, "31,28,10.0.0.1,7"],
      ["ethernet", frame, undefined, "45,45,10.0.0.1,7"],
    ];
  for (const [medium, bytes, snapLength, want] of cases) {
    const { write, file } = sink();
    const writer = new PcapWriter(medium, { write, now: () => 1_700_000_000_500, snapLength });
    writer.packet(packetOf(bytes));
    const lines = await tshark(file(), fields);
    if (lines === undefined) return;
    assertEquals(lines.map((line) => line.replace(/^1700000000\.50*,/, "")), [want]);
  }
});

Deno.test("PcapDevice captures both directions of a stack, and is else the device", async () => {
  const { pieces, write } = sink();
  const [device, peer] = memoryPair({ mtu: 600 });
  const { medium } = device.capabilities;
  const shown = new PcapDevice(device, new PcapWriter(medium, { write, now: () => 0 }));
  assertEquals([shown.name, shown.mtu, shown.capabilities.medium], ["memory0", 600, "ip"]);
  const far = createStack({ device: shown, address: FAR });
  const near = createStack({ device: peer, address: NEAR });
  const listener = far.listen({ port: 7 });
  const conn = await near.connect({ hostname: FAR, port: 7, localPort: 5000 });
  await say(conn, "hello");
  const accepted = await listener.accept();
  assertEquals(await hear(accepted, 5), "hello");
  await Promise.all([near.close(), far.close()]);
  const flags = pieces.slice(1).map((piece) => {
    const source = piece.subarray(16 + 12, 16 + 16).join(".");
    return `${source === FAR ? ">" : "<"} ${piece[16 + 33]!.toString(16)}`;
  });
  assertEquals(flags.slice(0, 4), ["< 2", "> 12", "< 10", "< 18"]);
  assertEquals(shown.counters(), device.counters());
  assertEquals(await device.readable(), false, "it is closed");
});
