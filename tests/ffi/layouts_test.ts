import { assertEquals } from "@std/assert";
import { ctlIdOf, ctlInfo, sockaddrCtl, uint32, UTUN_CONTROL_NAME } from "../../ffi/darwin.ts";
import * as darwin from "../../ffi/darwin.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { FIOCLEX, IOVEC, MSG_DONTWAIT, Poll, POLLFD } from "../../ffi/libc.ts";
import { flagsOf, ifreq, ifreqAddress, ifreqFlags, ifreqMtu } from "../../ffi/linux.ts";
import * as linux from "../../ffi/linux.ts";
import * as netlink from "../../ffi/netlink.ts";
import * as virtio from "../../ffi/virtio.ts";
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
    [
      "a request for a route",
      netlink.getRoute(IpAddress.v4(10, 0, 0, 2)),
      "24000000 1a000100 01000000 00000000 02200000 00000000 00000000 08000100 0a000002",
    ],
  ];
  for (const [what, bytes, want] of cases) assertEquals(hex(bytes), want, what);
});

Deno.test("what the kernel fills in is read back", () => {
  assertEquals(flagsOf(ifreqFlags("tun0", 0x10d1)), 0x10d1);
  assertEquals(ctlIdOf(Uint8Array.of(4, 3, 2, 0x81, 0)), 0x81020304);
});

Deno.test("the answer to a request for a route tells the interface, if there is one", () => {
  const head = "18000000 01000000 00000000 02200000 fe000001 00000000";
  const cases: [answer: string, want: number | undefined][] = [
    [`34000000 ${head} 08000f00 fe000000 08000100 0a000002 08000400 07000000`, 7],
    [`2b000000 ${head} 05001400 00000000 08000400 02010000`, 0x102],
    [`2c000000 ${head} 08000f00 fe000000 08000100 0a000002`, undefined],
    [`24000000 ${head} 00000400 07000000`, undefined],
    [`24000000 ${head} 08000400`, undefined],
    ["24000000 02000000 01000000 00000000 9bffffff 24000000 1a000100 01000000", undefined],
    ["10000000 18000000", undefined],
  ];
  for (const [answer, want] of cases) {
    const bytes = Uint8Array.fromHex(answer.replaceAll(" ", ""));
    assertEquals(netlink.interfaceOf(bytes), want, answer);
  }
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
      TUNSETVNETHDRSZ: linux.TUNSETVNETHDRSZ,
      TUN_F_CSUM: linux.TUN_F_CSUM,
      TUN_F_TSO4: linux.TUN_F_TSO4,
      TUN_F_TSO6: linux.TUN_F_TSO6,
      TUN_F_TSO_ECN: linux.TUN_F_TSO_ECN,
      IFF_VNET_HDR: linux.IFF_VNET_HDR,
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
      SOCK_NONBLOCK: linux.SOCK_NONBLOCK,
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
      IFF_TAP: linux.IFF_TAP,
      SIOCGIFNAME: linux.SIOCGIFNAME,
      SIOCGIFMTU: linux.SIOCGIFMTU,
      SIOCGIFHWADDR: linux.SIOCGIFHWADDR,
      SIOCGIFINDEX: linux.SIOCGIFINDEX,
      AF_INET6: linux.AF_INET6,
      AF_NETLINK: linux.AF_NETLINK,
      AF_PACKET: linux.AF_PACKET,
      SOCK_RAW: linux.SOCK_RAW,
      ARPHRD_ETHER: linux.ARPHRD_ETHER,
      ARPHRD_LOOPBACK: linux.ARPHRD_LOOPBACK,
      ETH_P_ALL: linux.ETH_P_ALL,
      SOL_SOCKET: linux.SOL_SOCKET,
      SO_RCVBUF: linux.SO_RCVBUF,
      SO_RCVBUFFORCE: linux.SO_RCVBUFFORCE,
      SO_ATTACH_FILTER: linux.SO_ATTACH_FILTER,
      SOL_PACKET: linux.SOL_PACKET,
      PACKET_ADD_MEMBERSHIP: linux.PACKET_ADD_MEMBERSHIP,
      PACKET_VNET_HDR: linux.PACKET_VNET_HDR,
      PACKET_MR_PROMISC: linux.PACKET_MR_PROMISC,
      PACKET_OUTGOING: linux.PACKET_OUTGOING,
      NETLINK_ROUTE: netlink.NETLINK_ROUTE,
      NLMSG_ERROR: netlink.NLMSG_ERROR,
      RTM_NEWADDR: netlink.RTM_NEWADDR,
      NLM_F_REQUEST: netlink.NLM_F_REQUEST,
      NLM_F_ACK: netlink.NLM_F_ACK,
      NLM_F_EXCL: netlink.NLM_F_EXCL,
      NLM_F_CREATE: netlink.NLM_F_CREATE,
      RTM_NEWROUTE: netlink.RTM_NEWROUTE,
      RTM_GETROUTE: netlink.RTM_GETROUTE,
      IFA_ADDRESS: netlink.IFA_ADDRESS,
      RTA_DST: netlink.RTA_DST,
      RTA_OIF: netlink.RTA_OIF,
      IFA_F_NODAD: netlink.IFA_F_NODAD,
      VIRTIO_NET_HDR_F_NEEDS_CSUM: virtio.VIRTIO_NET_HDR_F_NEEDS_CSUM,
      VIRTIO_NET_HDR_F_DATA_VALID: virtio.VIRTIO_NET_HDR_F_DATA_VALID,
      VIRTIO_NET_HDR_GSO_NONE: virtio.VIRTIO_NET_HDR_GSO_NONE,
      VIRTIO_NET_HDR_GSO_TCPV4: virtio.VIRTIO_NET_HDR_GSO_TCPV4,
      VIRTIO_NET_HDR_GSO_TCPV6: virtio.VIRTIO_NET_HDR_GSO_TCPV6,
      VIRTIO_NET_HDR_GSO_ECN: virtio.VIRTIO_NET_HDR_GSO_ECN,
      "offsetof(struct ifreq, ifr_ifindex)": linux.IFREQ.index,
      "offsetof(struct ifreq, ifr_hwaddr)": linux.IFREQ.hwaddr,
      "sizeof(struct sockaddr)": linux.SOCKADDR.size,
      "offsetof(struct sockaddr, sa_family)": linux.SOCKADDR.family,
      "offsetof(struct sockaddr, sa_data)": linux.SOCKADDR.data,
      "sizeof(struct sockaddr_ll)": linux.SOCKADDR_LL.size,
      "offsetof(struct sockaddr_ll, sll_family)": linux.SOCKADDR_LL.family,
      "offsetof(struct sockaddr_ll, sll_protocol)": linux.SOCKADDR_LL.protocol,
      "offsetof(struct sockaddr_ll, sll_ifindex)": linux.SOCKADDR_LL.index,
      "sizeof(struct packet_mreq)": linux.PACKET_MREQ.size,
      "offsetof(struct packet_mreq, mr_ifindex)": linux.PACKET_MREQ.index,
      "offsetof(struct packet_mreq, mr_type)": linux.PACKET_MREQ.type,
      "sizeof(struct nlmsghdr)": netlink.NLMSGHDR.size,
      "offsetof(struct nlmsghdr, nlmsg_len)": netlink.NLMSGHDR.length,
      "offsetof(struct nlmsghdr, nlmsg_type)": netlink.NLMSGHDR.type,
      "offsetof(struct nlmsghdr, nlmsg_flags)": netlink.NLMSGHDR.flags,
      "offsetof(struct nlmsghdr, nlmsg_seq)": netlink.NLMSGHDR.seq,
      "offsetof(struct nlmsgerr, error)": netlink.NLMSGERR.error,
      "sizeof(struct ifaddrmsg)": netlink.IFADDRMSG.size,
      "offsetof(struct ifaddrmsg, ifa_family)": netlink.IFADDRMSG.family,
      "offsetof(struct ifaddrmsg, ifa_prefixlen)": netlink.IFADDRMSG.prefixLength,
      "offsetof(struct ifaddrmsg, ifa_flags)": netlink.IFADDRMSG.flags,
      "offsetof(struct ifaddrmsg, ifa_index)": netlink.IFADDRMSG.index,
      "sizeof(struct rtmsg)": netlink.RTMSG.size,
      "offsetof(struct rtmsg, rtm_family)": netlink.RTMSG.family,
      "offsetof(struct rtmsg, rtm_dst_len)": netlink.RTMSG.dstLength,
      "sizeof(struct rtattr)": netlink.RTATTR.size,
      "offsetof(struct rtattr, rta_len)": netlink.RTATTR.length,
      "offsetof(struct rtattr, rta_type)": netlink.RTATTR.type,
      "sizeof(struct virtio_net_hdr)": virtio.VIRTIO_NET_HDR.size,
      "offsetof(struct virtio_net_hdr, flags)": virtio.VIRTIO_NET_HDR.flags,
      "offsetof(struct virtio_net_hdr, gso_type)": virtio.VIRTIO_NET_HDR.gsoType,
      "offsetof(struct virtio_net_hdr, hdr_len)": virtio.VIRTIO_NET_HDR.hdrLen,
      "offsetof(struct virtio_net_hdr, gso_size)": virtio.VIRTIO_NET_HDR.gsoSize,
      "offsetof(struct virtio_net_hdr, csum_start)": virtio.VIRTIO_NET_HDR.csumStart,
      "offsetof(struct virtio_net_hdr, csum_offset)": virtio.VIRTIO_NET_HDR.csumOffset,
      "sizeof(struct sockaddr_in)": linux.SOCKADDR_IN.size,
      "offsetof(struct sockaddr_in, sin_family)": linux.SOCKADDR_IN.family,
      "offsetof(struct sockaddr_in, sin_port)": linux.SOCKADDR_IN.port,
      "offsetof(struct sockaddr_in, sin_addr)": linux.SOCKADDR_IN.addr,
      "sizeof(struct iovec)": IOVEC.size,
      "offsetof(struct iovec, iov_base)": IOVEC.base,
      "offsetof(struct iovec, iov_len)": IOVEC.length,
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
      #include <sys/uio.h>
      #include <linux/if_arp.h>
      #include <linux/if_ether.h>
      #include <linux/if_packet.h>
      #include <linux/if_tun.h>
      #include <linux/rtnetlink.h>
      #include <linux/virtio_net.h>
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
