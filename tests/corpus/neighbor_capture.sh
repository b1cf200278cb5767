#!/usr/bin/env bash
# Makes neighbor_packets.txt anew: what Linux hosts on one link tell each other by Neighbor Discovery,
# MLD and IGMP, and by the errors of ICMPv6. Three namespaces, one of them a router with radvd, hang
# on a bridge, which asks for groups, and on which tcpdump listens.
#
# Needs root, and: iproute2 util-linux tcpdump tshark iputils-ping radvd python3
# Usage: tests/corpus/neighbor_capture.sh > tests/corpus/neighbor_packets.txt
set -euo pipefail

if [ "${1-}" != inside ]; then
  # Everything happens in namespaces of this process's own and is gone when it ends.
  exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" inside
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns

ip link add name bridge type bridge
ip link set bridge address 02:00:00:00:00:09 up
for name in host router third; do
  ip netns add $name
  ip link add $name type veth peer name eth0 netns $name
  ip link set $name addrgenmode none
  ip link set $name master bridge up
  ip netns exec $name ip link set lo up
done
on() { ip netns exec "$@"; }
on host ip link set eth0 address 02:00:00:00:00:01
on router ip link set eth0 address 02:00:00:00:00:02
on third ip link set eth0 address 02:00:00:00:00:03
on router sysctl -q net.ipv6.conf.all.forwarding=1

tcpdump -i bridge -U -w "$work/all.pcap" 'ip6 or igmp' 2> "$work/tcpdump.log" &
caught=$!
sleep 1

# Addresses come with duplicate detection, a router solicitation and MLDv2 reports.
on router ip link set eth0 up
on third ip link set eth0 up
on router ip address add 2001:db8:1::1/64 dev eth0 nodad
on third ip address add 2001:db8:2::3/64 dev eth0 nodad
on third ip route add default via fe80::ff:fe00:2 dev eth0
on router ip route add 2001:db8:2::/64 dev eth0
cat > "$work/radvd.conf" << 'CONF'
interface eth0 {
  AdvSendAdvert on;
  MinRtrAdvInterval 3;
  MaxRtrAdvInterval 4;
  AdvOtherConfigFlag on;
  AdvLinkMTU 1400;
  AdvReachableTime 30000;
  AdvRetransTimer 1000;
  prefix 2001:db8:1::/64 { AdvValidLifetime 86400; AdvPreferredLifetime 14400; };
  prefix 2001:db8:5::/56 { AdvAutonomous off; AdvValidLifetime infinity; };
  RDNSS 2001:db8:1::53 2001:db8:1::54 { AdvRDNSSLifetime 600; };
};
CONF
on router radvd -n -C "$work/radvd.conf" -p "$work/radvd.pid" -m logfile -l "$work/radvd.log" &
sleep 1
on host ip link set eth0 up
on host ip address add 10.9.0.1/24 dev eth0
sleep 4

on host ping -q -6 -c 1 -s 5 2001:db8:1::1 >&2           # solicitations and advertisements, echo
on host ping -q -6 -c 1 -s 2000 2001:db8:1::1 >&2        # fragments
on host ping -q -6 -c 1 -W 1 2001:db8:2::3 >&2 || true   # a redirect
on host ping -q -6 -c 1 -W 1 2001:db8:3::3 >&2 || true   # no route
on host ping -q -6 -c 1 -W 1 -t 1 2001:db8:2::4 >&2 || true   # hop limit exceeded
on router ip route add 2001:db8:6::/64 via fe80::ff:fe00:3 dev eth0 mtu 1300
on host ping -q -6 -c 1 -W 1 -s 1330 -M do 2001:db8:6::1 >&2 || true   # packet too big
on host python3 - << 'PYTHON'
import socket, struct, time

LINK = socket.if_nametoindex("eth0")

def groups(v4, v6):
    a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    a.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                 socket.inet_aton(v4) + socket.inet_aton("10.9.0.1"))
    b = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    b.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                 socket.inet_pton(socket.AF_INET6, v6) + struct.pack("@I", LINK))
    time.sleep(1)
    a.close()
    b.close()
    time.sleep(1)

def force(igmp, mld):
    with open("/proc/sys/net/ipv4/conf/eth0/force_igmp_version", "w") as f: f.write(igmp)
    with open("/proc/sys/net/ipv6/conf/eth0/force_mld_version", "w") as f: f.write(mld)

groups("239.1.2.3", "ff05::1234")
source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
source.setsockopt(socket.IPPROTO_IP, 39, # IP_ADD_SOURCE_MEMBERSHIP
                  socket.inet_aton("232.1.1.1") + socket.inet_aton("10.9.0.1") + socket.inet_aton("10.9.0.7"))
time.sleep(1)
force("2", "1")
groups("239.1.2.4", "ff05::1235")
force("0", "0")

# A port where nobody listens, with extension headers of several kinds in front.
def send(port, *options):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    for name, value in options:
        s.setsockopt(socket.IPPROTO_IPV6, name, value)
    s.sendto(b"?", ("2001:db8:1::1", port))
    time.sleep(0.3)

send(9)
send(9, (59, bytes([0, 0, 1, 4, 0, 0, 0, 0])))        # IPV6_DSTOPTS: padding
send(9, (59, bytes([0, 0, 0x9e, 2, 1, 2, 1, 0])))     # an unknown option that is to be reported
send(9, (54, bytes([0, 0, 5, 2, 0, 0, 1, 0])))        # IPV6_HOPOPTS: a router alert
raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 253)
raw.sendto(b"unknown", ("2001:db8:1::1", 0))
time.sleep(0.3)
PYTHON

# The bridge asks for the groups, in each version.
ip link set bridge type bridge mcast_startup_query_interval 100 mcast_querier 1 mcast_igmp_version 3 \
  mcast_mld_version 2
ip address add 10.9.0.9/24 dev bridge
ip link set bridge type bridge mcast_query_use_ifaddr 1
sleep 2
ip link set bridge type bridge mcast_querier 0 mcast_igmp_version 2 mcast_mld_version 1
ip link set bridge type bridge mcast_querier 1
sleep 2
kill $caught
wait $caught || true

cat << 'HEAD'
# Packets of Linux kernels and radvd, caught by tests/corpus/neighbor_capture.sh, which also makes
# this file anew. Of each packet: a title, its fields as tshark reads them (of lists, with commas),
# its bytes from the IP header on in hex.
HEAD
read_all() { tshark -n -o ipv6.defragment:FALSE -r "$work/all.pcap" "$@" 2> "$work/log"; }
read_all -T pdml > "$work/all.xml"
read_all -T fields -e _ws.col.Info > "$work/titles"
python3 - "$work" << 'PYTHON'
import collections, re, struct, sys, xml.etree.ElementTree as tree

FIELDS = re.compile(r"""
  ipv6\.(tclass|flow|plen|nxt|hlim|src|dst|(hopopts|dstopts|fraghdr)\.nxt|opt\.router_alert)
  | ipv6\.fraghdr\.(offset|more|ident)
  | icmpv6\.(type|code|checksum|mtu|pointer|echo\.(identifier|sequence_number))
  | icmpv6\.nd\.(ns|na|rd)\.target_address | icmpv6\.rd\.na\.destination_address
  | icmpv6\.nd\.na\.flag\.[rso]
  | icmpv6\.nd\.ra\.(cur_hop_limit|flag\.[mo]|router_lifetime|reachable_time|retrans_timer)
  | icmpv6\.opt\.((src|target)_linkaddr|mtu|rdnss(\.lifetime)?)
  | icmpv6\.opt\.prefix(\.(length|flag\.[la]|valid_lifetime|preferred_lifetime))?
  | icmpv6\.mld\.(maximum_response_(delay|code)|multicast_address|flag\.(s|qrv)|qqi|nb_sources)
  | icmpv6\.mldr\.nb_mcast_records | icmpv6\.mldr\.mar\.(record_type|nb_sources|(multicast|source)_address)
  | ip\.(src|dst)
  | igmp\.(type|max_resp|checksum|maddr|s|qrv|qqic|num_src|saddr|num_grp_recs|record_type)
""", re.VERBOSE)

def fields(element, found):
    """Those of the packet itself: one that it quotes is a protocol within a protocol."""
    for child in element:
        if child.tag == "proto" and not child.get("name").startswith("ipv6."): continue
        name, value = child.get("name"), child.get("show")
        if value and FIELDS.fullmatch(name): found[name].append(value)
        fields(child, found)

work = sys.argv[1]
pcap = open(work + "/all.pcap", "rb").read()
at, seen, lines = 24, collections.Counter(), set()
for packet, title in zip(tree.parse(work + "/all.xml").getroot(), open(work + "/titles")):
    length, = struct.unpack_from("=I", pcap, at + 8)
    frame = pcap[at + 16 : at + 16 + length]
    at += 16 + length
    found = collections.defaultdict(list)
    for protocol in packet.findall("proto"):
        if protocol.get("name") in ("ip", "ipv6", "icmpv6", "igmp"): fields(protocol, found)
    line = " ".join(f"{name}={','.join(values)}" for name, values in found.items())
    seen[title] += 1
    if seen[title] > 4 or line in lines: continue
    lines.add(line)
    print(f"\n# {title.strip()}\n{line}\n{frame[14:].hex()}")
PYTHON
