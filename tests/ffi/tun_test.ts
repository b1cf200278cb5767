import { assertEquals, assertRejects } from "@std/assert";
import { DeviceError } from "../../ffi/errno.ts";
import type { Descriptor } from "../../ffi/descriptor.ts";
import type { Reader } from "../../ffi/reader.ts";
import { openTun } from "../../ffi/tun.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { type Answer, type Call, FakeLibc } from "./fake_libc.ts";
import { NO_READER, noReader } from "./no_reader.ts";

const DEV_NET_TUN = "2f646576 2f6e6574 2f74756e 00";
const TUN7 = "74756e37 00000000 00000000 00000000";
const ZEROS = " 00000000";

/** A kernel that names the interface tun7, whatever it is asked for. */
function kernel(): FakeLibc {
  const libc = new FakeLibc("linux");
  libc.answers.open = 5;
  libc.answers.socket = 6;
  libc.fill = (name, buffer) => {
    const request = libc.calls.at(-1)![2];
    if (name !== "ioctl" || buffer === undefined) return;
    if (request === "0x400454ca") buffer.set(new TextEncoder().encode("tun7\0"));
    if (request === "0x8913") buffer.set([0x90, 0x10], 16);
  };
  return libc;
}

/** What is created with these flags. */
const create = (flags: string): Call => [
  ...["ioctl", 5, "0x400454ca"] as [string, number, string],
  `74756e25 64000000 00000000 00000000 ${flags}0000${ZEROS.repeat(5)}`,
];
const offload = (bits: number): Call => ["ioctlNumber", 5, "0x400454d0", bits];
const HEADER_SIZE: Call = ["ioctl", 5, "0x400454d8", "0a000000"];

const OPENING: Call[] = [
  ["open", DEV_NET_TUN, 0x80802],
  create("01d0"),
  HEADER_SIZE,
  offload(0x6f),
];

const CONFIGURING: Call[] = [
  ["socket", 2, 0x80002, 0],
  ["ioctl", 6, "0x8916", `${TUN7} 02000000 c0a80501${ZEROS.repeat(4)}`],
  ["ioctl", 6, "0x8918", `${TUN7} 02000000 c0a80502${ZEROS.repeat(4)}`],
  ["ioctl", 6, "0x891c", `${TUN7} 02000000 ffffffff${ZEROS.repeat(4)}`],
  ["ioctl", 6, "0x8922", `${TUN7} 28230000${ZEROS.repeat(5)}`],
  ["ioctl", 6, "0x8943", `${TUN7} bc020000${ZEROS.repeat(5)}`],
  ["ioctl", 6, "0x8913", `${TUN7}${ZEROS.repeat(6)}`],
  ["ioctl", 6, "0x8914", `${TUN7} 91100000${ZEROS.repeat(5)}`],
  ["close", 6],
];

const OPTIONS = {
  hostAddress: IpAddress.v4(192, 168, 5, 1),
  address: IpAddress.v4(192, 168, 5, 2),
  mtu: 9000,
};

Deno.test("openTun() makes the interface, configures it, and closes it in the end", async () => {
  const libc = kernel();
  let descriptor: Descriptor | undefined;
  const startReader = (_: unknown, given: Descriptor): Promise<Reader> => {
    descriptor = given;
    return Promise.resolve(noReader(libc));
  };
  const device = await openTun(OPTIONS, { libc, startReader });
  assertEquals([device.name, device.mtu], ["tun7", 9000]);
  assertEquals(descriptor, {
    fd: 5,
    name: "tun7",
    mtu: 9000,
    kind: "file",
    prefix: 10,
    offload: { udp: true },
  });
  assertEquals(device.offload, { udp: true });
  assertEquals(libc.calls, [...OPENING, ...CONFIGURING]);
  assertEquals(libc.unloaded, 0);

  libc.calls.length = 0;
  await Promise.all([device.close(), device.close()]);
  assertEquals(libc.calls, [NO_READER, ["close", 5]]);
  assertEquals(libc.unloaded, 1);
});

const NO = { errno: "EINVAL" };
const OFFLOAD_CASES: {
  rule: string;
  offload?: boolean;
  /** What `ioctl` answers first, and what it answers where the argument is a number. */
  ioctl?: Answer[];
  ioctlNumber?: Answer[];
  calls: Call[];
  want: Pick<Descriptor, "prefix" | "offload">;
}[] = [
  {
    rule: "does without a header where the kernel knows none",
    ioctl: [NO],
    calls: [create("01d0"), create("0190"), offload(0)],
    want: { prefix: 0 },
  },
  {
    rule: "does without runs of datagrams where the kernel can't",
    ioctlNumber: [NO],
    calls: [create("01d0"), HEADER_SIZE, offload(0x6f), offload(0x0f)],
    want: { prefix: 10, offload: { udp: false } },
  },
  {
    rule: "does without offloads where the kernel has none",
    ioctlNumber: [NO, NO],
    calls: [create("01d0"), HEADER_SIZE, offload(0x6f), offload(0x0f), offload(0)],
    want: { prefix: 10 },
  },
  {
    rule: "turns off what may be on if offloads are not wanted",
    offload: false,
    calls: [create("0190"), offload(0)],
    want: { prefix: 0 },
  },
];

for (const { rule, want, calls, ...rest } of OFFLOAD_CASES) {
  Deno.test(`openTun() ${rule}`, async () => {
    const libc = kernel();
    if (rest.ioctl !== undefined) libc.answers.ioctl = rest.ioctl;
    if (rest.ioctlNumber !== undefined) libc.answers.ioctlNumber = rest.ioctlNumber;
    let descriptor: Descriptor | undefined;
    const startReader = (_: unknown, given: Descriptor): Promise<Reader> => {
      descriptor = given;
      return Promise.resolve(noReader(libc));
    };
    const device = await openTun({ ...OPTIONS, offload: rest.offload }, { libc, startReader });
    assertEquals(libc.calls.slice(1), [...calls, ...CONFIGURING]);
    assertEquals(descriptor, { fd: 5, name: "tun7", mtu: 9000, kind: "file", ...want });
    assertEquals(device.offload, want.offload);
  });
}

/** Has the kernel answer a request for an IPv6 address, with an errno or 0. */
function answerNetlink(libc: FakeLibc, errno: number): void {
  const fill = libc.fill;
  libc.answers.recv = 36;
  libc.fill = (name, ...buffers) => {
    fill(name, ...buffers);
    const [buffer] = buffers;
    if (name === "recv") new DataView(buffer!.buffer).setInt32(16, -errno, true);
    if (name === "recv") buffer![4] = 2;
    if (name === "ioctl" && libc.calls.at(-1)![2] === "0x8933") buffer!.set([7, 0, 0, 0], 16);
  };
}

Deno.test("openTun() gives the host an IPv6 address, to be used at once", async () => {
  const libc = kernel();
  answerNetlink(libc, 0);
  const startReader = () => Promise.resolve(noReader(libc));
  const device = await openTun({ address: "fd00::2" }, { libc, startReader });
  assertEquals(device.hostAddresses.map(String), ["fd00::1"]);
  assertEquals(device.ipv6Missing, undefined);
  assertEquals(libc.calls.slice(OPENING.length), [
    ["socket", 2, 0x80002, 0],
    ["ioctl", 6, "0x8922", `${TUN7} dc050000${ZEROS.repeat(5)}`],
    ["ioctl", 6, "0x8943", `${TUN7} 63100000${ZEROS.repeat(5)}`],
    ["ioctl", 6, "0x8913", `${TUN7}${ZEROS.repeat(6)}`],
    ["ioctl", 6, "0x8914", `${TUN7} 91100000${ZEROS.repeat(5)}`],
    ["ioctl", 6, "0x8933", `${TUN7}${ZEROS.repeat(6)}`],
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
    ["close", 6],
  ]);
});

Deno.test("openTun() does without IPv6 where the kernel does, unless it was asked for", async () => {
  // deno-lint-ignore no-explicit-any -- what an error's constructor takes is of no interest
  const cases: [errno: number, type: new (...args: any[]) => Error, advice: string][] = [
    [13, Deno.errors.PermissionDenied, "(EACCES): IPv6 is turned off for new interfaces"],
    [95, Deno.errors.NotSupported, "(ENOTSUP): this kernel runs without IPv6"],
    [97, Deno.errors.NotSupported, "(EAFNOSUPPORT): this kernel runs without IPv6"],
    [22, DeviceError, "(EINVAL)"],
  ];
  for (const [errno, type, advice] of cases) {
    const libc = kernel();
    answerNetlink(libc, errno);
    const startReader = () => Promise.resolve(noReader(libc));
    const device = await openTun({}, { libc, startReader });
    assertEquals(device.hostAddresses.map(String), ["10.0.0.1"]);
    const message = `Cannot set the address fd00::1 of tun7 ${advice}`;
    assertEquals(device.ipv6Missing!.slice(0, message.length), message);
    const open = () => openTun({ address: "fd00::2" }, { libc, startReader });
    await assertRejects(open, type, message);
    assertEquals(libc.calls.at(-1), ["close", 5]);
  }
});

Deno.test("openTun() asks for a wished name", async () => {
  const libc = kernel();
  await openTun({ name: "stack-0" }, { libc, startReader: () => Promise.resolve(noReader(libc)) });
  assertEquals(
    libc.calls[1]![3],
    `73746163 6b2d3000 00000000 00000000 01d00000${ZEROS.repeat(5)}`,
  );
});

Deno.test("openTun() refuses a name that the kernel would refuse", async () => {
  const libc = kernel();
  const cases: [name: string, message: string][] = [
    ["sixteen_letters_", "at most 15 characters are allowed"],
    ["fünfzehnzeichen", "at most 15 characters are allowed"],
    ["", 'Cannot name an interface "": use letters, digits, - and _, such as tun0'],
    [".", "use letters"],
    ["..", "use letters"],
    ["a/b", "use letters"],
    ["a b", "use letters"],
    ["a:b", "use letters"],
    ["tun%d", "use letters"],
    ["a\0b", "use letters"],
  ];
  for (const [name, message] of cases) {
    await assertRejects(() => openTun({ name }, { libc }), TypeError, message);
  }
  assertEquals(libc.calls, []);
});

Deno.test("openTun() says what to do about each failure, and closes what it has opened", async () => {
  const { NotFound, PermissionDenied, AddrInUse } = Deno.errors;
  const ok = 0;
  const cases: {
    answers: { open?: Answer; socket?: Answer; ioctl?: Answer[]; ioctlNumber?: Answer[] };
    // deno-lint-ignore no-explicit-any -- what an error's constructor takes is of no interest
    type: new (...args: any[]) => Error;
    message: string;
    closed: number[];
  }[] = [
    {
      answers: { open: { errno: "ENOENT" } },
      type: NotFound,
      message: "Cannot open /dev/net/tun (ENOENT): load the module with modprobe tun; " +
        "in a container, start it with --device /dev/net/tun",
      closed: [],
    },
    {
      answers: { open: { errno: "EACCES" } },
      type: PermissionDenied,
      message: "this user may not read and write it; run it with sudo or chmod 0666 /dev/net/tun",
      closed: [],
    },
    {
      answers: { open: { errno: "EPERM" } },
      type: PermissionDenied,
      message: "in a container, start it with --device /dev/net/tun --cap-add NET_ADMIN",
      closed: [],
    },
    {
      answers: { ioctl: [{ errno: "EPERM" }] },
      type: PermissionDenied,
      message: "Cannot create the interface tun3 (EPERM): run it with sudo",
      closed: [5],
    },
    {
      answers: { ioctl: [{ errno: "EBUSY" }] },
      type: AddrInUse,
      message: "Cannot create the interface tun3 (EBUSY): an interface has this name already",
      closed: [5],
    },
    {
      answers: { ioctl: [NO, NO] },
      type: DeviceError,
      message: "Cannot create the interface tun3 (EINVAL)",
      closed: [5],
    },
    {
      answers: { ioctl: [ok, NO] },
      type: DeviceError,
      message: "Cannot set the length of the packets' headers (EINVAL)",
      closed: [5],
    },
    {
      answers: { ioctlNumber: [NO, NO, NO] },
      type: DeviceError,
      message: "Cannot turn off the interface's offloads (EINVAL)",
      closed: [5],
    },
    {
      answers: { socket: { errno: "EMFILE" } },
      type: DeviceError,
      message: "Cannot open a socket to configure the interface (EMFILE)",
      closed: [5],
    },
    {
      answers: { ioctl: [ok, ok, { errno: "EPERM" }] },
      type: PermissionDenied,
      message: "Cannot set the address 10.0.0.1 of tun7 (EPERM): run it with sudo",
      closed: [6, 5],
    },
    {
      answers: { ioctl: [ok, ok, ok, ok, ok, { errno: "EINVAL" }] },
      type: DeviceError,
      message: "Cannot set the MTU 1500 of tun7 (EINVAL)",
      closed: [6, 5],
    },
    {
      answers: { ioctl: [ok, ok, ok, ok, ok, ok, ok, ok, { errno: "EPERM" }] },
      type: PermissionDenied,
      message: "Cannot set the flags of tun7 (EPERM)",
      closed: [6, 5],
    },
  ];
  for (const { answers, type, message, closed } of cases) {
    const libc = kernel();
    Object.assign(libc.answers, answers);
    await assertRejects(() => openTun({ name: "tun3" }, { libc }), type, message);
    const closes = libc.calls.filter(([name]) => name === "close").map(([, fd]) => fd);
    assertEquals(closes, closed, message);
    assertEquals(libc.unloaded, 1, message);
  }
});

Deno.test("openTun() closes the interface if its reader cannot start", async () => {
  const libc = kernel();
  const startReader = () => Promise.reject(new DeviceError("No thread", "WORKER"));
  await assertRejects(() => openTun({}, { libc, startReader }), DeviceError, "No thread");
  assertEquals(libc.calls.at(-1), ["close", 5]);
  assertEquals(libc.unloaded, 1);
});
