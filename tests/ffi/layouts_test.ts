import { assertEquals } from "@std/assert";
import { ctlIdOf, ctlInfo, sockaddrCtl, uint32, UTUN_CONTROL_NAME } from "../../ffi/darwin.ts";
import * as darwin from "../../ffi/darwin.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { FIOCLEX, MSG_DONTWAIT, Poll, POLLFD } from "../../ffi/libc.ts";
import { flagsOf, ifreq, ifreqAddress, ifreqFlags, ifreqMtu } from "../../ffi/linux.ts";
import * as linux from "../../ffi/linux.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { compile, NO_COMPILER } from "./cc.ts";
import { hex } from "./fake_libc.ts";

const TUN0 = "74756e30 00000000 00000000 00000000";
const ZEROS = " 00000000";

Deno.test("builders lay out C structures byte for byte", () => {
  const cases: [what: string, bytes: Uint8Array, want: string][] = [
    ["ifreq", ifreq("tun0"), TUN0 + ZEROS.repeat(6)],
    [
      "ifreq with the longest name",
      ifreq("abcdefghijklmno"),
      "61626364 65666768 696a6b6c 6d6e6f00" + ZEROS.repeat(6),
    ],
    [
      "ifreq cuts a name rather than lose its NUL",
      ifreq("abcdefghijklmnopq"),
      "61626364 65666768 696a6b6c 6d6e6f00" + ZEROS.repeat(6),
    ],
    ["ifreq with flags", ifreqFlags("tun0", 0x9001), `${TUN0} 01900000` + ZEROS.repeat(5)],
    ["ifreq with an MTU", ifreqMtu("tun0", 65535), `${TUN0} ffff0000` + ZEROS.repeat(5)],
    [
      "ifreq with an address",
      ifreqAddress("tun0", IpAddress.v4(10, 0, 0, 1)),
      `${TUN0} 02000000 0a000001` + ZEROS.repeat(4),
    ],
    [
      "ctl_info",
      ctlInfo(UTUN_CONTROL_NAME),
      "00000000 636f6d2e 6170706c 652e6e65 742e7574 756e5f63 6f6e7472 6f6c0000" +
      ZEROS.repeat(17),
    ],
    [
      "sockaddr_ctl",
      sockaddrCtl(0x01020304, 6),
      "20200200 04030201 06000000" + ZEROS.repeat(5),
    ],
    ["uint32", uint32(500), "f4010000"],
  ];
  for (const [what, bytes, want] of cases) assertEquals(hex(bytes), want, what);
});

Deno.test("what the kernel fills in is read back", () => {
  assertEquals(flagsOf(ifreqFlags("tun0", 0x10d1)), 0x10d1);
  assertEquals(ctlIdOf(Uint8Array.of(4, 3, 2, 0x81, 0)), 0x81020304);
});

Deno.test("Darwin's numbers are those of its headers", () => {
  // _IOWR('N', 3, struct ctl_info) and _IO('f', 1), put together as <sys/ioccom.h> does.
  assertEquals(darwin.CTLIOCGINFO, 0xc0000000n | 100n << 16n | 0x4en << 8n | 3n);
  assertEquals(FIOCLEX.darwin, 0x20000000n | 0x66n << 8n | 1n);
});

Deno.test({
  name: `Linux's numbers and layouts are those of its headers${NO_COMPILER ?? ""}`,
  ignore: NO_COMPILER !== undefined || Deno.build.os !== "linux",
  async fn() {
    const want: Record<string, number | bigint> = {
      TUNSETIFF: linux.TUNSETIFF,
      TUNSETOFFLOAD: linux.TUNSETOFFLOAD,
      IFF_TUN: linux.IFF_TUN,
      IFF_NO_PI: linux.IFF_NO_PI,
      IFF_TUN_EXCL: linux.IFF_TUN_EXCL,
      IFF_UP: linux.IFF_UP,
      IFNAMSIZ: linux.IFNAMSIZ,
      SIOCGIFFLAGS: linux.SIOCGIFFLAGS,
      SIOCSIFFLAGS: linux.SIOCSIFFLAGS,
      SIOCSIFADDR: linux.SIOCSIFADDR,
      SIOCSIFDSTADDR: linux.SIOCSIFDSTADDR,
      SIOCSIFNETMASK: linux.SIOCSIFNETMASK,
      SIOCSIFMTU: linux.SIOCSIFMTU,
      SIOCSIFTXQLEN: linux.SIOCSIFTXQLEN,
      AF_INET: linux.AF_INET,
      SOCK_DGRAM: linux.SOCK_DGRAM,
      SOCK_CLOEXEC: linux.SOCK_CLOEXEC,
      O_RDWR: linux.O_RDWR,
      O_NONBLOCK: linux.O_NONBLOCK,
      O_CLOEXEC: linux.O_CLOEXEC,
      MSG_DONTWAIT: MSG_DONTWAIT.linux,
      FIOCLEX: FIOCLEX.linux,
      POLLIN: Poll.IN,
      POLLOUT: Poll.OUT,
      POLLERR: Poll.ERR,
      POLLHUP: Poll.HUP,
      POLLNVAL: Poll.NVAL,
      ...ERRNO.linux,
      "sizeof(struct ifreq)": linux.IFREQ.size,
      "offsetof(struct ifreq, ifr_flags)": linux.IFREQ.flags,
      "offsetof(struct ifreq, ifr_mtu)": linux.IFREQ.mtu,
      "offsetof(struct ifreq, ifr_qlen)": linux.IFREQ.qlen,
      "offsetof(struct ifreq, ifr_addr)": linux.IFREQ.addr,
      "sizeof(struct sockaddr_in)": linux.SOCKADDR_IN.size,
      "offsetof(struct sockaddr_in, sin_family)": linux.SOCKADDR_IN.family,
      "offsetof(struct sockaddr_in, sin_port)": linux.SOCKADDR_IN.port,
      "offsetof(struct sockaddr_in, sin_addr)": linux.SOCKADDR_IN.addr,
      "sizeof(struct pollfd)": POLLFD.size,
      "offsetof(struct pollfd, events)": POLLFD.events,
      "offsetof(struct pollfd, revents)": POLLFD.revents,
    };
    const lines = Object.keys(want).map((name) => `printf("%lu\\n", (unsigned long) (${name}));`);
    await using program = await compile(
      `#define _GNU_SOURCE
      #include <errno.h>
      #include <fcntl.h>
      #include <poll.h>
      #include <stddef.h>
      #include <stdio.h>
      #include <net/if.h>
      #include <netinet/in.h>
      #include <sys/ioctl.h>
      #include <sys/socket.h>
      #include <linux/if_tun.h>
      int main(void) { ${lines.join("\n")} return 0; }`,
    );
    const { stdout } = await new Deno.Command(program.path).output();
    const got = new TextDecoder().decode(stdout).trim().split("\n").map(Number);
    const names = Object.keys(want);
    assertEquals(
      Object.fromEntries(names.map((name, i) => [name, got[i]])),
      Object.fromEntries(names.map((name) => [name, Number(want[name])])),
    );
  },
});
