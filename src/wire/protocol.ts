/**
 * IP protocol numbers (IANA "Protocol Numbers"): what follows an IP header, or an extension header
 * of IPv6.
 *
 * @module
 */

/** The protocols that the stack speaks, and the extension headers that it knows. */
export const PROTOCOL = {
  HOP_BY_HOP: 0,
  ICMP: 1,
  IGMP: 2,
  TCP: 6,
  UDP: 17,
  ROUTING: 43,
  FRAGMENT: 44,
  ICMPV6: 58,
  NO_NEXT_HEADER: 59,
  DESTINATION_OPTIONS: 60,
} as const;
