/**
 * What a stack knows, in tables.
 *
 * @module
 */

import { bold } from "@std/fmt/colors";
import type { NetworkStack } from "../host/network_stack.ts";

/** Who the neighbors are, which ways there are, and which connections; what is empty is left out. */
export function report(stack: NetworkStack): string {
  const neighbors = stack.neighbors().map((
    { address, mac, state, age, interface: name },
  ) => [address, mac ?? "?", state, seconds(age), name]);
  const routes = stack.routes().map((
    { network, gateway, interface: name, validFor },
  ) => [network, gateway ?? "on the link", name, validFor === Infinity ? "" : seconds(validFor)]);
  const connections = stack.connections().map((
    { local, remote, state, rtt, bytesSent, bytesReceived },
  ) => {
    // Of one in TIME_WAIT nothing has been kept.
    const counts = state === "TIME_WAIT" ? ["", ""] : [`${bytesSent}`, `${bytesReceived}`];
    return [local, remote, state, ...counts, rtt === 0 ? "" : rtt.toFixed(1)];
  });
  return [
    ...table(["Neighbor", "hardware", "state", "for", "interface"], neighbors),
    ...table(["Route to", "by", "interface", "still for"], routes),
    ...table(["Connection", "with", "state", "sent", "received", "RTT/ms"], connections),
  ].join("\n");
}

function seconds(ms: number): string {
  return `${Math.max(0, Math.round(ms / 1000))} s`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const lines = all.map((row) =>
    `  ${row.map((text, column) => text.padEnd(widths[column]!)).join("  ")}`.trimEnd()
  );
  return [bold(lines[0]!), ...lines.slice(1)];
}
