/**
 * Challenge ACKs (RFC 5961): what cannot be right is answered with an acknowledgement, so that a
 * peer that really meant it can say so with the right numbers, and an attacker learns nothing.
 *
 * Their rate is limited (§7) for each connection by itself. A limit that connections share would
 * let an attacker who has one of them find out about the others, by counting what is left of it
 * for him (CVE-2016-5696). Where such a limit is wanted besides, what it allows is drawn at random
 * each second, so that counting tells nothing.
 *
 * @module
 */

import type { Env } from "../base/env.ts";
import { sendAck } from "./output.ts";
import type { Tcb, TcpContext } from "./tcb.ts";

/** For how long one budget lasts, in milliseconds. */
const PERIOD = 1000;

/** How many challenge ACKs all connections together may still send. */
export class ChallengeBudget {
  #env: Env;
  #limit: number;
  #left = 0;
  #endsAt = -Infinity;

  /** @param limit In a second, on average; `Infinity`: no limit. */
  constructor(env: Env, limit: number) {
    this.#env = env;
    this.#limit = limit;
  }

  /** Whether one more may be sent; if so, it is taken off. */
  take(now: number): boolean {
    if (this.#limit === Infinity) return true;
    if (now >= this.#endsAt) {
      this.#endsAt = now + PERIOD;
      // From half to one and a half times the limit, which an attacker cannot know.
      const spread = this.#env.random() % (this.#limit + 1);
      this.#left = Math.ceil(this.#limit / 2) + spread;
    }
    if (this.#left <= 0) return false;
    this.#left--;
    return true;
  }
}

/** Acknowledges what can't be right, unless the connection or the stack has done so too often. */
export function challenge(tcb: Tcb, now: number): void {
  if (mayChallenge(tcb.context, tcb, now)) sendAck(tcb, now);
}

/** Whether a connection may send a challenge ACK now; if so, it counts as sent. */
export function mayChallenge(
  { config, counters, challenges }: TcpContext,
  connection: { challengedAt: number },
  now: number,
): boolean {
  const isEarly = now - connection.challengedAt < config.challengeInterval;
  if (isEarly || !challenges.take(now)) {
    counters.tcpChallengeAcksLimited++;
    return false;
  }
  connection.challengedAt = now;
  counters.tcpChallengeAcks++;
  return true;
}
