/**
 * What TCP knows of its neighbors, which IP then need not ask for (RFC 4861 §7.3.1).
 */

import { assertEquals } from "@std/assert";
import type { Ethernet } from "../../src/net/ethernet.ts";
import type { IpAddress } from "../../src/wire/address.ts";
import { parseMac } from "../../src/wire/mac.ts";
import { PEER, tcp, type TcpFields } from "../packets.ts";
import { PEER6, STACK6 } from "../packets6.ts";
import { STACK_MAC } from "../scripts/frames.ts";
import { EthernetHost } from "./ethernet_host.ts";

const [SYN, ACK] = [2, 16];
const MAC = parseMac("02:00:00:00:00:01");

/** A frame from the neighbor with a segment to port 80. */
function frame(fields: Omit<TcpFields, "sourcePort" | "destinationPort">): Uint8Array<ArrayBuffer> {
  const bytes = tcp({ sourcePort: 40000, destinationPort: 80, ...fields });
  const type = bytes[0]! >>> 4 === 6 ? [0x86, 0xdd] : [8, 0];
  return Uint8Array.of(...parseMac(STACK_MAC), ...MAC, ...type, ...bytes);
}

for (
  const [family, peer, addresses] of [
    ["IPv4", PEER, {}],
    ["IPv6", PEER6, { source: PEER6, destination: STACK6 }],
  ] as [string, IpAddress, Partial<TcpFields>][]
) {
  Deno.test(`who acknowledges new data is reachable by its neighbor, over ${family} (RFC 4861 §7.3.1)`, () => {
    const host = new EthernetHost();
    const { tcp, ip } = host.stack;
    const { neighbors4, neighbors6 } = ip.interfaces[1]!.layer as Ethernet;
    const neighbors = peer.family === 4 ? neighbors4 : neighbors6;
    const state = () =>
      neighbors.entries(host.now).find(({ address }) => address.isIn(peer, 8 * peer.length))?.state;
    neighbors.heardFrom(peer, MAC, host.now);
    tcp.listen(null, 80, 1, () => {});
    host.receiveBytes(frame({ ...addresses, seq: 100, flags: SYN }));
    const [tcb] = tcp.connections();
    host.receiveBytes(frame({ ...addresses, seq: 101, ack: tcb!.snd.nxt, flags: ACK }));
    assertEquals(state(), "delay");
    tcp.send(tcb!, Uint8Array.of(1), host.now);
    host.stack.poll(host.now);
    const { ndSolicitationsSent, arpRequestsSent } = host.stack.counters;
    for (let second = 0; second < 120; second++) {
      host.pass(100);
      host.receiveBytes(frame({ ...addresses, seq: 101, ack: tcb!.snd.nxt, flags: ACK }));
      assertEquals(state(), "reachable");
      host.pass(900);
      tcp.send(tcb!, Uint8Array.of(1), host.now);
      host.stack.poll(host.now);
    }
    assertEquals(host.stack.counters.arpRequestsSent, arpRequestsSent);
    assertEquals(host.stack.counters.ndSolicitationsSent, ndSolicitationsSent);
  });
}
