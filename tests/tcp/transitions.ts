/**
 * Which changes of state RFC 9293 allows: figure 5, §3.10, and the notes behind it.
 *
 * @module
 */

/** `FROM>TO` of a connection, with what makes it. */
export const ALLOWED: Readonly<Record<string, string>> = {
  "CLOSED>SYN_SENT": "active OPEN, §3.10.1",
  "LISTEN>SYN_RECEIVED": "SYN, §3.10.7.2",
  "SYN_SENT>ESTABLISHED": "SYN,ACK, §3.10.7.3",
  "SYN_SENT>SYN_RECEIVED": "SYN, §3.10.7.3",
  "SYN_SENT>CLOSED": "RST §3.10.7.3, CLOSE §3.10.4, ABORT §3.10.5, timeout §3.10.8",
  "SYN_RECEIVED>ESTABLISHED": "ACK of SYN, §3.10.7.4",
  "SYN_RECEIVED>CLOSED": "RST, or SYN after a passive OPEN, §3.10.7.4, ABORT, timeout",
  "ESTABLISHED>FIN_WAIT_1": "CLOSE, §3.10.4",
  "ESTABLISHED>CLOSE_WAIT": "FIN, §3.10.7.4",
  "ESTABLISHED>CLOSED": "RST, ABORT, timeout",
  "FIN_WAIT_1>FIN_WAIT_2": "ACK of FIN, §3.10.7.4",
  "FIN_WAIT_1>CLOSING": "FIN, §3.10.7.4",
  "FIN_WAIT_1>CLOSED": "RST, ABORT, timeout",
  "FIN_WAIT_2>TIME_WAIT": "FIN, §3.10.7.4",
  "FIN_WAIT_2>CLOSED": "RST, ABORT, timeout",
  "CLOSING>TIME_WAIT": "ACK of FIN, §3.10.7.4",
  "CLOSING>CLOSED": "RST, ABORT, timeout",
  "CLOSE_WAIT>LAST_ACK": "CLOSE, §3.10.4",
  "CLOSE_WAIT>CLOSED": "RST, ABORT, timeout",
  "LAST_ACK>CLOSED": "ACK of FIN, §3.10.7.4, RST, ABORT, timeout",
  "TIME_WAIT>CLOSED": "2 MSL, §3.10.8, RST, ABORT",
};
