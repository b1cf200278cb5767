/**
 * Linux TUN: a point-to-point interface of our own, made and configured by ioctl. Nobody else's
 * program is run, and the interface is gone once its descriptor is closed.
 *
 * @module
 */

import type { Device } from "../src/phy/device.ts";
import { IpAddress } from "../src/wire/address.ts";
import { type Advice, systemError } from "./errno.ts";
import { FdDevice } from "./fd_device.ts";
import { cString, fromCString, type Libc, openLibc } from "./libc.ts";
import {
  AF_INET,
  flagsOf,
  IFF_NO_PI,
  IFF_TUN,
  IFF_TUN_EXCL,
  IFF_UP,
  IFNAMSIZ,
  IFREQ,
  ifreq,
  ifreqAddress,
  ifreqFlags,
  ifreqMtu,
  ifreqQueueLength,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  SIOCGIFFLAGS,
  SIOCSIFADDR,
  SIOCSIFDSTADDR,
  SIOCSIFFLAGS,
  SIOCSIFMTU,
  SIOCSIFNETMASK,
  SIOCSIFTXQLEN,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  TUNSETIFF,
  TUNSETOFFLOAD,
} from "./linux.ts";
import { type InterfaceOptions, type InterfaceSettings, interfaceSettings } from "./options.ts";
import { PostingReader, type StartReader } from "./reader.ts";

/**
 * What {@linkcode openTun} works with; tests put others in place.
 *
 * @internal
 */
export interface TunSystem {
  /** Given away: it is unloaded in the end. */
  libc?: Libc;
  startReader?: StartReader;
}

const TUN_PATH = "/dev/net/tun";

/**
 * What may wait in the kernel for us to read it: a connection's largest window, so that a processor
 * that has other things to do for some milliseconds does not lose packets; 500, the kernel's own
 * choice, are read in 6 ms at 1 Gbit/s.
 */
const QUEUE_BYTES = 6 * 1024 * 1024;
/** In packets: the kernel's own choice. */
const MIN_QUEUE = 500;

const AS_ROOT = "run it with sudo, grant CAP_NET_ADMIN, or try it in a namespace with " +
  "unshare -Urn";

const OPEN_ADVICE: Advice = {
  ENOENT: "load the module with modprobe tun; in a container, start it with " +
    "--device /dev/net/tun",
  ENODEV: "load the module with modprobe tun",
  EACCES: `this user may not read and write it; run it with sudo or chmod 0666 ${TUN_PATH}`,
  EPERM: "in a container, start it with --device /dev/net/tun --cap-add NET_ADMIN",
};

/**
 * Opens a TUN interface, configured and up: a point-to-point link with the host on one end and
 * the stack on the other.
 *
 * @throws {TypeError} If a name or an address is malformed.
 * @throws {RangeError} If the MTU is out of range.
 * @throws {Deno.errors.PermissionDenied} Without the rights to do so.
 * @throws {Deno.errors.NotFound} If there is no /dev/net/tun.
 * @throws {Deno.errors.AddrInUse} If an interface has the name already.
 * @throws {DeviceError} For every other failure of the system.
 */
export async function openTun(
  options: InterfaceOptions = {},
  system: TunSystem = {},
): Promise<Device> {
  const settings = interfaceSettings(options);
  if (settings.name !== undefined) checkName(settings.name);
  const libc = system.libc ?? openLibc();
  const startReader = system.startReader ?? PostingReader.start;

  const fd = libc.open(cString(TUN_PATH), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  try {
    check(libc, fd, `open ${TUN_PATH}`, OPEN_ADVICE);
    const name = createInterface(libc, fd, settings.name);
    configure(libc, name, settings);
    const descriptor = { fd, name, mtu: settings.mtu, kind: "file", prefix: 0 } as const;
    return new FdDevice(libc, descriptor, await startReader(libc, descriptor));
  } catch (error) {
    if (fd >= 0) libc.close(fd);
    libc.unload();
    throw error;
  }
}

/** Checks a name by the kernel's rules (dev_valid_name), and `%`, which it would fill in. */
function checkName(name: string): void {
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

/** Makes the descriptor that of a new interface. Returns the interface's name. */
function createInterface(libc: Libc, fd: number, wish: string | undefined): string {
  const request = ifreqFlags(wish ?? "tun%d", IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL);
  check(libc, libc.ioctl(fd, TUNSETIFF, request), `create the interface ${wish ?? "tunN"}`, {
    EPERM: AS_ROOT,
    EBUSY: "an interface has this name already; choose another one or remove that one with " +
      `ip link delete ${wish}`,
  });
  // A kernel that supports offloads may have some on by default.
  check(libc, libc.ioctl(fd, TUNSETOFFLOAD, null), "turn off the interface's offloads");
  return fromCString(request.subarray(IFREQ.name, IFREQ.name + IFNAMSIZ));
}

function configure(libc: Libc, name: string, settings: InterfaceSettings): void {
  const { address, hostAddress, mtu } = settings;
  const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  check(libc, fd, "open a socket to configure the interface");
  const set = (request: bigint, argument: Uint8Array<ArrayBuffer>, action: string) =>
    check(libc, libc.ioctl(fd, request, argument), `${action} of ${name}`, { EPERM: AS_ROOT });
  try {
    const netmask = IpAddress.v4(255, 255, 255, 255);
    set(SIOCSIFADDR, ifreqAddress(name, hostAddress), `set the address ${hostAddress}`);
    set(SIOCSIFDSTADDR, ifreqAddress(name, address), `set the peer's address ${address}`);
    set(SIOCSIFNETMASK, ifreqAddress(name, netmask), `set the netmask ${netmask}`);
    set(SIOCSIFMTU, ifreqMtu(name, mtu), `set the MTU ${mtu}`);
    const length = Math.max(MIN_QUEUE, Math.ceil(QUEUE_BYTES / mtu));
    set(SIOCSIFTXQLEN, ifreqQueueLength(name, length), `set the queue length ${length}`);
    const flags = ifreq(name);
    set(SIOCGIFFLAGS, flags, "get the flags");
    set(SIOCSIFFLAGS, ifreqFlags(name, flagsOf(flags) | IFF_UP), "set the flags");
  } finally {
    libc.close(fd);
  }
}

function check(libc: Libc, result: number, action: string, advice?: Advice): void {
  if (result < 0) throw systemError("linux", libc.errno(), action, advice);
}
