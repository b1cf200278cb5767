/**
 * What TUN and TAP have in common: a Linux interface of our own, made and configured through the
 * kernel alone. Nobody else's program is run, and the interface is gone once its descriptor is
 * closed.
 *
 * @module
 */

import { IpAddress } from "../src/wire/address.ts";
import type { LinkOffload } from "../src/wire/packet.ts";
import type { Descriptor } from "./descriptor.ts";
import { type Advice, ERRNO, systemError } from "./errno.ts";
import { FdDevice } from "./fd_device.ts";
import type { HostDevice, HostEnd } from "./host_device.ts";
import { cString, fromCString, type Libc, openLibc } from "./libc.ts";
import {
  AF_INET,
  flagsOf,
  IFF_NO_PI,
  IFF_TAP,
  IFF_TUN,
  IFF_TUN_EXCL,
  IFF_UP,
  IFF_VNET_HDR,
  IFNAMSIZ,
  IFREQ,
  ifreq,
  ifreqAddress,
  ifreqFlags,
  ifreqMtu,
  ifreqQueueLength,
  int32,
  numberOf,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  SIOCGIFFLAGS,
  SIOCGIFINDEX,
  SIOCSIFADDR,
  SIOCSIFDSTADDR,
  SIOCSIFFLAGS,
  SIOCSIFMTU,
  SIOCSIFNETMASK,
  SIOCSIFTXQLEN,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  TUN_F_CSUM,
  TUN_F_TSO4,
  TUN_F_TSO6,
  TUN_F_TSO_ECN,
  TUN_F_USO4,
  TUN_F_USO6,
  TUNSETIFF,
  TUNSETOFFLOAD,
  TUNSETVNETHDRSZ,
} from "./linux.ts";
import { addAddress } from "./netlink.ts";
import type { ReaderOptions } from "./options.ts";
import { readerOf, type StartReader } from "./reader.ts";
import { VIRTIO_NET_HDR } from "./virtio.ts";

/**
 * What {@linkcode "./tun.ts".openTun} and its like work with; tests put others in place.
 *
 * @internal
 */
export interface TunSystem {
  /** Given away: it is unloaded in the end. */
  libc?: Libc;
  startReader?: StartReader;
}

/** The host's end of an interface, to be set up. */
export interface HostSettings {
  readonly mtu: number;
  /** Whether the interface is to have offloads, if the kernel has them. */
  readonly offload: boolean;
  readonly v4: {
    readonly address: IpAddress;
    /** The other end, on a point-to-point link. */
    readonly peer?: IpAddress;
    readonly prefixLength: number;
  } | undefined;
  readonly v6: { readonly address: IpAddress; readonly prefixLength: number } | undefined;
  /** Whether a failure to set `v6` is one of the whole. */
  readonly isIpv6Required: boolean;
  /** Why there is no `v6`, if by default there would be. */
  readonly ipv6Missing: string | undefined;
}

/** What is asked of the kernel if it can: checksums, and segmentation of TCP; and that of UDP. */
const OFFLOADS_TCP = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
const OFFLOADS = OFFLOADS_TCP | TUN_F_USO4 | TUN_F_USO6;

const TUN_PATH = "/dev/net/tun";

/**
 * What may wait in the kernel for us to read it: a connection's largest window, so that a processor
 * that has other things to do for some milliseconds does not lose packets; 500, the kernel's own
 * choice, are read in 6 ms at 1 Gbit/s.
 */
const QUEUE_BYTES = 6 * 1024 * 1024;
/** In packets: the kernel's own choice. */
const MIN_QUEUE = 500;

/** What to do without the rights to configure the network. */
export const AS_ROOT = "run it with sudo, grant CAP_NET_ADMIN, or try it in a namespace with " +
  "unshare -Urn";

const OPEN_ADVICE: Advice = {
  ENOENT: "load the module with modprobe tun; in a container, start it with " +
    "--device /dev/net/tun",
  ENODEV: "load the module with modprobe tun",
  EACCES: `this user may not read and write it; run it with sudo or chmod 0666 ${TUN_PATH}`,
  EPERM: "in a container, start it with --device /dev/net/tun --cap-add NET_ADMIN",
};

const IPV6_ADVICE: Advice = {
  EACCES: "IPv6 is turned off for new interfaces; turn it on with " +
    "sysctl net.ipv6.conf.default.disable_ipv6=0, or use IPv4 addresses only",
  EAFNOSUPPORT: "this kernel runs without IPv6; use IPv4 addresses only",
  ENOTSUP: "this kernel runs without IPv6; use IPv4 addresses only",
  EPERM: AS_ROOT,
};

/** Checks a name by the kernel's rules (dev_valid_name), and `%`, which it would fill in. */
export function checkName(name: string): void {
  const limit = IFNAMSIZ - 1;
  if (new TextEncoder().encode(name).length > limit) {
    throw new TypeError(
      `Cannot name an interface ${name}: at most ${limit} characters are allowed`,
    );
  }
  if (name === "" || name === "." || name === ".." || /[\s/:%\0]/.test(name)) {
    throw new TypeError(
      `Cannot name an interface "${name}": use letters, digits, - and _, such as tun0`,
    );
  }
}

/**
 * Makes an interface, configures its host's end, brings it up and starts to read from it.
 *
 * @param mac The stack's own hardware address, of a TAP.
 * @throws {TypeError} If the name is malformed, or there is no such reader.
 * @throws {Error} If that fails; then nothing is left open.
 */
export async function openTunTap(
  system: TunSystem,
  kind: "tun" | "tap",
  options: ReaderOptions & { name?: string },
  settings: HostSettings,
  mac?: Uint8Array,
): Promise<HostDevice> {
  const { name } = options;
  if (name !== undefined) checkName(name);
  const startReader = system.startReader ?? readerOf(options.reader);
  const libc = system.libc ?? openLibc();
  const fd = libc.open(cString(TUN_PATH), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  try {
    check(libc, fd, `open ${TUN_PATH}`, OPEN_ADVICE);
    const { mtu, offload } = settings;
    const made = createInterface(libc, fd, kind, name, offload);
    const host = configure(libc, made.name, settings);
    const file = { ...made, fd, mtu, kind: "file" } as const;
    const descriptor: Descriptor = mac === undefined ? file : { ...file, mac };
    return new FdDevice(libc, descriptor, await startReader(libc, descriptor), host);
  } catch (error) {
    if (fd >= 0) libc.close(fd);
    libc.unload();
    throw error;
  }
}

/** Makes the descriptor that of a new interface, with offloads if they are wanted and there. */
function createInterface(
  libc: Libc,
  fd: number,
  kind: "tun" | "tap",
  wish: string | undefined,
  wantsOffload: boolean,
): Pick<Descriptor, "name" | "prefix" | "offload"> {
  const flags = (kind === "tun" ? IFF_TUN : IFF_TAP) | IFF_NO_PI | IFF_TUN_EXCL;
  const headerFlag = wantsOffload ? IFF_VNET_HDR : 0;
  let prefix: 0 | 10 = wantsOffload ? 10 : 0;
  let request = ifreqFlags(wish ?? `${kind}%d`, flags | headerFlag);
  let result = libc.ioctl(fd, TUNSETIFF, request);
  if (result < 0 && prefix === 10 && libc.errno() === ERRNO.linux.EINVAL) {
    prefix = 0; // this kernel puts no header in front of packets
    request = ifreqFlags(wish ?? `${kind}%d`, flags);
    result = libc.ioctl(fd, TUNSETIFF, request);
  }
  check(libc, result, `create the interface ${wish ?? `${kind}N`}`, {
    EPERM: AS_ROOT,
    EBUSY: "an interface has this name already; choose another one or remove that one with " +
      `ip link delete ${wish}`,
  });
  const name = fromCString(request.subarray(IFREQ.name, IFREQ.name + IFNAMSIZ));
  const offload = prefix === 10 ? turnOnOffloads(libc, fd) : undefined;
  if (offload !== undefined) return { name, prefix, offload };
  // A kernel that supports offloads may have some on by default.
  check(libc, libc.ioctlNumber(fd, TUNSETOFFLOAD, 0n), "turn off the interface's offloads");
  return { name, prefix };
}

/** Has the kernel offload what it can. Returns that; `undefined` if it refuses. */
function turnOnOffloads(libc: Libc, fd: number): LinkOffload | undefined {
  const size = int32(VIRTIO_NET_HDR.size);
  check(libc, libc.ioctl(fd, TUNSETVNETHDRSZ, size), "set the length of the packets' headers");
  if (libc.ioctlNumber(fd, TUNSETOFFLOAD, BigInt(OFFLOADS)) >= 0) return { udp: true };
  if (libc.ioctlNumber(fd, TUNSETOFFLOAD, BigInt(OFFLOADS_TCP)) >= 0) return { udp: false };
  return undefined;
}

function configure(libc: Libc, name: string, settings: HostSettings): HostEnd {
  const { v4, v6, mtu } = settings;
  const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  check(libc, fd, "open a socket to configure the interface");
  const set = (request: bigint, argument: Uint8Array<ArrayBuffer>, action: string) =>
    check(libc, libc.ioctl(fd, request, argument), `${action} of ${name}`, { EPERM: AS_ROOT });
  try {
    if (v4 !== undefined) {
      const { address, peer, prefixLength } = v4;
      const netmask = maskOf(prefixLength);
      set(SIOCSIFADDR, ifreqAddress(name, address), `set the address ${address}`);
      if (peer !== undefined) {
        set(SIOCSIFDSTADDR, ifreqAddress(name, peer), `set the peer's address ${peer}`);
      }
      set(SIOCSIFNETMASK, ifreqAddress(name, netmask), `set the netmask ${netmask}`);
    }
    set(SIOCSIFMTU, ifreqMtu(name, mtu), `set the MTU ${mtu}`);
    const length = Math.max(MIN_QUEUE, Math.ceil(QUEUE_BYTES / mtu));
    // In a user namespace nobody may; the queue then is shorter, and works.
    libc.ioctl(fd, SIOCSIFTXQLEN, ifreqQueueLength(name, length));
    const flags = ifreq(name);
    set(SIOCGIFFLAGS, flags, "get the flags");
    set(SIOCSIFFLAGS, ifreqFlags(name, flagsOf(flags) | IFF_UP), "set the flags");
    const addresses = v4 === undefined ? [] : [v4.address];
    if (v6 === undefined) return { addresses, ipv6Missing: settings.ipv6Missing };
    const index = ifreq(name);
    set(SIOCGIFINDEX, index, "get the number");
    const errno = addAddress(libc, numberOf(index), v6.address, v6.prefixLength);
    if (errno === 0) return { addresses: [...addresses, v6.address] };
    const action = `set the address ${v6.address} of ${name}`;
    const error = systemError("linux", errno, action, IPV6_ADVICE);
    if (settings.isIpv6Required) throw error;
    return { addresses, ipv6Missing: error.message };
  } finally {
    libc.close(fd);
  }
}

function maskOf(prefixLength: number): IpAddress {
  const bytes = new Uint8Array(4);
  const bits = prefixLength === 0 ? 0 : -1 << (32 - prefixLength);
  new DataView(bytes.buffer).setInt32(0, bits);
  return IpAddress.fromBytes(bytes);
}

/** Turns the failure of a call into an error. */
export function check(libc: Libc, result: number, action: string, advice?: Advice): void {
  if (result < 0) throw systemError("linux", libc.errno(), action, advice);
}
