import { assertEquals, assertRejects } from "@std/assert";
import type { Descriptor } from "../../ffi/descriptor.ts";
import { DeviceError } from "../../ffi/errno.ts";
import type { Reader } from "../../ffi/reader.ts";
import { openUtun } from "../../ffi/utun.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { LINK_HEADROOM, Packet } from "../../src/wire/packet.ts";
import { type Answer, type Call, FakeLibc } from "./fake_libc.ts";
import { NO_READER, noReader } from "./no_reader.ts";

const ZEROS = " 00000000";
const CONTROL_NAME = "636f6d2e 6170706c 652e6e65 742e7574 756e5f63 6f6e7472 6f6c0000";

/** Darwin, whose utun control has the id 9 and whose next interface is utun4. */
function darwin(): FakeLibc {
  const libc = new FakeLibc("darwin");
  libc.answers.socket = 5;
  libc.fill = (name, ...buffers) => {
    if (name === "ioctl" && buffers.length === 1) buffers[0]!.set([9, 0, 0, 0]);
    if (name === "getsockopt") {
      buffers[0]!.set(new TextEncoder().encode("utun4\0"));
      buffers[1]!.set([6, 0, 0, 0]);
    }
  };
  return libc;
}

function opening(unit: string): Call[] {
  return [
    ["socket", 32, 2, 2],
    ["ioctl", 5, "0x20006601", null],
    ["ioctl", 5, "0xc0644e03", `00000000 ${CONTROL_NAME}${ZEROS.repeat(17)}`],
    ["connect", 5, `20200200 09000000 ${unit}${ZEROS.repeat(5)}`, 32],
    ["getsockopt", 5, 2, 2, "00000000 00000000 00000000 00000000", "10000000"],
    ["setsockopt", 5, 2, 16, "f4010000", 4],
  ];
}

/** Notes each run among the calls. */
function runner(libc: FakeLibc, stderr?: string) {
  return (program: string, args: string[]) => {
    libc.calls.push(["run", program, ...args]);
    return Promise.resolve({ success: stderr === undefined, stderr: stderr ?? "" });
  };
}

Deno.test("openUtun() makes exactly Darwin's calls, in order, and closes in order", async () => {
  const libc = darwin();
  let descriptor: Descriptor | undefined;
  const startReader = (_: unknown, given: Descriptor): Promise<Reader> => {
    descriptor = given;
    libc.calls.push(["the reader starts"]);
    return Promise.resolve(noReader(libc));
  };
  const device = await openUtun(
    {
      hostAddress: IpAddress.v4(192, 168, 5, 1),
      address: IpAddress.v4(192, 168, 5, 2),
      mtu: 9000,
    },
    { libc, startReader, run: runner(libc) },
  );
  assertEquals([device.name, device.mtu], ["utun4", 9000]);
  assertEquals(descriptor, { fd: 5, name: "utun4", mtu: 9000, kind: "socket", prefix: 4 });
  const ifconfig = "utun4 inet 192.168.5.1 192.168.5.2 netmask 255.255.255.255 mtu 9000 up";
  assertEquals(libc.calls, [
    ...opening("00000000"),
    ["run", "/sbin/ifconfig", ...ifconfig.split(" ")],
    ["the reader starts"],
  ]);

  libc.calls.length = 0;
  await Promise.all([device.close(), device.close()]);
  assertEquals(libc.calls, [NO_READER, ["close", 5]]);
  assertEquals(libc.unloaded, 1);
});

Deno.test("openUtun() gives both ends IPv6 addresses with ifconfig", async () => {
  const V6 = "utun4 inet6 fd00::1 fd00::2 prefixlen 128";
  const cases: [address: string | undefined, runs: string[], host: string[]][] = [
    [
      undefined,
      ["utun4 inet 10.0.0.1 10.0.0.2 netmask 255.255.255.255 mtu 1500 up", V6],
      ["10.0.0.1", "fd00::1"],
    ],
    ["fd00::2", ["utun4 mtu 1500 up", V6], ["fd00::1"]],
  ];
  for (const [address, runs, host] of cases) {
    const libc = darwin();
    const startReader = () => Promise.resolve(noReader(libc));
    const device = await openUtun({ address }, { libc, startReader, run: runner(libc) });
    const ran = libc.calls.filter(([name]) => name === "run").map((call) => call.slice(2));
    assertEquals(ran.map((args) => args.join(" ")), runs);
    assertEquals([device.hostAddresses.map(String), device.ipv6Missing], [host, undefined]);
  }
});

Deno.test("openUtun() does without IPv6 where it doesn't work, unless it was asked for", async () => {
  const run = (_: string, args: string[]) =>
    Promise.resolve({ success: !args.includes("inet6"), stderr: "ifconfig: no IPv6\n" });
  const libc = darwin();
  const startReader = () => Promise.resolve(noReader(libc));
  const device = await openUtun({}, { libc, startReader, run });
  assertEquals(device.hostAddresses.map(String), ["10.0.0.1"]);
  assertEquals(device.ipv6Missing, "ifconfig: no IPv6");
  await assertRejects(
    () => openUtun({ address: "fd00::2" }, { libc, startReader, run }),
    DeviceError,
    "Cannot configure utun4 with /sbin/ifconfig: ifconfig: no IPv6",
  );
});

Deno.test("openUtun() asks for unit N + 1 when utunN is wished for", async () => {
  const cases: [name: string, unit: string][] = [
    ["utun0", "01000000"],
    ["utun4", "05000000"],
    ["utun255", "00010000"],
  ];
  for (const [name, unit] of cases) {
    const libc = darwin();
    const startReader = () => Promise.resolve(noReader(libc));
    await openUtun({ name }, { libc, startReader, run: runner(libc) });
    assertEquals(libc.calls.slice(0, 6), opening(unit), name);
  }
});

Deno.test("openUtun() refuses any name but utun and a number", async () => {
  const libc = darwin();
  for (const name of ["", "tun0", "utun", "utun01", "utun-1", "utun1 ", "utun4294967296"]) {
    await assertRejects(
      () => openUtun({ name }, { libc }),
      TypeError,
      `Cannot name an interface "${name}": on macOS the name is utun and a number`,
    );
  }
  assertEquals(libc.calls, []);
});

Deno.test("openUtun() says what to do about each failure, and closes what it has opened", async () => {
  const { PermissionDenied, AddrInUse, NotFound } = Deno.errors;
  const cases: {
    answers: Partial<
      Record<"socket" | "ioctl" | "connect" | "getsockopt" | "setsockopt", Answer[]>
    >;
    // deno-lint-ignore no-explicit-any -- what an error's constructor takes is of no interest
    type: new (...args: any[]) => Error;
    message: string;
    closed: number[];
  }[] = [
    {
      answers: { socket: [{ errno: "EPERM" }] },
      type: PermissionDenied,
      message: "Cannot open a kernel control socket (EPERM)",
      closed: [],
    },
    {
      answers: { ioctl: [0, { errno: "ENOENT" }] },
      type: NotFound,
      message: "(ENOENT): this system has no utun interfaces",
      closed: [5],
    },
    {
      answers: { connect: [{ errno: "EPERM" }] },
      type: PermissionDenied,
      message: "Cannot create the interface utun4 (EPERM): run it with sudo",
      closed: [5],
    },
    {
      answers: { connect: [{ errno: "EBUSY" }] },
      type: AddrInUse,
      message: "Cannot create the interface utun4 (EBUSY): an interface has this name already",
      closed: [5],
    },
    {
      answers: { getsockopt: [{ errno: "EINVAL" }] },
      type: DeviceError,
      message: "Cannot get the interface's name (EINVAL)",
      closed: [5],
    },
    {
      answers: { setsockopt: [{ errno: "EINVAL" }] },
      type: DeviceError,
      message: "Cannot let packets of utun4 wait (EINVAL)",
      closed: [5],
    },
  ];
  for (const { answers, type, message, closed } of cases) {
    const libc = darwin();
    Object.assign(libc.answers, answers);
    const open = () => openUtun({ name: "utun4" }, { libc, run: runner(libc) });
    await assertRejects(open, type, message);
    const closes = libc.calls.filter(([name]) => name === "close").map(([, fd]) => fd);
    assertEquals(closes, closed, message);
    assertEquals(libc.unloaded, 1, message);
  }
});

Deno.test("openUtun() doesn't believe an ioctl that succeeds and writes nothing", async () => {
  const libc = darwin();
  libc.fill = () => {};
  await assertRejects(
    () => openUtun({}, { libc, run: runner(libc) }),
    DeviceError,
    "ioctl succeeded but wrote nothing",
  );
  assertEquals(libc.calls.at(-1), ["close", 5]);
});

Deno.test("openUtun() passes on what ifconfig complains about", async () => {
  const libc = darwin();
  await assertRejects(
    () => openUtun({}, { libc, run: runner(libc, "ifconfig: bad value\n") }),
    DeviceError,
    "Cannot configure utun4 with /sbin/ifconfig: ifconfig: bad value",
  );
  assertEquals(libc.calls.at(-1), ["close", 5]);
});

Deno.test("utun puts the address family in front of each packet, in network order", async () => {
  const libc = darwin();
  const startReader = () => Promise.resolve(noReader(libc));
  const device = await openUtun({}, { libc, startReader, run: runner(libc) });
  const cases: [first: number, prefix: string][] = [
    [0x45, "00000002"],
    [0x60, "0000001e"],
  ];
  for (const [first, prefix] of cases) {
    const packet = new Packet(new Uint8Array(256)).place(LINK_HEADROOM, LINK_HEADROOM + 5);
    packet.bytes.set([first, 1, 2, 3, 4], packet.at);
    libc.calls.length = 0;
    libc.answers.send = 9;
    assertEquals(device.transmit(packet), true);
    assertEquals(libc.calls, [
      ["send", 5, `${prefix} ${first.toString(16)}010203 04`, 0x80],
    ]);
  }
  await device.close();
});
