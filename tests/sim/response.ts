/**
 * What RFC 9438 says about the window of a flow under random loss.
 *
 * @module
 */

const C = 0.4;
const BETA = 0.7;

/**
 * The average window in segments (§5.1, figure 6; §4.3, figure 3): CUBIC's, or Reno's where that is
 * more, as the window never is below its estimate.
 *
 * @param rtt Round-trip time, in seconds.
 * @param loss Probability that a packet is lost.
 */
export function responseFunction(rtt: number, loss: number): number {
  const cubic = (C * (3 + BETA) / (4 * (1 - BETA))) ** 0.25 * (rtt / loss) ** 0.75;
  const reno = Math.sqrt(3 / (2 * loss));
  return Math.max(cubic, reno);
}
