import { assertEquals, assertRejects } from "@std/assert";
import type { Descriptor } from "../../ffi/descriptor.ts";
import type { Reader } from "../../ffi/reader.ts";
import { openTap, type TapOptions } from "../../ffi/tap.ts";
import { LINK_HEADROOM, Packet } from "../../src/wire/packet.ts";
import { type Answer, type Call, FakeLibc } from "./fake_libc.ts";
import { NO_READER, noReader } from "./no_reader.ts";

const TAP3 = "74617033 00000000 00000000 00000000";
const ZEROS = " 00000000";

/** A kernel that names the interface tap3 and gives it the number 7. */
function kernel(): FakeLibc {
  const libc = new FakeLibc("linux");
  libc.answers.open = 5;
  libc.answers.socket = 6;
  libc.answers.recv = 36;
  libc.fill = (name, buffer) => {
    const request = libc.calls.at(-1)![2];
    if (name === "recv") buffer![4] = 2;
    if (request === "0x400454ca") buffer!.set(new TextEncoder().encode("tap3\0"));
    if (request === "0x8913") buffer!.set([2, 0x10], 16);
    if (request === "0x8933") buffer!.set([7], 16);
  };
  return libc;
}

const OPENING: Call[] = [
  ["open", "2f646576 2f6e6574 2f74756e 00", 0x80802],
  ["ioctl", 5, "0x400454ca", `74617025 64000000 00000000 00000000 02d00000${ZEROS.repeat(5)}`],
  ["ioctl", 5, "0x400454d8", "0a000000"],
  ["ioctlNumber", 5, "0x400454d0", 0x6f],
  ["socket", 2, 0x80002, 0],
];

const IPV4: Call[] = [
  ["ioctl", 6, "0x8916", `${TAP3} 02000000 0a000001${ZEROS.repeat(4)}`],
  ["ioctl", 6, "0x891c", `${TAP3} 02000000 ffffff00${ZEROS.repeat(4)}`],
];

const UP: Call[] = [
  ["ioctl", 6, "0x8922", `${TAP3} dc050000${ZEROS.repeat(5)}`],
  ["ioctl", 6, "0x8943", `${TAP3} 63100000${ZEROS.repeat(5)}`],
  ["ioctl", 6, "0x8913", `${TAP3}${ZEROS.repeat(6)}`],
  ["ioctl", 6, "0x8914", `${TAP3} 03100000${ZEROS.repeat(5)}`],
];

const IPV6: Call[] = [
  ["ioctl", 6, "0x8933", `${TAP3}${ZEROS.repeat(6)}`],
  ["socket", 16, 0x80003, 0],
  [
    "send",
    6,
    "2c000000 14000506 01000000 00000000 0a400200 07000000 14000100 " +
    "fd000000 00000000 00000000 00000001",
    0,
  ],
  ["recv", 6, 1024, 0x40],
  ["close", 6],
];

Deno.test("openTap() makes the interface, configures the host's end, and closes it", async () => {
  const libc = kernel();
  let descriptor: Descriptor | undefined;
  const startReader = (_: unknown, given: Descriptor): Promise<Reader> => {
    descriptor = given;
    return Promise.resolve(noReader(libc));
  };
  const device = await openTap({ mac: "02:00:00:00:00:05" }, { libc, startReader });
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 5);
  assertEquals([device.name, device.mtu], ["tap3", 1500]);
  assertEquals(device.capabilities, { medium: "ethernet", mac });
  assertEquals(device.hostAddresses.map(String), ["10.0.0.1", "fd00::1"]);
  const file = { fd: 5, name: "tap3", mtu: 1500, kind: "file" } as const;
  assertEquals(descriptor, { ...file, prefix: 10, mac, offload: { udp: true } });
  assertEquals(libc.calls, [...OPENING, ...IPV4, ...UP, ...IPV6, ["close", 6]]);

  libc.calls.length = 0;
  await device.close();
  assertEquals(libc.calls, [NO_READER, ["close", 5]]);
  assertEquals(libc.unloaded, 1);
});

Deno.test("openTap() gives the host the addresses that are named, with their prefixes", async () => {
  const cases: [hostAddress: string | string[], masks: string[], addresses: string[]][] = [
    [[], [], []],
    ["192.168.7.1/16", ["ffff0000"], ["192.168.7.1"]],
    [["172.16.0.1/32"], ["ffffffff"], ["172.16.0.1"]],
    [["fd07::1/48", "10.7.0.1/1"], ["80000000"], ["10.7.0.1", "fd07::1"]],
  ];
  for (const [hostAddress, masks, addresses] of cases) {
    const libc = kernel();
    const startReader = () => Promise.resolve(noReader(libc));
    const device = await openTap({ hostAddress }, { libc, startReader });
    assertEquals(device.hostAddresses.map(String), addresses);
    const set = libc.calls.filter(([name, , request]) => name === "ioctl" && request === "0x891c");
    assertEquals(set.map((call) => `${call[3]}`.slice(45, 53)), masks);
    const sent = libc.calls.filter(([name]) => name === "send").map((call) => `${call[2]}`);
    assertEquals(sent.map((text) => text.slice(36, 40)), addresses.length === 2 ? ["0a30"] : []);
  }
});

Deno.test("openTap() does without offloads if they are not wanted, or refused", async () => {
  const cases: [options: TapOptions, answers: Answer[], flags: string, prefix: 0 | 10][] = [
    [{ offload: false }, [], "0290", 0],
    [{}, [{ errno: "EINVAL" }], "0290", 0],
    [{}, [0], "02d0", 10],
  ];
  for (const [options, answers, flags, prefix] of cases) {
    const libc = kernel();
    libc.answers.ioctl = answers;
    libc.answers.ioctlNumber = prefix === 10 ? [{ errno: "EINVAL" }, { errno: "EINVAL" }] : [];
    let descriptor: Descriptor | undefined;
    const startReader = (_: unknown, given: Descriptor): Promise<Reader> => {
      descriptor = given;
      return Promise.resolve(noReader(libc));
    };
    const device = await openTap(options, { libc, startReader });
    const created = libc.calls.filter((call) => call[2] === "0x400454ca").at(-1)!;
    assertEquals(`${created[3]}`.slice(36, 40), flags);
    assertEquals([descriptor!.prefix, device.offload], [prefix, undefined]);
    assertEquals(libc.calls.some((call) => call[0] === "ioctlNumber" && call[3] === 0), true);
  }
});

Deno.test("openTap() makes up a hardware address of its own, one that nobody is assigned", async () => {
  const macs = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const libc = kernel();
    const startReader = () => Promise.resolve(noReader(libc));
    const { mac } = (await openTap({}, { libc, startReader })).capabilities;
    assertEquals([mac!.length, mac![0]! & 3], [6, 2]);
    macs.add(mac!.toHex());
  }
  assertEquals(macs.size, 20);
});

Deno.test("openTap() refuses what cannot work, before anything is opened", async () => {
  const cases: [options: TapOptions, type: ErrorConstructor, message: string][] = [
    [{ mtu: 65522 }, RangeError, "Cannot use an MTU of 65522: it must be"],
    [{ mtu: 67 }, RangeError, "a whole number from 68 to 65521"],
    [{ name: "a b" }, TypeError, 'Cannot name an interface "a b"'],
    [{ mac: "01:00:00:00:00:01" }, TypeError, "Cannot use the hardware address 01:00"],
    [{ hostAddress: "224.0.0.1" }, TypeError, "Cannot use 224.0.0.1: it is not the address of"],
    [{ hostAddress: "10.0.0.1/33" }, RangeError, "10.0.0.1/33: its prefix has to have 1 to 32"],
    [{ hostAddress: "10.0.0.1/0" }, RangeError, "Cannot use 10.0.0.1/0"],
    [{ hostAddress: "10.0.0.1/x" }, RangeError, "Cannot use 10.0.0.1/x"],
    [{ hostAddress: "fd00::1/129" }, RangeError, "its prefix has to have 1 to 128 bits"],
    [{ hostAddress: ["10.0.0.1", "10.0.0.2"] }, TypeError, "Cannot use 10.0.0.2 as well"],
    [{ hostAddress: ["fd00::1", "fd00::2"] }, TypeError, "Cannot use fd00::2 as well"],
    [{ hostAddress: "fd00::1", mtu: 1000 }, RangeError, "IPv6 needs an MTU of 1280 or more"],
  ];
  for (const [options, type, message] of cases) {
    const libc = kernel();
    await assertRejects(() => openTap(options, { libc }), type, message);
    assertEquals(libc.calls, []);
  }
});

Deno.test("openTap() does without IPv6 below its MTU by default", async () => {
  const libc = kernel();
  const startReader = () => Promise.resolve(noReader(libc));
  const device = await openTap({ mtu: 1000 }, { libc, startReader });
  assertEquals(device.hostAddresses.map(String), ["10.0.0.1"]);
  assertEquals(device.ipv6Missing, "IPv6 needs an MTU of 1280 or more, not 1000");
});

Deno.test("openTap() closes the interface when it cannot be configured, or read", async () => {
  const libc = kernel();
  libc.answers.ioctl = [0, 0, { errno: "EPERM" }];
  await assertRejects(
    () => openTap({}, { libc }),
    Deno.errors.PermissionDenied,
    "Cannot set the address 10.0.0.1 of tap3 (EPERM): run it with sudo",
  );
  assertEquals(libc.calls.slice(-2), [["close", 6], ["close", 5]]);
  assertEquals(libc.unloaded, 1);
  const other = kernel();
  const startReader = () => Promise.reject(new Error("No thread"));
  await assertRejects(() => openTap({}, { libc: other, startReader }), Error, "No thread");
  assertEquals(other.calls.at(-1), ["close", 5]);
  assertEquals(other.unloaded, 1);
});

Deno.test("a TAP takes frames up to the MTU, a header and a VLAN's tag", async () => {
  const libc = kernel();
  const startReader = () => Promise.resolve(noReader(libc));
  const device = await openTap({ mtu: 1000 }, { libc, startReader });
  const frame = new Packet(new Uint8Array(2000));
  for (const [length, want] of [[1018, true], [1019, false]] as const) {
    assertEquals(device.transmit(frame.place(LINK_HEADROOM, LINK_HEADROOM + length)), want);
  }
  assertEquals(device.counters().deviceSendTooBig, 1);
  await device.close();
});
