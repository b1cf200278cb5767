#!/usr/bin/env bash
# Makes dhcp_messages.txt anew: busybox's udhcpc gets addresses of dnsmasq over a veth pair between
# two namespaces, and tcpdump listens. The client takes 576 bytes at most and asks for more than fits,
# so that the server spills options into the fields of file and server name.
#
# Needs root, and: iproute2 util-linux dnsmasq-base busybox tcpdump tshark
# Usage: tests/corpus/dhcp_capture.sh > tests/corpus/dhcp_messages.txt
set -euo pipefail

if [ "${1-}" != inside ]; then
  # Everything happens in namespaces of this process's own and is gone when it ends.
  exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" inside
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
ip netns add client
ip link add server address 02:00:00:00:00:01 type veth \
  peer name client address 02:00:00:00:00:02 netns client
ip addr add 10.9.0.1/24 dev server
ip link set server up
ip netns exec client ip link set client up
tcpdump -i server -U -w "$work/all.pcap" udp port 67 or udp port 68 2> "$work/tcpdump.log" &
sleep 1

cat > "$work/script" << 'SCRIPT'
#!/bin/sh
case $1 in
  bound | renew) ip addr replace "$ip/$mask" dev "$interface" ;;
  deconfig) ip addr flush dev "$interface" ;;
esac
SCRIPT
chmod +x "$work/script"

serve() {
  dnsmasq --no-daemon --conf-file=/dev/null --port=0 --interface=server --bind-interfaces \
    --dhcp-authoritative --dhcp-leasefile="$work/leases" --no-ping "$@" 2>> "$work/dnsmasq.log" &
  server=$!
  sleep 1
}
ask() {
  ip netns exec client busybox udhcpc -i client -f -B -s "$work/script" -x hostname:guest \
    -O mtu "$@" >> "$work/udhcpc.log" 2>&1 &
  client=$!
  sleep 2
}
addresses() { for i in $(seq "$1"); do printf ',10.9.0.%d' "$i"; done; }
names() { for i in $(seq "$1"); do printf '%s,' "a-name-of-some-length-$i.test"; done; }

serve --dhcp-range=10.9.0.50,10.9.0.60,255.255.255.0,1h --domain=example.test \
  --dhcp-option=option:classless-static-route,0.0.0.0/0,10.9.0.1,192.168.0.0/16,10.9.0.2 \
  --dhcp-option="option:domain-search,$(names 4)example.test" \
  --dhcp-option="option:ntp-server$(addresses 28)" \
  --dhcp-option="option:log-server$(addresses 26)" \
  --dhcp-option=option:mtu,1400 --dhcp-option=6,10.9.0.1,10.9.0.3
ask -O 121 -O 119 -O 7
kill -USR1 $client # renew
sleep 1
kill $server
wait $server || true
serve --dhcp-range=10.9.0.100,10.9.0.110,255.255.255.0,2h
kill -USR1 $client # is refused: the address is of another range now
sleep 6
kill -USR2 $client # release
sleep 1
kill $client $server
wait $client $server || true
sleep 0.3

fields=(
  dhcp.type dhcp.id dhcp.secs dhcp.flags dhcp.ip.client dhcp.ip.your dhcp.ip.server dhcp.ip.relay
  dhcp.hw.mac_addr dhcp.option.dhcp dhcp.option.subnet_mask dhcp.option.router
  dhcp.option.domain_name_server dhcp.option.hostname dhcp.option.domain_name
  dhcp.option.interface_mtu dhcp.option.broadcast_address dhcp.option.requested_ip_address
  dhcp.option.ip_address_lease_time dhcp.option.option_overload dhcp.option.dhcp_server_id
  dhcp.option.request_list_item dhcp.option.dhcp_max_message_size dhcp.option.renewal_time_value
  dhcp.option.rebinding_time_value dhcp.option.vendor_class_id
  dhcp.option.message
)
columns=() && for field in "${fields[@]}"; do columns+=(-e "$field"); done
read_all() { tshark -n -r "$work/all.pcap" "$@" 2> "$work/log"; }

cat << 'HEAD'
# DHCP messages of busybox and dnsmasq, caught by tests/corpus/dhcp_capture.sh, which also makes this
# file anew. Of each message: a title, its fields as tshark reads them, its bytes in hex.
HEAD
paste -d '\n' \
  <(read_all -T fields -e _ws.col.Info | sed 's/^/# /') \
  <(read_all -T fields "${columns[@]}" -E occurrence=a -E separator='|' |
    awk -F '|' -v names="${fields[*]}" '
      BEGIN { split(names, name, " ") }
      {
        line = ""
        for (i = 1; i <= NF; i++) {
          if ($i != "") line = line (line == "" ? "" : " ") name[i] "=" $i
        }
        print line
      }') \
  <(read_all -T fields -e udp.payload) |
  sed 's/^# /\n# /'
cat "$work/dnsmasq.log" "$work/udhcpc.log" >&2
