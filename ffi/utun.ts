/**
 * macOS utun: a point-to-point interface behind a kernel control socket. It is gone once the
 * socket is closed.
 *
 * @module
 */

import type { IpAddress } from "../src/wire/address.ts";
import {
  ctlIdOf,
  ctlInfo,
  CTLIOCGINFO,
  IFNAMSIZ,
  PF_SYSTEM,
  SOCK_DGRAM,
  SOCKADDR_CTL,
  sockaddrCtl,
  SYSPROTO_CONTROL,
  uint32,
  UTUN_CONTROL_NAME,
  UTUN_OPT_IFNAME,
  UTUN_OPT_MAX_PENDING_PACKETS,
} from "./darwin.ts";
import { type Advice, DeviceError, systemError } from "./errno.ts";
import { FdDevice } from "./fd_device.ts";
import type { HostDevice, HostEnd } from "./host_device.ts";
import { closeOnExec, fromCString, type Libc, openLibc } from "./libc.ts";
import { type LinkOptions, type LinkSettings, linkSettings } from "./options.ts";
import { readerOf, type StartReader } from "./reader.ts";

/** Runs a program to its end. */
export type Run = (
  program: string,
  args: string[],
) => Promise<{ success: boolean; stderr: string }>;

/**
 * What {@linkcode openUtun} works with; tests put others in place.
 *
 * @internal
 */
export interface UtunSystem {
  /** Given away: it is unloaded in the end. */
  libc?: Libc;
  startReader?: StartReader;
  run?: Run;
}

/** How many packets may wait in the kernel: as many as Linux lets wait on a TUN. */
export const MAX_PENDING_PACKETS = 500;

const IFCONFIG = "/sbin/ifconfig";

/**
 * Opens a utun interface, configured and up: a point-to-point link with the host on one end and
 * the stack on the other. Needs root.
 *
 * @throws {TypeError} If a name or an address is malformed, or there is no such reader.
 * @throws {RangeError} If the MTU is out of range.
 * @throws {Deno.errors.PermissionDenied} Without the rights to do so.
 * @throws {Deno.errors.AddrInUse} If an interface has the name already.
 * @throws {DeviceError} For every other failure of the system.
 */
export async function openUtun(
  options: LinkOptions = {},
  system: UtunSystem = {},
): Promise<HostDevice> {
  const settings = linkSettings(options);
  const unit = unitOf(settings.name);
  const startReader = system.startReader ?? readerOf(options.reader);
  const libc = system.libc ?? openLibc();
  const run = system.run ?? runProgram;

  const fd = libc.socket(PF_SYSTEM, SOCK_DGRAM, SYSPROTO_CONTROL);
  try {
    check(libc, fd, "open a kernel control socket");
    closeOnExec(libc, fd);
    connect(libc, fd, unit, settings.name);
    const name = nameOf(libc, fd);
    check(
      libc,
      libc.setsockopt(
        fd,
        SYSPROTO_CONTROL,
        UTUN_OPT_MAX_PENDING_PACKETS,
        uint32(MAX_PENDING_PACKETS),
        4,
      ),
      `let packets of ${name} wait`,
    );
    const host = await configure(run, name, settings);
    const { mtu } = settings;
    const descriptor = { fd, name, mtu, kind: "socket", prefix: 4 } as const;
    return new FdDevice(libc, descriptor, await startReader(libc, descriptor), host);
  } catch (error) {
    if (fd >= 0) libc.close(fd);
    libc.unload();
    throw error;
  }
}

/** The unit that a `sockaddr_ctl` asks for: N + 1 for utunN, 0 for any. */
function unitOf(name: string | undefined): number {
  if (name === undefined) return 0;
  const digits = /^utun(0|[1-9]\d{0,8})$/.exec(name)?.[1];
  if (digits === undefined) {
    throw new TypeError(
      `Cannot name an interface "${name}": on macOS the name is utun and a number, such as utun5`,
    );
  }
  return Number(digits) + 1;
}

function connect(libc: Libc, fd: number, unit: number, wish = "utunN"): void {
  const info = ctlInfo(UTUN_CONTROL_NAME);
  check(libc, libc.ioctl(fd, CTLIOCGINFO, info), `find ${UTUN_CONTROL_NAME}`, {
    ENOENT: "this system has no utun interfaces",
  });
  const id = ctlIdOf(info);
  if (id === 0) {
    // What a variadic call looks like whose argument went where the kernel doesn't look.
    throw new DeviceError(
      `Cannot find ${UTUN_CONTROL_NAME}: ioctl succeeded but wrote nothing`,
      "CTLIOCGINFO",
    );
  }
  const address = sockaddrCtl(id, unit);
  check(libc, libc.connect(fd, address, SOCKADDR_CTL.size), `create the interface ${wish}`, {
    EPERM: "run it with sudo",
    EACCES: "run it with sudo",
    EBUSY: "an interface has this name already; choose another number, or none for the next one " +
      "that is free",
  });
}

function nameOf(libc: Libc, fd: number): string {
  const name = new Uint8Array(IFNAMSIZ);
  const length = uint32(name.length);
  check(
    libc,
    libc.getsockopt(fd, SYSPROTO_CONTROL, UTUN_OPT_IFNAME, name, length),
    "get the interface's name",
  );
  return fromCString(name);
}

async function configure(run: Run, name: string, settings: LinkSettings): Promise<HostEnd> {
  const { v4, v6, isIpv6Required, ipv6Missing, mtu } = settings;
  const addresses: IpAddress[] = [];
  const up = ["mtu", `${mtu}`, "up"];
  if (v4 === undefined) {
    fail(name, await ifconfig(run, name, up));
  } else {
    const { address, hostAddress } = v4;
    const ends = ["inet", `${hostAddress}`, `${address}`, "netmask", "255.255.255.255"];
    fail(name, await ifconfig(run, name, [...ends, ...up]));
    addresses.push(hostAddress);
  }
  if (v6 === undefined) return { addresses, ipv6Missing };
  const { address, hostAddress } = v6;
  // With the other end named the system makes a route to it; it has none to the network of a prefix.
  const ends = ["inet6", `${hostAddress}`, `${address}`, "prefixlen", "128"];
  const complaint = await ifconfig(run, name, ends);
  if (isIpv6Required) fail(name, complaint);
  if (complaint !== undefined) return { addresses, ipv6Missing: complaint };
  return { addresses: [...addresses, hostAddress] };
}

/** Runs ifconfig. Returns what it complains about, if it does. */
async function ifconfig(run: Run, name: string, args: string[]): Promise<string | undefined> {
  const { success, stderr } = await run(IFCONFIG, [name, ...args]);
  return success ? undefined : stderr.trim();
}

function fail(name: string, complaint: string | undefined): void {
  if (complaint === undefined) return;
  throw new DeviceError(`Cannot configure ${name} with ${IFCONFIG}: ${complaint}`, "IFCONFIG");
}

async function runProgram(
  program: string,
  args: string[],
): Promise<{ success: boolean; stderr: string }> {
  const { success, stderr } = await new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  return { success, stderr: new TextDecoder().decode(stderr) };
}

function check(libc: Libc, result: number, action: string, advice?: Advice): void {
  if (result < 0) throw systemError("darwin", libc.errno(), action, advice);
}
