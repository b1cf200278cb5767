/**
 * Error numbers of the C library, and the one way from them to an error that says what to do.
 *
 * @module
 */

import type { Os } from "./libc.ts";

/** The values of errno that can come up here, by system. */
export const ERRNO = {
  linux: {
    EPERM: 1,
    ENOENT: 2,
    EINTR: 4,
    EIO: 5,
    ENXIO: 6,
    EBADF: 9,
    EAGAIN: 11,
    ENOMEM: 12,
    EACCES: 13,
    EFAULT: 14,
    EBUSY: 16,
    EEXIST: 17,
    ENODEV: 19,
    EINVAL: 22,
    ENFILE: 23,
    EMFILE: 24,
    ENOSPC: 28,
    EPIPE: 32,
    EBADFD: 77,
    EMSGSIZE: 90,
    EPROTOTYPE: 91,
    ENOTSUP: 95,
    EAFNOSUPPORT: 97,
    EADDRINUSE: 98,
    EADDRNOTAVAIL: 99,
    ENETDOWN: 100,
    ECONNRESET: 104,
    ENOBUFS: 105,
    ENOTCONN: 107,
    ECONNREFUSED: 111,
  },
  darwin: {
    EPERM: 1,
    ENOENT: 2,
    EINTR: 4,
    EIO: 5,
    ENXIO: 6,
    EBADF: 9,
    ENOMEM: 12,
    EACCES: 13,
    EFAULT: 14,
    EBUSY: 16,
    EEXIST: 17,
    ENODEV: 19,
    EINVAL: 22,
    ENFILE: 23,
    EMFILE: 24,
    ENOSPC: 28,
    EPIPE: 32,
    EAGAIN: 35,
    EMSGSIZE: 40,
    EPROTOTYPE: 41,
    ENOTSUP: 45,
    EAFNOSUPPORT: 47,
    EADDRINUSE: 48,
    EADDRNOTAVAIL: 49,
    ENETDOWN: 50,
    ECONNRESET: 54,
    ENOBUFS: 55,
    ENOTCONN: 57,
    ECONNREFUSED: 61,
  },
} as const satisfies Record<Os, Record<string, number>>;

/** Names that {@linkcode errnoName} can give. */
export type ErrnoName = keyof typeof ERRNO[Os] | "EBADFD";

/** What to do about a failure, by the name of its errno. */
export type Advice = Partial<Record<ErrnoName, string>>;

/** A device's failure that none of Deno's own errors stands for. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";
  /** Name of the errno, such as `EIO`. */
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** The name of an errno value, such as `EPERM`; `errno 123` if it has none here. */
export function errnoName(os: Os, errno: number): ErrnoName | `errno ${number}` {
  for (const [name, value] of Object.entries(ERRNO[os])) {
    if (value === errno) return name as ErrnoName;
  }
  return `errno ${errno}`;
}

/**
 * The error for a call that failed: one of Deno's own where one fits, else a
 * {@linkcode DeviceError}.
 *
 * @param action What was tried, in words that fit behind "Cannot".
 * @param advice What to do, for each errno that has an answer.
 */
export function systemError(os: Os, errno: number, action: string, advice: Advice = {}): Error {
  const code = errnoName(os, errno);
  const hint = (advice as Record<string, string | undefined>)[code];
  const message = `Cannot ${action} (${code})${hint === undefined ? "" : `: ${hint}`}`;
  switch (code) {
    case "EPERM":
    case "EACCES":
      return new Deno.errors.PermissionDenied(message);
    case "ENOENT":
    case "ENODEV":
    case "ENXIO":
      return new Deno.errors.NotFound(message);
    case "EBUSY":
    case "EADDRINUSE":
      return new Deno.errors.AddrInUse(message);
    case "EADDRNOTAVAIL":
      return new Deno.errors.AddrNotAvailable(message);
    case "ENOTSUP":
    case "EAFNOSUPPORT":
      return new Deno.errors.NotSupported(message);
    default:
      return new DeviceError(message, code);
  }
}
