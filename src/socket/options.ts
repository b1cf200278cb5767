/**
 * Checks of what users choose for their connections.
 *
 * @module
 */

import { DEFAULT_TCP_CONFIG, type TcpConfig } from "../tcp/config.ts";
import { CONGESTION_NAMES } from "../tcp/congestion/registry.ts";
import type { ConnectionOptions } from "../tcp/connection_options.ts";
import { ECN_MODES } from "../tcp/ecn.ts";
import type { KeepAliveTimes } from "../tcp/keep_alive.ts";

/** Largest send buffer, in bytes: as much as a window can be (RFC 7323 §2.3). */
const MAX_SEND_BUFFER = 2 ** 30;
/** Smaller segments would hold little but headers, in bytes. */
const MIN_SEGMENT = 88;
/** Longest time that can be set, in milliseconds: what a timer of the host can wait for. */
const MAX_TIME = 2 ** 31 - 1;
/** One probe without an answer is not the end (RFC 9293 §3.8.4, MUST-29). */
const MIN_KEEP_ALIVE_COUNT = 2;

/** When to ask a silent peer whether it is still there; what is left out has its default. */
export interface KeepAliveOptions {
  /** Silence before the first probe, in milliseconds; by default 2 hours. */
  idle?: number;
  /** Time between two probes, in milliseconds; by default 75 s. */
  interval?: number;
  /** How many probes without an answer end the connection, 2 or more; by default 9. */
  count?: number;
}

/**
 * Takes what concerns one connection out of what a user gave.
 *
 * @throws {RangeError} If something is out of its range, or has no such name.
 */
export function checkConnectionOptions(
  options: ConnectionOptions,
  config: TcpConfig,
): ConnectionOptions {
  const { congestion, ecn, tos, ttl, maxSegment, sendBuffer, receiveBuffer } = options;
  const { fastOpen, reuseAddress } = options;
  checkName(congestion, CONGESTION_NAMES, "congestion control");
  checkName(ecn, ECN_MODES, "ECN mode");
  if (tos !== undefined) checkTos(tos);
  if (ttl !== undefined) checkTtl(ttl);
  if (maxSegment !== undefined) checkInteger(maxSegment, MIN_SEGMENT, 65535, "Largest segment");
  if (sendBuffer !== undefined) checkInteger(sendBuffer, 1, MAX_SEND_BUFFER, "Send buffer");
  if (receiveBuffer !== undefined) {
    checkInteger(receiveBuffer, 1, config.receiveBufferMax, "Receive buffer");
  }
  const room = sendBuffer ?? config.sendBuffer;
  if (fastOpen !== undefined && fastOpen.length > room) {
    throw new RangeError(
      `Fast Open's text must fit the send buffer of ${room} bytes: got ${fastOpen.length}`,
    );
  }
  return {
    congestion,
    ecn,
    tos,
    ttl,
    maxSegment,
    sendBuffer,
    receiveBuffer,
    fastOpen,
    reuseAddress,
  };
}

/** The times of keep-alive, the default ones where nothing else is said; `null`: off. */
export function checkKeepAlive(
  wish: boolean | KeepAliveOptions,
  config: TcpConfig,
): KeepAliveTimes | null {
  if (wish === false) return null;
  const options = wish === true ? {} : wish;
  const {
    idle = config.keepAliveIdle,
    interval = config.keepAliveInterval,
    count = config.keepAliveCount,
  } = options;
  checkInteger(idle, 1, MAX_TIME, "Idle time");
  checkInteger(interval, 1, MAX_TIME, "Interval");
  checkInteger(count, MIN_KEEP_ALIVE_COUNT, MAX_TIME, "Count of probes");
  return { idle, interval, count };
}

/** Checks a time in milliseconds, from `lowest` on. */
export function checkTime(ms: number, lowest: number, what: string): number {
  return checkInteger(ms, lowest, MAX_TIME, what);
}

/** Checks a byte with a Diffserv field. */
export function checkTos(tos: number): number {
  return checkInteger(tos, 0, 255, "Type of service");
}

/** Checks a time to live. */
export function checkTtl(ttl: number): number {
  return checkInteger(ttl, 1, 255, "Time to live");
}

function checkName(name: string | undefined, names: readonly string[], what: string): void {
  if (name === undefined || names.includes(name)) return;
  throw new RangeError(`Unknown ${what} "${name}": use one of ${names.join(", ")}`);
}

/** Checks a whole number. */
export function checkInteger(value: number, lowest: number, highest: number, what: string): number {
  if (!Number.isInteger(value) || value < lowest || value > highest) {
    throw new RangeError(`${what} must be an integer from ${lowest} to ${highest}: got ${value}`);
  }
  return value;
}

/**
 * Checks settings of TCP that a user gave: that there are such, of the right type, and no number is
 * below 0. Times and limits may be `Infinity`.
 *
 * @throws {TypeError} If there is no such setting, or its value is of another type.
 * @throws {RangeError} If a number is below 0 or NaN, or a name is not known.
 */
export function checkTcpConfig(config: Partial<TcpConfig>): void {
  for (const [name, value] of Object.entries(config)) {
    const byDefault: unknown = DEFAULT_TCP_CONFIG[name as keyof TcpConfig];
    if (byDefault === undefined) throw new TypeError(`There is no setting ${name} of TCP`);
    if (value === undefined) continue;
    if (typeof value !== typeof byDefault) {
      throw new TypeError(`The setting ${name} of TCP is a ${typeof byDefault}: got ${value}`);
    }
    if (typeof value === "number" && !(value >= 0)) {
      throw new RangeError(`The setting ${name} of TCP must not be below 0: got ${value}`);
    }
  }
  if (config.ttl !== undefined && config.ttl !== 0) checkTtl(config.ttl);
  checkName(config.congestion, CONGESTION_NAMES, "congestion control");
  checkName(config.ecn, ECN_MODES, "ECN mode");
}
