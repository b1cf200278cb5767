/**
 * What can be set for all connections of a stack.
 *
 * @module
 */

import type { CongestionName } from "./congestion/registry.ts";
import type { EcnMode } from "./ecn.ts";

/** Settings of TCP. Times in milliseconds, lengths in bytes. */
export interface TcpConfig {
  /** Most bytes that wait to be sent or acknowledged, per connection. */
  readonly sendBuffer: number;
  /** Most bytes that wait to be received, per connection, to begin with. */
  readonly receiveBuffer: number;
  /** As far as {@linkcode receiveBuffer} may grow when the path turns out to need it. */
  readonly receiveBufferMax: number;
  /** As far as {@linkcode sendBuffer} may grow with the congestion window. */
  readonly sendBufferMax: number;
  /** Whether to offer window scaling (RFC 7323 §2). */
  readonly windowScaling: boolean;
  /** Whether to offer timestamps (RFC 7323 §3). */
  readonly timestamps: boolean;
  /** Whether to offer SACK (RFC 2018). */
  readonly sack: boolean;
  /** Longest wait with an acknowledgement: below 500 (RFC 9293 §3.8.6.3, MUST-40). */
  readonly delayedAck: number;
  /** Lower bound of the retransmission timeout (RFC 6298 §2.4). */
  readonly minRto: number;
  /** Maximum segment lifetime: TIME_WAIT lasts twice as long (RFC 9293 §3.4.1). */
  readonly msl: number;
  /** Most connections in TIME_WAIT, 1 or more: one too many ends the oldest before its time. */
  readonly timeWaitMax: number;
  /**
   * Whether a RST ends TIME_WAIT, as RFC 9293 §3.10.7.4 has it. If not, it is ignored, because an
   * old segment of the peer's can draw one, and bring about what TIME_WAIT is to prevent
   * (RFC 1337 §2).
   */
  readonly resetEndsTimeWait: boolean;
  /**
   * Whether an active open may follow a connection between the same ends that is in TIME_WAIT, if
   * it had timestamps, and a second has passed since the last.
   */
  readonly reuseTimeWait: boolean;
  /** How long data may stay unacknowledged: R2, at least 100 s (RFC 9293 §3.8.3, SHLD-11). */
  readonly userTimeout: number;
  /** R2 for a SYN, at least 3 minutes (MUST-23). */
  readonly synTimeout: number;
  /** How long to wait in FIN_WAIT_2 for the peer when nobody will read any more. */
  readonly finWait2Timeout: number;
  /**
   * Whether to answer SYNs with cookies, which need no memory, while a listener has as many
   * half-open connections as its backlog (RFC 4987 §3.6). If not, they go unanswered.
   */
  readonly synCookies: boolean;
  /** Whether opens may ask for Fast Open (RFC 7413), if the user wants it for one. */
  readonly fastOpenClient: boolean;
  /** Whether listeners grant Fast Open: text on a SYN may be delivered twice then (§6.1). */
  readonly fastOpenServer: boolean;
  /** Most connections of one listener that were opened early and are not established (§5.1). */
  readonly fastOpenPending: number;
  /** Most servers whose cookies are remembered. */
  readonly fastOpenCache: number;
  /** Shortest time between two challenge ACKs of one connection (RFC 5961 §7). */
  readonly challengeInterval: number;
  /**
   * Most challenge ACKs of all connections in a second, on average: each second has its own limit,
   * drawn from half to one and a half times this. `Infinity`: no limit but that of each connection.
   */
  readonly challengeLimit: number;
  /** With keep-alive: how long nothing must be received before the first probe (MUST-28). */
  readonly keepAliveIdle: number;
  /** With keep-alive: time between two probes. */
  readonly keepAliveInterval: number;
  /** With keep-alive: how many probes without an answer end the connection. */
  readonly keepAliveCount: number;
  /** Whether keep-alive probes carry one octet, for peers that answer no other (MAY-6). */
  readonly keepAliveOctet: boolean;
  /** Explicit congestion notification (RFC 3168): by default when the peer asks for it. */
  readonly ecn: EcnMode;
  /** Time to live of segments, 1 to 255; 0: the default of IP (MUST-49). */
  readonly ttl: number;
  /** Congestion control of connections that are given no other. */
  readonly congestion: CongestionName;
}

/** The settings that hold where nothing else is said. */
export const DEFAULT_TCP_CONFIG: TcpConfig = {
  sendBuffer: 256 * 1024,
  receiveBuffer: 65535,
  receiveBufferMax: 6 * 1024 * 1024,
  sendBufferMax: 4 * 1024 * 1024,
  windowScaling: true,
  timestamps: true,
  sack: true,
  delayedAck: 40,
  minRto: 1000,
  msl: 30_000,
  timeWaitMax: 65_536,
  resetEndsTimeWait: false,
  reuseTimeWait: false,
  userTimeout: 300_000,
  synTimeout: 180_000,
  finWait2Timeout: 60_000,
  synCookies: true,
  fastOpenClient: false,
  fastOpenServer: false,
  fastOpenPending: 64,
  fastOpenCache: 256,
  keepAliveIdle: 7_200_000,
  keepAliveInterval: 75_000,
  keepAliveCount: 9,
  keepAliveOctet: false,
  challengeInterval: 500,
  challengeLimit: Infinity,
  ecn: "passive",
  ttl: 0,
  congestion: "cubic",
};
