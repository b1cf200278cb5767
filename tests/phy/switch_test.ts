import { assertEquals, assertThrows } from "@std/assert";
import { memorySwitch } from "../../mod.ts";
import type { Device } from "../../src/phy/device.ts";
import { LINK_HEADROOM, Packet } from "../../src/wire/packet.ts";

const BROADCAST = "ffffffffffff";
const GROUP = "3333ff000002";

/** A frame of addresses in hex, with one byte of payload. */
function frame(to: string, from: string, payload = 0): Packet {
  const bytes = Uint8Array.fromHex(`${to}${from}0800${payload.toString(16).padStart(2, "0")}`);
  const memory = new Uint8Array(LINK_HEADROOM + bytes.length);
  memory.set(bytes, LINK_HEADROOM);
  return new Packet(memory).place(LINK_HEADROOM, memory.length);
}

function mac(device: Device): string {
  return device.capabilities.mac!.toHex();
}

/** The payloads of all that waits at each device. */
function arrived(...devices: Device[]): number[][] {
  return devices.map((device) => {
    const list: number[] = [];
    device.receive(Infinity, ({ bytes, end }) => list.push(bytes[end - 1]!));
    return list;
  });
}

Deno.test("memorySwitch() plugs in devices with a name and a hardware address each", () => {
  const network = memorySwitch({ mtu: 900 });
  const devices = [
    network.connect(),
    network.connect({ name: "lan", mac: "06:01:02:03:04:05" }),
    network.connect(),
  ];
  assertEquals(devices.map(({ name }) => name), ["port0", "lan", "port2"]);
  assertEquals(devices.map(mac), ["020000000001", "060102030405", "020000000003"]);
  assertEquals(devices.map(({ mtu }) => mtu), [900, 900, 900]);
  assertEquals(devices[0]!.capabilities.medium, "ethernet");
});

Deno.test("memorySwitch() refuses what is not the address of one device", () => {
  const cases: [mac: string | Uint8Array, message: string][] = [
    [new Uint8Array(5), "A hardware address has 6 bytes, not 5"],
    ["03:00:00:00:00:01", "Cannot use the hardware address 03:00:00:00:00:01: it is not that of"],
    [new Uint8Array(6), "Cannot use the hardware address 00:00:00:00:00:00"],
    [new Uint8Array(6).fill(255), "Cannot use the hardware address ff:ff:ff:ff:ff:ff"],
    ["02:00", '"02:00"'],
  ];
  for (const [mac, message] of cases) {
    assertThrows(() => memorySwitch().connect({ mac }), TypeError, message);
  }
});

Deno.test("a frame for an unknown address is flooded, and once it has answered no more", () => {
  const network = memorySwitch();
  const [a, b, c] = [network.connect(), network.connect(), network.connect()];
  a.transmit(frame(mac(b), mac(a), 1));
  assertEquals(arrived(a, b, c), [[], [1], [1]]);
  b.transmit(frame(mac(a), mac(b), 2));
  assertEquals(arrived(a, b, c), [[2], [], []], "where a is has been learnt");
  a.transmit(frame(mac(b), mac(a), 3));
  assertEquals(arrived(a, b, c), [[], [3], []]);
  const { switchForwarded, switchFlooded } = network.counters();
  assertEquals([switchForwarded, switchFlooded], [2, 1]);
});

Deno.test("frames for everyone and for groups go to all but their sender", () => {
  const network = memorySwitch();
  const [a, b, c] = [network.connect(), network.connect(), network.connect()];
  for (const [to, n] of [[BROADCAST, 1], [GROUP, 2]] as const) a.transmit(frame(to, mac(a), n));
  assertEquals(arrived(a, b, c), [[], [1, 2], [1, 2]]);
});

Deno.test("an address that moves is followed, and a group's is never learnt as a source", () => {
  const network = memorySwitch();
  const [a, b, c] = [network.connect(), network.connect(), network.connect()];
  b.transmit(frame(BROADCAST, "020000000099", 1));
  c.transmit(frame(BROADCAST, "020000000099", 2));
  c.transmit(frame(mac(a), GROUP, 3));
  arrived(a, b, c);
  a.transmit(frame("020000000099", mac(a), 4));
  assertEquals(arrived(b, c), [[], [4]]);
  a.transmit(frame(GROUP, mac(a), 5));
  assertEquals(arrived(b, c), [[5], [5]]);
});

Deno.test("a frame for an address behind its own port goes nowhere", () => {
  const network = memorySwitch();
  const [a, b] = [network.connect(), network.connect()];
  a.transmit(frame(BROADCAST, "020000000099"));
  arrived(a, b);
  assertEquals(a.transmit(frame("020000000099", mac(a))), true);
  assertEquals(arrived(a, b), [[], []]);
  assertEquals(network.counters().switchFiltered, 1);
});

Deno.test("a closed device is unplugged: what was learnt of it is forgotten", async () => {
  const network = memorySwitch();
  const [a, b, c] = [network.connect(), network.connect(), network.connect()];
  b.transmit(frame(BROADCAST, mac(b)));
  arrived(a, c);
  await b.close();
  await b.close();
  const d = network.connect({ mac: b.capabilities.mac });
  assertEquals(d.name, "port3");
  a.transmit(frame(mac(b), mac(a), 1));
  assertEquals(arrived(b, c, d), [[], [1], [1]]);
  assertEquals(b.transmit(frame(mac(a), mac(b))), false);
  assertEquals(network.counters().switchDropped, 0);
});

Deno.test("a full queue drops for its own device, and the switch counts it", () => {
  const network = memorySwitch({ queue: 1 });
  const [a, b, c] = [network.connect(), network.connect(), network.connect()];
  a.transmit(frame(BROADCAST, mac(a), 1));
  arrived(b);
  assertEquals(a.transmit(frame(BROADCAST, mac(a), 2)), true);
  assertEquals(arrived(b, c), [[2], [1]]);
  assertEquals(network.counters().switchDropped, 1);
});

Deno.test("a frame that is none, or too long, is dropped and counted by its device", () => {
  const network = memorySwitch({ mtu: 100 });
  const [a, b] = [network.connect(), network.connect()];
  const short = frame(mac(b), mac(a));
  assertEquals(a.transmit(short.place(short.at, short.at + 13)), false);
  const long = new Packet(new Uint8Array(300)).place(LINK_HEADROOM, LINK_HEADROOM + 119);
  assertEquals(a.transmit(long), false);
  assertEquals(a.counters().deviceDropped, 2);
  assertEquals(arrived(b), [[]]);
});

Deno.test("a flood of made-up addresses costs the switch nothing but what it has learnt", () => {
  const network = memorySwitch({ queue: 4 });
  const [a, b, c] = [network.connect(), network.connect(), network.connect()];
  b.transmit(frame(BROADCAST, mac(b)));
  for (let n = 0; n < 5000; n++) {
    a.transmit(frame(BROADCAST, `0a00${n.toString(16).padStart(8, "0")}`));
  }
  arrived(a, b, c);
  a.transmit(frame(mac(b), mac(a), 7));
  assertEquals(arrived(b, c), [[7], [7]], "flooded: what was known is unlearnt");
  b.transmit(frame(BROADCAST, mac(b)));
  arrived(a, c);
  a.transmit(frame(mac(b), mac(a), 8));
  assertEquals(arrived(b, c), [[8], []], "learnt again");
});
