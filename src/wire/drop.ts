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
  UDP_TRUNCATED: 14,
  UDP_BAD_LENGTH: 15,
  UDP_BAD_CHECKSUM: 16,
  UDP_NO_PORT: 17,
  UDP_QUEUE_FULL: 18,
  TCP_TRUNCATED: 19,
  TCP_BAD_OFFSET: 20,
  TCP_BAD_CHECKSUM: 21,
  TCP_NO_CONNECTION: 22,
  TCP_LISTEN_OVERFLOW: 23,
  TCP_OLD_TIMESTAMP: 24,
  TCP_NO_TIMESTAMP: 25,
  TCP_UNACCEPTABLE: 26,
  TCP_BAD_ACK: 27,
  TCP_BAD_RESET: 28,
  TCP_BAD_SYN: 29,
  TCP_NO_ACK_BIT: 30,
  TCP_NO_ROOM: 31,
  TCP_AFTER_CLOSE: 32,
  TCP_BROADCAST: 33,
  SEND_NO_ROUTE: 34,
  SEND_TOO_BIG: 35,
  SEND_DEVICE: 36,
} as const;

/** One of the values of {@linkcode Drop}. */
export type Drop = typeof Drop[keyof typeof Drop];

/** The name of each reason, at the index of its number. */
export const DROP_NAMES: readonly string[] = Object.keys(Drop);
