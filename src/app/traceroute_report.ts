/**
 * What `tcpstack traceroute` prints, in the words of the `traceroute` that people know.
 *
 * @module
 */

import type { TraceReply } from "../socket/probers.ts";
import type { Hop } from "../socket/traceroute.ts";

/** What stands behind the time of an answer that says more than that the probe came so far. */
const MARKS: Partial<Record<TraceReply["kind"], string>> = {
  "network-unreachable": " !N",
  "host-unreachable": " !H",
  "protocol-unreachable": " !P",
  "source-route-failed": " !S",
  "prohibited": " !X",
  "too-big": " !F",
  "parameter-problem": " !?",
};

/**
 * The line of one hop.
 *
 * @param nameOf The name of an address; `undefined`: the address alone.
 */
export function hopLine({ hop, replies }: Hop, nameOf?: (address: string) => string): string {
  let line = String(hop).padStart(2) + " ";
  let last: string | undefined;
  for (const reply of replies) {
    if (reply === null) {
      line += " *";
      continue;
    }
    const { address, time } = reply;
    if (address !== last) {
      line += nameOf === undefined ? ` ${address}` : ` ${nameOf(address)} (${address})`;
    }
    last = address;
    line += `  ${time.toFixed(3)} ms${mark(reply)}`;
  }
  return line;
}

function mark({ kind, mtu }: TraceReply): string {
  const text = MARKS[kind] ?? "";
  return kind === "too-big" && mtu !== 0 ? `${text}-${mtu}` : text;
}
