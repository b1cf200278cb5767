import { assert, assertEquals, assertThrows } from "@std/assert";
import { DeviceError, ERRNO, errnoName, systemError } from "../../ffi/errno.ts";
import { cString, fromCString, ioctlForm, libcSource, openLibc, type Os } from "../../ffi/libc.ts";
import { IoVectors, Places } from "../../ffi/places.ts";
import { compile, NO_COMPILER } from "./cc.ts";

Deno.test("ioctlForm() pads on arm64 Darwin and nowhere else", () => {
  const cases: [os: string, arch: string, want: string][] = [
    ["darwin", "aarch64", "padded"],
    ["darwin", "x86_64", "plain"],
    ["linux", "aarch64", "plain"],
    ["linux", "x86_64", "plain"],
  ];
  for (const [os, arch, want] of cases) assertEquals(ioctlForm(os, arch), want, `${os} ${arch}`);
});

Deno.test("libcSource() names each system's library and refuses the others", () => {
  assertEquals(libcSource({ os: "linux", arch: "x86_64" }).path, "libc.so.6");
  assertEquals(libcSource({ os: "darwin", arch: "x86_64" }).path, "/usr/lib/libSystem.B.dylib");
  assertEquals(libcSource({ os: "darwin", path: "other.so" }).path, "other.so");
  assertThrows(
    () => libcSource({ os: "windows" }),
    Deno.errors.NotSupported,
    "No network interface can be opened on windows: only Linux and macOS are supported",
  );
});

Deno.test("errno() tells why the call before it failed", () => {
  const libc = openLibc();
  try {
    const { os } = libc.source;
    const pointer = Deno.UnsafePointer.of(new Uint8Array(8));
    for (let round = 0; round < 20_000; round++) {
      assertEquals(libc.read(-1, pointer, 8), -1);
      assertEquals(libc.errno(), ERRNO[os].EBADF);
      assertEquals(libc.open(cString("/nonexistent"), 0), -1);
      assertEquals(libc.errno(), ERRNO[os].ENOENT);
    }
  } finally {
    libc.unload();
  }
});

Deno.test("a descriptor's bytes go through read(), write() and writev()", () => {
  const libc = openLibc();
  const pipe = new Int32Array(2);
  assertEquals(libc.pipe(pipe), 0);
  const [readFd, writeFd] = pipe as unknown as [number, number];
  try {
    const sent = Uint8Array.of(1, 2, 3);
    const got = new Uint8Array(8);
    assertEquals(libc.write(writeFd, Deno.UnsafePointer.of(sent), 3), 3);
    assertEquals(libc.read(readFd, Deno.UnsafePointer.of(got), 8), 3);
    assertEquals([...got], [1, 2, 3, 0, 0, 0, 0, 0]);

    const pieces = new IoVectors(3);
    const places = new Places();
    for (const [index, bytes] of [sent, got, sent].entries()) {
      pieces.set(index, places.of(bytes).address + index, 2);
    }
    assertEquals(libc.writev(writeFd, pieces.pointer, 2), 4);
    assertEquals(libc.read(readFd, Deno.UnsafePointer.of(got), 8), 4);
    assertEquals([...got.subarray(0, 4)], [1, 2, 2, 3]);
  } finally {
    libc.close(readFd);
    libc.close(writeFd);
    libc.unload();
  }
});

Deno.test({
  name: `the padded ioctl() puts its argument in ninth place${NO_COMPILER ?? ""}`,
  ignore: NO_COMPILER !== undefined || Deno.build.os !== "linux",
  async fn() {
    await using library = await compile(
      `#define _GNU_SOURCE
      #include <errno.h>
      int *__error(void) { return &errno; }
      int ioctl(int fd, unsigned long request, int c, int d, int e, int f, int g, int h, char *p) {
        if (c | d | e | f | g | h) return -2;
        if (fd == 8) return p == (char *)0x10000002aul ? 0 : -4;
        p[0] = 42;
        return fd == 7 && request == 0xc0644e03ul ? 0 : -3;
      }`,
      { shared: true },
    );
    const libc = openLibc({ path: library.path, os: "darwin", arch: "aarch64" });
    const bytes = new Uint8Array(1);
    assertEquals(libc.ioctl(7, 0xc0644e03n, bytes), 0);
    assertEquals(bytes[0], 42);
    assertEquals(libc.ioctlNumber(8, 42n, 0x1_0000_002an), 0);
    libc.unload();
  },
});

Deno.test("C strings end in NUL", () => {
  assertEquals([...cString("ab")], [97, 98, 0]);
  assertEquals(fromCString(Uint8Array.of(97, 98, 0, 99)), "ab");
  assertEquals(fromCString(Uint8Array.of(97, 98)), "ab");
});

// deno-lint-ignore no-explicit-any -- what an error's constructor takes is of no interest
type ErrorType = new (...args: any[]) => Error;

Deno.test("systemError() picks Deno's error and gives the advice for the errno", () => {
  const { errors } = Deno;
  const cases: [os: Os, errno: number, type: ErrorType, message: string][] = [
    ["linux", 1, errors.PermissionDenied, "Cannot do it (EPERM): use sudo"],
    ["linux", 13, errors.PermissionDenied, "Cannot do it (EACCES)"],
    ["linux", 2, errors.NotFound, "Cannot do it (ENOENT)"],
    ["linux", 19, errors.NotFound, "Cannot do it (ENODEV)"],
    ["linux", 16, errors.AddrInUse, "Cannot do it (EBUSY)"],
    ["linux", 95, errors.NotSupported, "Cannot do it (ENOTSUP)"],
    ["linux", 11, DeviceError, "Cannot do it (EAGAIN)"],
    ["darwin", 35, DeviceError, "Cannot do it (EAGAIN)"],
    ["darwin", 45, errors.NotSupported, "Cannot do it (ENOTSUP)"],
    ["linux", 4242, DeviceError, "Cannot do it (errno 4242)"],
  ];
  for (const [os, errno, type, message] of cases) {
    const error = systemError(os, errno, "do it", { EPERM: "use sudo" });
    assert(error instanceof type, message);
    assertEquals(error.message, message);
  }
  assertEquals((systemError("darwin", 55, "send") as DeviceError).code, "ENOBUFS");
});

Deno.test("no two names of a system's errno table share a value", () => {
  for (const os of ["linux", "darwin"] as const) {
    for (const [name, value] of Object.entries(ERRNO[os])) {
      assertEquals(errnoName(os, value), name);
    }
  }
});
