/**
 * Why a packet was dropped. Checks return one of these numbers instead of throwing, and the
 * counters hold one count for each: hostile input costs a counter.
 *
 * @module
 */

/** The reasons; `NONE` means that the packet is good. */
export const Drop = {
  NONE: 0,
  ETHERNET_TRUNCATED: 1,
  ETHERNET_NOT_FOR_US: 2,
  ETHERNET_UNKNOWN_TYPE: 3,
  ARP_TRUNCATED: 4,
  ARP_BAD_FORMAT: 5,
  ARP_NOT_FOR_US: 6,
  NEIGHBOR_QUEUE_FULL: 7,
  NEIGHBOR_UNREACHABLE: 8,
  IP_TRUNCATED: 9,
  IP_BAD_VERSION: 10,
  IP_BAD_LENGTH: 11,
  IP_BAD_CHECKSUM: 12,
  IP_BAD_SOURCE: 13,
  IP_BAD_OPTION: 14,
  IP_SOURCE_ROUTE: 15,
  IP_NOT_FOR_US: 16,
  IP_UNKNOWN_PROTOCOL: 17,
  IP_TTL_EXPIRED: 18,
  IP_NO_ROUTE: 19,
  IP_REVERSE_PATH: 20,
  IP_TOO_BIG: 21,
  IPV6_LONG_CHAIN: 22,
  IPV6_BAD_OPTION: 23,
  IPV6_BAD_ROUTING: 24,
  FRAGMENT_BAD_LENGTH: 25,
  FRAGMENT_OVERLAP: 26,
  FRAGMENT_TIMEOUT: 27,
  FRAGMENT_NO_ROOM: 28,
  ICMP_TRUNCATED: 29,
  ICMP_BAD_CHECKSUM: 30,
  ICMP_UNKNOWN_TYPE: 31,
  ICMP_NOT_ASKED: 32,
  ICMP_SOURCE_QUENCH: 33,
  ICMP_BAD_QUOTE: 34,
  ICMP_UNMATCHED: 35,
  ICMP_BAD_SEQUENCE: 36,
  ICMP_BAD_MTU: 37,
  ND_BAD_MESSAGE: 38,
  ND_NOT_FOR_US: 39,
  GROUP_BAD_MESSAGE: 40,
  UDP_TRUNCATED: 41,
  UDP_BAD_LENGTH: 42,
  UDP_BAD_CHECKSUM: 43,
  UDP_NO_PORT: 44,
  UDP_QUEUE_FULL: 45,
  TCP_TRUNCATED: 46,
  TCP_BAD_OFFSET: 47,
  TCP_BAD_CHECKSUM: 48,
  TCP_NO_CONNECTION: 49,
  TCP_LISTEN_OVERFLOW: 50,
  TCP_OLD_TIMESTAMP: 51,
  TCP_NO_TIMESTAMP: 52,
  TCP_UNACCEPTABLE: 53,
  TCP_BAD_ACK: 54,
  TCP_BAD_RESET: 55,
  TCP_BAD_SYN: 56,
  TCP_NO_ACK_BIT: 57,
  TCP_NO_ROOM: 58,
  TCP_AFTER_CLOSE: 59,
  TCP_BROADCAST: 60,
  SEND_TOO_BIG: 61,
  SEND_NO_ROUTE: 62,
  SEND_DEVICE: 63,
  SEND_LOOPBACK_FULL: 64,
  /** Not dropped: the layer below has kept it. Never counted. */
  TAKEN: 65,
  IP_FRAGMENT: 66,
  IPV6_UNSUPPORTED: 67,
  FRAGMENT_BAD_ECN: 68,
} as const;

/** One of the values of {@linkcode Drop}. */
export type Drop = typeof Drop[keyof typeof Drop];

/** The name of each reason, at the index of its number. */
export const DROP_NAMES: readonly string[] = Object.keys(Drop);
