import { assertEquals, assertRejects } from "@std/assert";
import type { Descriptor } from "../../ffi/descriptor.ts";
import { DeviceError } from "../../ffi/errno.ts";
import { openPacketSocket } from "../../ffi/packet_socket.ts";
import type { Reader } from "../../ffi/reader.ts";
import { LINK_HEADROOM, Packet } from "../../src/wire/packet.ts";
import { type Answer, FakeLibc, hex } from "./fake_libc.ts";
import { NO_READER, noReader } from "./no_reader.ts";

const ETH0 = "65746830 00000000 00000000 00000000";
const ZEROS = " 00000000";
const MAC = "02:00:00:00:00:05";

/** A kernel with an interface eth0: number 3, MTU 1400, up. */
function kernel(fields: { type?: number; flags?: number } = {}): FakeLibc {
  const { type = 1, flags = 0x1043 } = fields;
  const libc = new FakeLibc("linux");
  libc.answers.socket = 5;
  libc.fill = (name, buffer) => {
    if (name !== "ioctl") return;
    const answers: Record<string, number[]> = {
      "0x8933": [3],
      "0x8927": [type & 0xff, type >>> 8, 6, 1, 2, 3, 4, 5],
      "0x8913": [flags & 0xff, flags >>> 8],
      "0x8921": [0x78, 5],
    };
    buffer!.set(answers[`${libc.calls.at(-1)![2]}`] ?? [], 16);
  };
  return libc;
}

Deno.test("openPacketSocket() looks at the interface, then listens to its own address", async () => {
  const libc = kernel();
  let descriptor: Descriptor | undefined;
  let filter = "";
  const fill = libc.fill;
  libc.fill = (name, ...buffers) => {
    fill(name, ...buffers);
    if (libc.calls.at(-1)![3] !== 26) return;
    const view = new DataView(buffers[0]!.buffer);
    const pointer = Deno.UnsafePointer.create(view.getBigUint64(8, true))!;
    filter = hex(
      new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, 8 * view.getUint16(0, true))),
    );
    buffers[0]!.fill(0, 8);
  };
  const startReader = (_: unknown, given: Descriptor): Promise<Reader> => {
    descriptor = given;
    return Promise.resolve(noReader(libc));
  };
  const device = await openPacketSocket({ interface: "eth0", mac: MAC }, { libc, startReader });
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 5);
  assertEquals([device.name, device.mtu], ["eth0", 1400]);
  assertEquals(device.capabilities, { medium: "ethernet", mac });
  assertEquals(descriptor, {
    fd: 5,
    name: "eth0",
    mtu: 1400,
    kind: "socket",
    prefix: 10,
    mac,
    index: 3,
    offload: { udp: true },
  });
  const calls = libc.calls.map((call) => call[3] === 26 ? [...call.slice(0, 4), "…", 16] : call);
  assertEquals(calls, [
    ["socket", 17, 0x80803, 0],
    ["ioctl", 5, "0x8933", ETH0 + ZEROS.repeat(6)],
    ["ioctl", 5, "0x8927", ETH0 + ZEROS.repeat(6)],
    ["ioctl", 5, "0x8913", ETH0 + ZEROS.repeat(6)],
    ["ioctl", 5, "0x8921", ETH0 + ZEROS.repeat(6)],
    ["setsockopt", 5, 1, 33, "00000001", 4],
    ["setsockopt", 5, 1, 26, "…", 16],
    ["setsockopt", 5, 263, 15, "01000000", 4],
    ["bind", 5, "11000003 03000000 00000000 00000000 00000000", 20],
    ["setsockopt", 5, 263, 1, "03000000 01000000 00000000 00000000", 16],
  ]);
  // The two instructions that hold the address, of the twelve.
  assertEquals(filter.length, 12 * 18 - 1);
  assertEquals(filter.slice(7 * 18, 8 * 18 - 1), "15000003 05000000");
  assertEquals(filter.slice(9 * 18, 10 * 18 - 1), "15000001 00020000");

  libc.calls.length = 0;
  await device.close();
  assertEquals(libc.calls, [NO_READER, ["close", 5]]);
});

Deno.test("openPacketSocket() leaves nothing to the kernel if it is told so", async () => {
  const libc = kernel();
  let descriptor: Descriptor | undefined;
  const startReader = (_: unknown, given: Descriptor): Promise<Reader> => {
    descriptor = given;
    return Promise.resolve(noReader(libc));
  };
  const options = { interface: "eth0", offload: false };
  const device = await openPacketSocket(options, { libc, startReader });
  // What others leave to it comes with a header all the same.
  assertEquals([descriptor!.prefix, device.offload], [10, undefined]);
});

Deno.test("openPacketSocket() takes the system's limit where it may not go beyond", async () => {
  const libc = kernel();
  libc.answers.setsockopt = [{ errno: "EPERM" }];
  const startReader = () => Promise.resolve(noReader(libc));
  const device = await openPacketSocket({ interface: "eth0" }, { libc, startReader });
  const options = libc.calls.filter(([name]) => name === "setsockopt").map((call) => call[3]);
  assertEquals(options, [33, 8, 26, 15, 1]);
  await device.close();
});

Deno.test("openPacketSocket() says what to do about each failure, and closes its socket", async () => {
  const { PermissionDenied, NotFound, NotSupported } = Deno.errors;
  const cases: {
    kernel?: { type?: number; flags?: number };
    answers?: { socket?: Answer; ioctl?: Answer[]; setsockopt?: Answer[]; bind?: Answer };
    mac?: string;
    // deno-lint-ignore no-explicit-any -- what an error's constructor takes is of no interest
    type: new (...args: any[]) => Error;
    message: string;
  }[] = [
    {
      answers: { socket: { errno: "EPERM" } },
      type: PermissionDenied,
      message: "Cannot open a packet socket (EPERM): run it with sudo, grant CAP_NET_RAW, or try",
    },
    {
      answers: { socket: { errno: "EAFNOSUPPORT" } },
      type: NotSupported,
      message: "this kernel runs without packet sockets",
    },
    {
      answers: { ioctl: [{ errno: "ENODEV" }] },
      type: NotFound,
      message: "Cannot get the number of eth0 (ENODEV): there is no such interface; ip link lists",
    },
    {
      kernel: { type: 772 },
      type: NotSupported,
      message: "Cannot join eth0: it is the loopback interface, on which there is this host alone",
    },
    {
      kernel: { type: 65534 },
      type: NotSupported,
      message: "Cannot join eth0: it is not an Ethernet (its type is 65534); use openTap() or",
    },
    {
      kernel: { flags: 0x1002 },
      type: DeviceError,
      message: "Cannot join eth0 (ENETDOWN): the interface is down; bring it up with ip link set",
    },
    {
      mac: "06:01:02:03:04:05",
      type: TypeError,
      message: "Cannot use the hardware address 06:01:02:03:04:05: it is that of eth0 itself",
    },
    {
      answers: { setsockopt: [0, { errno: "ENOMEM" }] },
      type: DeviceError,
      message: "Cannot filter what comes from eth0 (ENOMEM)",
    },
    {
      answers: { bind: { errno: "ENODEV" } },
      type: NotFound,
      message: "Cannot listen on eth0 (ENODEV)",
    },
  ];
  for (const { kernel: fields, answers = {}, mac, type, message } of cases) {
    const libc = kernel(fields);
    Object.assign(libc.answers, answers);
    await assertRejects(
      () => openPacketSocket({ interface: "eth0", mac }, { libc }),
      type,
      message,
    );
    const closed = libc.calls.filter(([name]) => name === "close");
    assertEquals(closed, answers.socket === undefined ? [["close", 5]] : [], message);
    assertEquals(libc.unloaded, 1, message);
  }
  const libc = new FakeLibc("darwin");
  await assertRejects(
    () => openPacketSocket({ interface: "en0" }, { libc }),
    NotSupported,
    "Cannot join en0: packet sockets are Linux's; use openUtun()",
  );
});

Deno.test("a packet socket puts a header of zeros in front: nothing is left to the kernel", async () => {
  const libc = kernel();
  const startReader = () => Promise.resolve(noReader(libc));
  const device = await openPacketSocket({ interface: "eth0" }, { libc, startReader });
  const frame = new Packet(new Uint8Array(200).fill(0xee)).place(LINK_HEADROOM, LINK_HEADROOM + 15);
  libc.calls.length = 0;
  assertEquals(device.transmit(frame), true);
  const header = "00000000 00000000 0000";
  assertEquals(libc.calls, [["send", 5, `${header}eeee eeeeeeee eeeeeeee eeeeeeee ee`, 0x40]]);
  await device.close();
});
