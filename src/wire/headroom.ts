/**
 * Room in front of packets. On its own, so that a reader's thread, which needs no more than this,
 * makes no packet memory.
 *
 * @module
 */

/**
 * Bytes kept free in front of the largest IP header for what a device puts there: utun's address
 * family (4), Ethernet with a VLAN tag (18), a virtio-net header (12).
 */
export const LINK_HEADROOM = 40;

/**
 * Bytes in front of the transport header of a packet that is being built: the link's headroom, and
 * room for an IPv4 header full of options, or an IPv6 header with a hop-by-hop option and a fragment
 * header. A multiple of 8; an IPv4 header then starts 4-aligned.
 */
export const TRANSPORT_HEADROOM = LINK_HEADROOM + 64;
