/**
 * A TCP/IP stack for programs.
 *
 * @example An echo server on a network interface of its own
 * ```ts ignore
 * import { createStack, openTun } from "@tcpstack/tcpstack";
 *
 * const device = await openTun({ hostAddress: "10.0.0.1", address: "10.0.0.2" });
 * await using stack = createStack({ device, address: "10.0.0.2" });
 * for await (const conn of stack.listen({ port: 7 })) {
 *   conn.readable.pipeTo(conn.writable).catch(() => {}); // the peer may go away
 * }
 * ```
 *
 * @module
 */

export type { HostDevice } from "./ffi/host_device.ts";
export { openDevice } from "./ffi/open.ts";
export type { Addresses, LinkOptions, OffloadOptions, ReaderOptions } from "./ffi/options.ts";
export { openPacketSocket, type PacketSocketOptions } from "./ffi/packet_socket.ts";
export type { ReaderKind } from "./ffi/reader_kind.ts";
export { openTap, type TapOptions } from "./ffi/tap.ts";
export { openTun } from "./ffi/tun.ts";
export { openUtun } from "./ffi/utun.ts";
export {
  type ConnectOptions,
  createStack,
  type DatagramOptions,
  type InterfaceOptions,
  type ListenOptions,
  type NetworkStack,
  type RouteOptions,
  type StackOptions,
} from "./src/host/network_stack.ts";
export type { ReadyOptions } from "./src/host/learned_configuration.ts";
export type {
  AddressInfo,
  AddressStateName,
  ConnectionInfo,
  InterfaceInfo,
  NeighborEntry,
  RouteInfo,
} from "./src/host/listings.ts";
export type { AddressOrigin } from "./src/net/interface.ts";
export { type Bridge, bridge } from "./src/phy/bridge.ts";
export type { Device, DeviceCapabilities, DeviceCounters, Medium } from "./src/phy/device.ts";
export { memoryPair, type MemoryPairOptions } from "./src/phy/memory.ts";
export { ObservedDevice, type Observer } from "./src/phy/observed.ts";
export { PcapDevice, type PcapOptions, PcapWriter } from "./src/phy/pcap.ts";
export {
  type MemorySwitch,
  memorySwitch,
  type MemorySwitchOptions,
  type PlugOptions,
} from "./src/phy/switch.ts";
export type { DnsRecord, RecordData, RecordOf, RecordType } from "./src/socket/dns/message.ts";
export { type ConnectingOptions, httpAgent, httpsAgent } from "./src/node/agent.ts";
export { fetchVia, type FetchViaInit } from "./src/node/fetch_via.ts";
export {
  createNet,
  type Net,
  type NetConnectOptions,
  type NetListenOptions,
  NetServer,
  type NetServerOptions,
  NetSocket,
} from "./src/node/net.ts";
export {
  type HttpConnInfo,
  type HttpHandler,
  type HttpServer,
  serveHttp,
  type ServeHttpOptions,
} from "./src/node/serve_http.ts";
export { ConnDuplex, toDuplex } from "./src/socket/duplex.ts";
export type { IcmpErrorKind, IcmpReport } from "./src/socket/icmp_report.ts";
export type { IpMessage, IpSocket, IpSocketOptions } from "./src/socket/ip_socket.ts";
export type { KeepAliveOptions } from "./src/socket/options.ts";
export type { EchoOptions, EchoResult } from "./src/socket/echo_session.ts";
export type { PingOptions, PingsOptions } from "./src/socket/ping.ts";
export type { TraceReply } from "./src/socket/probers.ts";
export {
  DnsError,
  type DnsOptions,
  type DnsServer,
  type QueryOptions,
  type ResolveOptions,
  type Resolver,
} from "./src/socket/resolver.ts";
export type { TcpConn } from "./src/socket/tcp_conn.ts";
export type { IcmpConfig } from "./src/net/icmp.ts";
export type { ReversePathCheck } from "./src/net/forwarder.ts";
export type { TcpListener } from "./src/socket/tcp_listener.ts";
export type { Hop, TracerouteOptions } from "./src/socket/traceroute.ts";
export type { MulticastMembership } from "./src/socket/multicast.ts";
export type { Received } from "./src/socket/datagram_queue.ts";
export type {
  DatagramSettings,
  ReceiveOptions,
  SendDatagramOptions,
  UdpSocket,
} from "./src/socket/udp_socket.ts";
export type { TcpConfig } from "./src/tcp/config.ts";
export type { ConnectionOptions } from "./src/tcp/connection_options.ts";
export type { EcnMode } from "./src/tcp/ecn.ts";
export type { TcpInfo } from "./src/tcp/info.ts";
export type { DhcpSettings } from "./src/stack/dhcp_interface.ts";
export { State } from "./src/tcp/state.ts";
export { SoftError } from "./src/tcp/tcb.ts";
export type { CongestionName } from "./src/tcp/congestion/registry.ts";
export { IpAddress } from "./src/wire/address.ts";
export type { LinkOffload, Packet, Tail } from "./src/wire/packet.ts";
