#!/usr/bin/env bash
# Makes kernel_packets.txt anew: two Linux kernels' network stacks (two namespaces) talk over a pair
# of TUN devices joined by socat, and tcpdump listens on one of them. A TUN without offload gets
# packets with every checksum filled in, as they would be on a wire.
#
# Needs root, and: iproute2 util-linux socat tcpdump tshark iputils-ping netcat-openbsd
# Usage: tests/corpus/capture.sh > tests/corpus/kernel_packets.txt
set -euo pipefail

if [ "${1-}" != inside ]; then
  # Everything happens in namespaces of this process's own and is gone when it ends.
  exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" inside
fi

left=10.9.0.1 right=10.9.0.2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
ip netns add right
on_right() { ip netns exec right "$@"; }

# SEQPACKET keeps one packet one message.
socat "TUN:$left/24,tun-name=left,iff-no-pi,iff-up" "UNIX-LISTEN:$work/wire,type=5" &
sleep 0.5
on_right socat "UNIX-CONNECT:$work/wire,type=5" "TUN:$right/24,tun-name=right,iff-no-pi,iff-up" &
sleep 0.5
tcpdump -i left -U -w "$work/all.pcap" ip 2> "$work/tcpdump.log" &
sleep 1

ping -q -c 1 -s 56 $right >&2
ping -q -c 1 -s 1 $right >&2
ping -q -c 1 -s 2001 $right >&2     # fragments
ping -q -c 1 -s 8 -R $right >&2     # IP options: record route

on_right socat UDP-RECVFROM:7,fork EXEC:cat &
sleep 0.3
printf 'odd' | socat -t 0.5 - UDP:$right:7 >&2
printf 'no checksum' | socat -t 0.2 - UDP-SENDTO:$right:7,so-no-check=1 >&2
printf 'nobody there' | socat -t 0.2 - UDP-SENDTO:$right:9   # ICMP port unreachable

on_right nc -l 8 > "$work/received" &
sleep 0.3
printf 'hello, world\n' | nc -N -w 2 $right 8     # SYN with options, data, FIN
nc -w 1 $right 9 < /dev/null || true              # RST

sysctl -q net.ipv4.tcp_ecn=1 net.ipv4.tcp_timestamps=0
on_right socat TCP-LISTEN:7,reuseaddr EXEC:cat &
sleep 0.3
printf 'ecn' | socat -t 0.5 - TCP:$right:7 >&2  # SYN with ECE and CWR, no timestamps
sysctl -q net.ipv4.tcp_ecn=0

# With room for two packets in the device some segments are lost, and the receiver tells with SACK
# which ones it has. Of this transfer nothing else is kept.
on_right nc -l 10 > "$work/received" &
sleep 0.3
ip link set left txqueuelen 2
head -c 40000 /dev/zero | nc -N -w 2 $right 10 || true
sleep 0.5

tshark -n -r "$work/all.pcap" -Y 'not tcp.port == 10 or tcp.options.sack_le' -w - 2> "$work/log" |
  tshark -n -r - -c 48 -w "$work/kept.pcap" 2> "$work/log"

fields=(
  ip.hdr_len ip.dsfield ip.len ip.id ip.flags.df ip.flags.mf ip.frag_offset ip.ttl ip.proto
  ip.checksum ip.src ip.dst
  icmp.type icmp.code icmp.checksum icmp.ident icmp.seq
  udp.srcport udp.dstport udp.length udp.checksum
  tcp.srcport tcp.dstport tcp.seq_raw tcp.ack_raw tcp.hdr_len tcp.flags tcp.window_size_value
  tcp.checksum tcp.urgent_pointer tcp.options.mss_val tcp.options.wscale.shift
  tcp.options.sack_perm tcp.options.timestamp.tsval tcp.options.timestamp.tsecr
  tcp.options.sack_le tcp.options.sack_re
)
columns=() && for field in "${fields[@]}"; do columns+=(-e "$field"); done
read_kept() {
  tshark -n --disable-protocol echo -o ip.defragment:FALSE -o tcp.relative_sequence_numbers:FALSE \
    -o tcp.analyze_sequence_numbers:FALSE -r "$work/kept.pcap" "$@" 2> "$work/log"
}

cat << 'HEAD'
# Packets of two Linux kernels, caught by tests/corpus/capture.sh, which also makes this file anew.
# Of each packet: a title, its fields as tshark reads them, its bytes from the IP header on in hex.
HEAD
paste -d '\n' \
  <(read_kept -T fields -e _ws.col.Info -E occurrence=f | sed 's/^/# /') \
  <(read_kept -T fields "${columns[@]}" -E occurrence=a -E separator='|' |
    awk -F '|' -v names="${fields[*]}" '
      BEGIN { split(names, name, " "); layer[1] = "icmp"; layer[6] = "tcp"; layer[17] = "udp" }
      {
        # An ICMP error quotes another packet, whose fields come second.
        split($9, protocol, ",")
        line = ""
        for (i = 1; i <= NF; i++) {
          ours = name[i] ~ "^ip\\." || name[i] ~ "^" layer[protocol[1]] "\\."
          if ($i == "" || !ours) continue
          value = $i
          if (name[i] !~ /sack_.e$/) sub(/,.*/, "", value)
          line = line (line == "" ? "" : " ") name[i] "=" value
        }
        print line
      }') \
  <(tcpdump -n -t -x -r "$work/kept.pcap" 2> "$work/log" |
    awk '/^\t/ { $1 = ""; gsub(/ /, ""); printf "%s", $0; next } NR > 1 { print "" } END { print "" }') |
  sed 's/^# /\n# /'
