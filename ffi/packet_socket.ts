/**
 * Linux packet sockets: a second host on an Ethernet interface that is there already.
 *
 * @module
 */

import type { Device } from "../src/phy/device.ts";
import { formatMac, isMacAt } from "../src/wire/mac.ts";
import { type Advice, ERRNO, systemError } from "./errno.ts";
import { FdDevice } from "./fd_device.ts";
import { type Libc, openLibc } from "./libc.ts";
import {
  AF_PACKET,
  ARPHRD_ETHER,
  ARPHRD_LOOPBACK,
  flagsOf,
  hardwareOf,
  IFF_UP,
  ifreq,
  int32,
  numberOf,
  PACKET_ADD_MEMBERSHIP,
  PACKET_VNET_HDR,
  promiscuous,
  SIOCGIFFLAGS,
  SIOCGIFHWADDR,
  SIOCGIFINDEX,
  SIOCGIFMTU,
  SO_ATTACH_FILTER,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  sockaddrLl,
  SOL_PACKET,
  SOL_SOCKET,
} from "./linux.ts";
import { ownMac } from "./mac.ts";
import type { OffloadOptions, ReaderOptions } from "./options.ts";
import { frameFilter, sockFprog } from "./packet_filter.ts";
import { readerOf } from "./reader.ts";
import { check, checkName, type TunSystem } from "./tun_tap.ts";

/** How to join an interface. */
export interface PacketSocketOptions extends ReaderOptions, OffloadOptions {
  /** Name of the interface, such as `eth0`. */
  interface: string;
  /** The stack's hardware address, not that of the interface; by default a random one. */
  mac?: string | Uint8Array;
}

/** What may wait in the kernel for us to read it, with the kernel's own costs, in bytes. */
const RECEIVE_BUFFER = 16 * 1024 * 1024;

const AS_ROOT = "run it with sudo, grant CAP_NET_RAW, or try it in a namespace with unshare -Urn";

/**
 * Joins an Ethernet interface as a host of its own, with its own hardware address, beside the
 * kernel, of whose network nothing is changed; the interface is only told to listen to all
 * frames. Frames of tagged VLANs are not taken.
 *
 * The kernel does not hear what is sent through its own interface, so the stack reaches every host
 * of that network but this one; a `veth` pair is the way to this one. Wireless networks, and virtual
 * machines' ones, may carry frames of the interface's own hardware address alone.
 *
 * @throws {TypeError} If the name or the hardware address is malformed, or the latter is that of
 * the interface.
 * @throws {Deno.errors.NotSupported} If this is not Linux, or the interface is no Ethernet.
 * @throws {Deno.errors.NotFound} If there is no such interface.
 * @throws {Deno.errors.PermissionDenied} Without the rights to do so.
 * @throws {DeviceError} If the interface is down, and for every other failure of the system.
 */
export async function openPacketSocket(
  options: PacketSocketOptions,
  system: TunSystem = {},
): Promise<Device> {
  const name = options.interface;
  checkName(name);
  const mac = ownMac(options.mac);
  const startReader = system.startReader ?? readerOf(options.reader);
  const libc = system.libc ?? openLibc();
  let fd = -1;
  try {
    if (libc.source.os !== "linux") {
      throw new Deno.errors.NotSupported(
        `Cannot join ${name}: packet sockets are Linux's; use openUtun() for a network of two`,
      );
    }
    // With no protocol nothing comes before all is set up.
    fd = libc.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    check(libc, fd, "open a packet socket", {
      EPERM: AS_ROOT,
      EACCES: AS_ROOT,
      EAFNOSUPPORT: "this kernel runs without packet sockets",
    });
    const { index, mtu } = inspect(libc, fd, name, mac);
    join(libc, fd, name, index, mac);
    const socket = { fd, name, mtu, kind: "socket", prefix: 10, mac, index } as const;
    // Whether the kernel takes runs of datagrams is seen when it gets one.
    const isOffloaded = options.offload ?? true;
    const descriptor = isOffloaded ? { ...socket, offload: { udp: true } } : socket;
    return new FdDevice(libc, descriptor, await startReader(libc, descriptor));
  } catch (error) {
    if (fd >= 0) libc.close(fd);
    libc.unload();
    throw error;
  }
}

/** Finds out what has to be known of the interface, and whether it can be joined. */
function inspect(
  libc: Libc,
  fd: number,
  name: string,
  mac: Uint8Array,
): { index: number; mtu: number } {
  const advice: Advice = { ENODEV: "there is no such interface; ip link lists those there are" };
  const get = (request: bigint, what: string) => {
    const answer = ifreq(name);
    check(libc, libc.ioctl(fd, request, answer), `get the ${what} of ${name}`, advice);
    return answer;
  };
  const index = numberOf(get(SIOCGIFINDEX, "number"));
  const hardware = hardwareOf(get(SIOCGIFHWADDR, "hardware address"));
  if (hardware.type !== ARPHRD_ETHER) {
    const what = hardware.type === ARPHRD_LOOPBACK
      ? "it is the loopback interface, on which there is this host alone"
      : `it is not an Ethernet (its type is ${hardware.type})`;
    throw new Deno.errors.NotSupported(
      `Cannot join ${name}: ${what}; use openTap() or openTun() for an interface of our own`,
    );
  }
  if (isMacAt(mac, hardware.mac, 0)) {
    throw new TypeError(
      `Cannot use the hardware address ${formatMac(mac)}: it is that of ${name} itself, and the ` +
        "stack is another host; leave it out for a random one",
    );
  }
  if ((flagsOf(get(SIOCGIFFLAGS, "flags")) & IFF_UP) === 0) {
    throw systemError("linux", ERRNO.linux.ENETDOWN, `join ${name}`, {
      ENETDOWN: `the interface is down; bring it up with ip link set ${name} up`,
    });
  }
  return { index, mtu: numberOf(get(SIOCGIFMTU, "MTU")) };
}

/** Has the socket receive what is for us, and nothing else. */
function join(libc: Libc, fd: number, name: string, index: number, mac: Uint8Array): void {
  const size = int32(RECEIVE_BUFFER);
  // The former goes beyond the system's limit, which takes rights over the whole machine.
  if (libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, size.length) < 0) {
    libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, size, size.length);
  }
  const set = (level: number, option: number, value: Uint8Array<ArrayBuffer>, action: string) =>
    check(libc, libc.setsockopt(fd, level, option, value, value.length), action);
  const filter = frameFilter(mac);
  set(SOL_SOCKET, SO_ATTACH_FILTER, sockFprog(filter), `filter what comes from ${name}`);
  set(SOL_PACKET, PACKET_VNET_HDR, int32(1), `be told of what senders leave to ${name}`);
  const address = sockaddrLl(index);
  check(libc, libc.bind(fd, address, address.length), `listen on ${name}`);
  set(
    SOL_PACKET,
    PACKET_ADD_MEMBERSHIP,
    promiscuous(index),
    `have ${name} listen to another hardware address`,
  );
}
