/**
 * Why a packet was dropped. Checks return one of these numbers instead of throwing, and the
 * counters hold one count for each: hostile input costs a counter.
 *
 * @module
 */

/** The reasons; `NONE` means that the packet is good. */
export const Drop = {
  NONE: 0,
  IP_TRUNCATED: 1,
  IP_BAD_VERSION: 2,
  IP_BAD_LENGTH: 3,
  IP_BAD_CHECKSUM: 4,
  IP_BAD_SOURCE: 5,
  IP_NOT_FOR_US: 6,
  IP_FRAGMENT: 7,
  IP_UNKNOWN_PROTOCOL: 8,
  IPV6_UNSUPPORTED: 9,
  ICMP_TRUNCATED: 10,
  ICMP_BAD_CHECKSUM: 11,
  ICMP_UNKNOWN_TYPE: 12,
  ICMP_NOT_ASKED: 13,
  ICMP_SOURCE_QUENCH: 14,
  ICMP_BAD_QUOTE: 15,
  ICMP_UNMATCHED: 16,
  ICMP_BAD_SEQUENCE: 17,
  ICMP_BAD_MTU: 18,
  UDP_TRUNCATED: 19,
  UDP_BAD_LENGTH: 20,
  UDP_BAD_CHECKSUM: 21,
  UDP_NO_PORT: 22,
  UDP_QUEUE_FULL: 23,
  TCP_TRUNCATED: 24,
  TCP_BAD_OFFSET: 25,
  TCP_BAD_CHECKSUM: 26,
  TCP_NO_CONNECTION: 27,
  TCP_LISTEN_OVERFLOW: 28,
  TCP_OLD_TIMESTAMP: 29,
  TCP_NO_TIMESTAMP: 30,
  TCP_UNACCEPTABLE: 31,
  TCP_BAD_ACK: 32,
  TCP_BAD_RESET: 33,
  TCP_BAD_SYN: 34,
  TCP_NO_ACK_BIT: 35,
  TCP_NO_ROOM: 36,
  TCP_AFTER_CLOSE: 37,
  TCP_BROADCAST: 38,
  SEND_TOO_BIG: 39,
  SEND_DEVICE: 40,
} as const;

/** One of the values of {@linkcode Drop}. */
export type Drop = typeof Drop[keyof typeof Drop];

/** The name of each reason, at the index of its number. */
export const DROP_NAMES: readonly string[] = Object.keys(Drop);
