/**
 * An open device, as the two sides that move its packets see it.
 *
 * @module
 */

/** A descriptor that gives and takes one packet per call. */
export interface Descriptor {
  readonly fd: number;
  /** Name of the interface. */
  readonly name: string;
  /** Largest IP packet, in bytes. */
  readonly mtu: number;
  /**
   * `file`: `read` and `write` on a descriptor opened not to block (TUN). `socket`: `recv` and
   * `send`, which are told with each call not to block (utun).
   */
  readonly kind: "file" | "socket";
  /** Bytes in front of each packet, both ways: 4 for utun's address family, 0 for none. */
  readonly prefix: 0 | 4;
}
