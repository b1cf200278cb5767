/**
 * The C library: every foreign function that the devices call, in one table.
 *
 * @module
 */

/** The systems that have a device here. */
export type Os = "linux" | "darwin";

/** How the third argument of `ioctl` is passed. */
export type IoctlForm = "plain" | "padded";

/** What {@linkcode openLibc} may be told. */
export interface LibcOptions {
  /** Library to load; by default the system's C library. */
  path?: string;
  /** The system that the library speaks for: its names and its errno values. */
  os?: string;
  /** The processor's architecture, as in `Deno.build.arch`. */
  arch?: string;
}

/** `struct pollfd` of <poll.h>: 8 bytes, the same on both systems. */
export const POLLFD = { size: 8, fd: 0, events: 4, revents: 6 } as const;

/** `struct iovec` of <sys/uio.h>: 16 bytes, the same on both systems. */
export const IOVEC = { size: 16, base: 0, length: 8 } as const;

/** Bits of `events` and `revents` in {@linkcode POLLFD}, the same on both systems. */
export const Poll = { IN: 1, OUT: 4, ERR: 8, HUP: 0x10, NVAL: 0x20 } as const;

/** Flag for `recv` and `send`: don't block. */
export const MSG_DONTWAIT: Readonly<Record<Os, number>> = { linux: 0x40, darwin: 0x80 };

/** Request for `ioctl`, without an argument: close the descriptor in programs that are started. */
export const FIOCLEX: Readonly<Record<Os, bigint>> = { linux: 0x5451n, darwin: 0x20006601n };

const LIBRARY: Readonly<Record<Os, string>> = {
  linux: "libc.so.6",
  darwin: "/usr/lib/libSystem.B.dylib",
};

// A C size_t is declared u32 and an ssize_t i32: a u64 or i64 would cost a BigInt for each call, and
// no length here comes near 2^31.
const SYMBOLS = {
  // int open(const char *path, int flags, ...); without O_CREAT nothing variadic is passed
  open: { parameters: ["buffer", "i32"], result: "i32" },
  // int close(int fd)
  close: { parameters: ["i32"], result: "i32" },
  // int pipe(int fds[2])
  pipe: { parameters: ["buffer"], result: "i32" },
  // int poll(struct pollfd *fds, nfds_t nfds, int timeout)
  poll: { parameters: ["buffer", "u32", "i32"], result: "i32" },
  // ssize_t read(int fd, void *buf, size_t nbyte)
  read: { parameters: ["i32", "pointer", "u32"], result: "i32" },
  // ssize_t write(int fd, const void *buf, size_t nbyte)
  write: { parameters: ["i32", "pointer", "u32"], result: "i32" },
  // ssize_t writev(int fd, const struct iovec *pieces, int count)
  writev: { parameters: ["i32", "pointer", "i32"], result: "i32" },
  // ssize_t recv(int fd, void *buf, size_t len, int flags)
  recv: { parameters: ["i32", "pointer", "u32", "i32"], result: "i32" },
  // ssize_t send(int fd, const void *buf, size_t len, int flags)
  send: { parameters: ["i32", "pointer", "u32", "i32"], result: "i32" },
  // int socket(int domain, int type, int protocol)
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // int connect(int fd, const struct sockaddr *address, socklen_t length)
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  // int bind(int fd, const struct sockaddr *address, socklen_t length)
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  // int getsockopt(int fd, int level, int name, void *value, socklen_t *length)
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  // int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

// int ioctl(int fd, unsigned long request, ...)
const IOCTL_PLAIN = {
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  ioctlNumber: { name: "ioctl", parameters: ["i32", "u64", "u64"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

// The same on arm64 Darwin, where variadic arguments always go on the stack: six spare integers fill
// x2 to x7, so that the ninth argument lands where va_arg looks for it.
const IOCTL_PADDED = {
  ioctl: {
    parameters: ["i32", "u64", "i32", "i32", "i32", "i32", "i32", "i32", "buffer"],
    result: "i32",
  },
  ioctlNumber: {
    name: "ioctl",
    parameters: ["i32", "u64", "i32", "i32", "i32", "i32", "i32", "i32", "u64"],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

// int *__errno_location(void)
const ERRNO_LINUX = {
  errnoLocation: { name: "__errno_location", parameters: [], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

// int *__error(void)
const ERRNO_DARWIN = {
  errnoLocation: { name: "__error", parameters: [], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Memory handed to a call for as long as it lasts; `null` is the null pointer. */
export type Buffer = Uint8Array | Int16Array | Int32Array | null;

/**
 * The C library as the devices see it. Functions return what C returns: -1 for a failure, whose
 * reason {@linkcode Libc.errno} then tells.
 *
 * Those on the packet path take a pointer, made once and kept; the others take a view.
 */
export interface Libc {
  /** Which library it is, for another thread to open it as well; its system's numbers hold. */
  readonly source: LibcSource;
  /** Opens the file at a path that ends in NUL. */
  open(path: Buffer, flags: number): number;
  close(fd: number): number;
  /** Makes a pipe: the end to read from in `fds[0]`, the end to write to in `fds[1]`. */
  pipe(fds: Buffer): number;
  poll(fds: Buffer, count: number, timeout: number): number;
  read(fd: number, at: Deno.PointerValue, length: number): number;
  write(fd: number, at: Deno.PointerValue, length: number): number;
  /** Writes the pieces that an array of `struct iovec` tells of, as one. */
  writev(fd: number, pieces: Deno.PointerValue, count: number): number;
  recv(fd: number, at: Deno.PointerValue, length: number, flags: number): number;
  send(fd: number, at: Deno.PointerValue, length: number, flags: number): number;
  socket(domain: number, type: number, protocol: number): number;
  connect(fd: number, address: Buffer, length: number): number;
  bind(fd: number, address: Buffer, length: number): number;
  getsockopt(fd: number, level: number, name: number, value: Buffer, length: Buffer): number;
  setsockopt(fd: number, level: number, name: number, value: Buffer, length: number): number;
  ioctl(fd: number, request: bigint, argument: Buffer): number;
  /** `ioctl` for requests whose argument is a number. */
  ioctlNumber(fd: number, request: bigint, argument: bigint): number;
  /** Why the last call of this thread failed. Ask directly after it. */
  errno(): number;
  /** Unloads the library. No function may be called afterwards. */
  unload(): void;
}

/** Which library a {@linkcode Libc} is; {@linkcode LibcOptions} with nothing left out. */
export interface LibcSource {
  readonly path: string;
  readonly os: Os;
  readonly arch: string;
}

/**
 * How `ioctl` has to be called. Apple's arm64 passes variadic arguments on the stack, every other
 * system in registers.
 */
export function ioctlForm(os: string, arch: string): IoctlForm {
  return os === "darwin" && arch === "aarch64" ? "padded" : "plain";
}

/**
 * Whether `os` has a device here.
 *
 * @param os As in `Deno.build.os`.
 */
export function isSupportedOs(os: string): os is Os {
  return os === "linux" || os === "darwin";
}

/**
 * Says which library {@linkcode openLibc} opens.
 *
 * @throws {Deno.errors.NotSupported} If the system is neither Linux nor macOS.
 */
export function libcSource(options: LibcOptions = {}): LibcSource {
  const os = options.os ?? Deno.build.os;
  if (!isSupportedOs(os)) {
    throw new Deno.errors.NotSupported(
      `No network interface can be opened on ${os}: only Linux and macOS are supported`,
    );
  }
  return { path: options.path ?? LIBRARY[os], os, arch: options.arch ?? Deno.build.arch };
}

/**
 * Opens the C library for the calling thread. On the packet path the functions are the foreign
 * functions themselves, with nothing in between.
 *
 * @throws {Deno.errors.NotSupported} If the system is neither Linux nor macOS.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 */
export function openLibc(options: LibcOptions = {}): Libc {
  const source = libcSource(options);
  const { path, os, arch } = source;
  const library = Deno.dlopen(path, SYMBOLS);
  const location = Deno.dlopen(path, os === "linux" ? ERRNO_LINUX : ERRNO_DARWIN);
  // The place is the thread's for good, so one view of it serves every later call.
  const errno = new Int32Array(
    Deno.UnsafePointerView.getArrayBuffer(location.symbols.errnoLocation()!, 4),
  );
  const { ioctl, ioctlNumber, unload } = openIoctl(path, ioctlForm(os, arch));
  return {
    source,
    ...library.symbols as Pick<Libc, keyof typeof SYMBOLS>,
    ioctl,
    ioctlNumber,
    errno: () => errno[0]!,
    unload() {
      unload();
      location.close();
      library.close();
    },
  };
}

function openIoctl(
  path: string,
  form: IoctlForm,
): Pick<Libc, "ioctl" | "ioctlNumber" | "unload"> {
  if (form === "plain") {
    const library = Deno.dlopen(path, IOCTL_PLAIN);
    return {
      ioctl: library.symbols.ioctl as Libc["ioctl"],
      ioctlNumber: library.symbols.ioctlNumber,
      unload: () => library.close(),
    };
  }
  const library = Deno.dlopen(path, IOCTL_PADDED);
  const { ioctl, ioctlNumber } = library.symbols;
  return {
    ioctl: (fd, request, argument) =>
      ioctl(fd, request, 0, 0, 0, 0, 0, 0, argument as BufferSource | null),
    ioctlNumber: (fd, request, argument) => ioctlNumber(fd, request, 0, 0, 0, 0, 0, 0, argument),
    unload: () => library.close(),
  };
}

/** Has a descriptor closed in programs that this one starts: they would keep the device alive. */
export function closeOnExec(libc: Libc, fd: number): void {
  libc.ioctl(fd, FIOCLEX[libc.source.os], null);
}

/** Text as C has it: its bytes and a NUL. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** The text in front of the first NUL. */
export function fromCString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end === -1 ? bytes : bytes.subarray(0, end));
}
