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
  FRAGMENT_BAD_ECN: 29,
  ICMP_TRUNCATED: 30,
  ICMP_BAD_CHECKSUM: 31,
  ICMP_UNKNOWN_TYPE: 32,
  ICMP_NOT_ASKED: 33,
  ICMP_SOURCE_QUENCH: 34,
  ICMP_GROUP_ECHO: 35,
  ICMP_BAD_QUOTE: 36,
  ICMP_UNMATCHED: 37,
  ICMP_BAD_SEQUENCE: 38,
  ICMP_BAD_MTU: 39,
  ND_BAD_MESSAGE: 40,
  ND_NOT_FOR_US: 41,
  GROUP_BAD_MESSAGE: 42,
  UDP_TRUNCATED: 43,
  UDP_BAD_LENGTH: 44,
  UDP_BAD_CHECKSUM: 45,
  UDP_NO_PORT: 46,
  UDP_QUEUE_FULL: 47,
  TCP_TRUNCATED: 48,
  TCP_BAD_OFFSET: 49,
  TCP_BAD_CHECKSUM: 50,
  TCP_NO_CONNECTION: 51,
  TCP_LISTEN_OVERFLOW: 52,
  TCP_OLD_TIMESTAMP: 53,
  TCP_NO_TIMESTAMP: 54,
  TCP_UNACCEPTABLE: 55,
  TCP_BAD_ACK: 56,
  TCP_BAD_RESET: 57,
  TCP_BAD_SYN: 58,
  TCP_NO_ACK_BIT: 59,
  TCP_NO_ROOM: 60,
  TCP_AFTER_CLOSE: 61,
  TCP_BROADCAST: 62,
  SEND_TOO_BIG: 63,
  SEND_NO_ROUTE: 64,
  SEND_DEVICE: 65,
  SEND_LOOPBACK_FULL: 66,
  /** From an address that is not ours, or not any more. */
  SEND_BAD_SOURCE: 67,
  /** Not dropped: the layer below has kept it. Never counted. */
  TAKEN: 68,
} as const;

/** One of the values of {@linkcode Drop}. */
export type Drop = typeof Drop[keyof typeof Drop];

/** The name of each reason, at the index of its number. */
export const DROP_NAMES: readonly string[] = Object.keys(Drop);
