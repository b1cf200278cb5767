/**
 * IP protocol numbers (IANA "Protocol Numbers"): what follows an IP header.
 *
 * @module
 */

/** The protocols that the stack speaks. */
export const PROTOCOL = { ICMP: 1, TCP: 6, UDP: 17 } as const;
