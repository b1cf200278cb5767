/**
 * The states of a connection (RFC 9293 §3.3.2).
 *
 * @module
 */

/**
 * Numbered so that order has meaning: from `ESTABLISHED` on both SYNs are acknowledged, from
 * `FIN_WAIT_1` on our side has closed, and so on. `CLOSE_WAIT` and the states behind it have seen
 * the peer's FIN, but for `FIN_WAIT_1` and `FIN_WAIT_2`.
 */
export const State = {
  CLOSED: 0,
  LISTEN: 1,
  SYN_SENT: 2,
  SYN_RECEIVED: 3,
  ESTABLISHED: 4,
  CLOSE_WAIT: 5,
  FIN_WAIT_1: 6,
  CLOSING: 7,
  LAST_ACK: 8,
  FIN_WAIT_2: 9,
  TIME_WAIT: 10,
} as const;

/** One of the values of {@linkcode State}. */
export type State = typeof State[keyof typeof State];

/** The RFC's name of each state, at the index of its number. */
export const STATE_NAMES: readonly (keyof typeof State)[] = Object.keys(
  State,
) as (keyof typeof State)[];

/** Whether the peer's FIN has been received, and everything in front of it. */
export function peerHasClosed(state: State): boolean {
  return state >= State.CLOSE_WAIT && state !== State.FIN_WAIT_1 && state !== State.FIN_WAIT_2;
}

/** Whether text of the peer's is taken (RFC 9293 §3.10.7.4, seventh step). */
export function takesText(state: State): boolean {
  return state === State.ESTABLISHED || state === State.FIN_WAIT_1 || state === State.FIN_WAIT_2;
}
