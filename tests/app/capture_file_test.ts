import { assertEquals, assertThrows } from "@std/assert";
import { memoryPair, memorySwitch } from "../../mod.ts";
import { CaptureFile } from "../../src/app/capture_file.ts";
import { UsageError } from "../../src/app/errors.ts";
import { packetOf } from "../packets.ts";

/** Runs `body` with the path of a file that does not last. */
async function withFile(body: (path: string) => Promise<void> | void): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".pcap" });
  try {
    await body(path);
  } finally {
    await Deno.remove(path);
  }
}

/** The lengths of the packets in a file. */
function lengths(file: Uint8Array): number[] {
  const view = new DataView(file.buffer);
  const found: number[] = [];
  for (let at = 24; at < file.length; at += 16 + found.at(-1)!) found.push(view.getUint32(at + 8));
  return found;
}

Deno.test("the file is whole once it is closed, and holds what is more than the buffer", async () => {
  const sizes = [0, 1, 40, 65_535 - 16, 65_536 - 16, 65_537 - 16, 70_000, 200_000, 20];
  await withFile(async (path) => {
    await Deno.writeFile(path, new Uint8Array(1_000_000));
    const [device, peer] = memoryPair({ mtu: 65_535 });
    {
      using capture = new CaptureFile(path);
      const captured = capture.wrap(device);
      for (const size of sizes) captured.transmit(packetOf(new Uint8Array(size)));
    }
    assertEquals(lengths(await Deno.readFile(path)), sizes);
    await Promise.all([device.close(), peer.close()]);
  });
});

Deno.test("interfaces of one kind share a file, others cannot", async () => {
  await withFile(async (path) => {
    const network = memorySwitch();
    const devices = [network.connect(), network.connect(), ...memoryPair()];
    {
      using capture = new CaptureFile(path);
      for (const device of devices.slice(0, 2)) {
        capture.wrap(device).transmit(packetOf(new Uint8Array(60)));
      }
      assertThrows(() => capture.wrap(devices[2]!), UsageError, "both Ethernet frames and IP");
    }
    assertEquals(lengths(await Deno.readFile(path)), [60, 60]);
    await Promise.all(devices.map((device) => device.close()));
  });
});

Deno.test("a file that can't be made, or is full, is an error that names it", async () => {
  const path = "/nowhere/at/all.pcap";
  assertThrows(() => new CaptureFile(path), Error, `Cannot make the capture file ${path}: `);
  const [device, peer] = memoryPair();
  const capture = new CaptureFile("/dev/full");
  capture.wrap(device).transmit(packetOf(new Uint8Array(20)));
  assertThrows(() => capture[Symbol.dispose](), Error, "Cannot write all of the capture file");
  await Promise.all([device.close(), peer.close()]);
});
