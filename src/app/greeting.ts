/**
 * What `serve` says when it begins: what to type.
 *
 * @module
 */

import { bold } from "@std/fmt/colors";
import type { NetworkStack } from "../host/network_stack.ts";
import type { Interface } from "../net/interface.ts";
import type { IpAddress } from "../wire/address.ts";
import type { OpenInterface } from "./open_interfaces.ts";
import { FRONT_DOOR_PORT } from "./services/ports.ts";
import type { ServiceOptions } from "./services/services.ts";

/** The first words of a stack. */
export function greeting(
  stack: NetworkStack,
  interfaces: readonly OpenInterface[],
  options: ServiceOptions,
): string {
  const isAlone = interfaces.every(({ kind }) => kind !== "packet");
  const { addresses } = stack.core.ip;
  const v4 = addresses.find(({ family }) => family === 4);
  const v6 = addresses.find(({ family, isLinkLocal }) => family === 6 && !isLinkLocal);
  const commands = toType(v4, v6, options);
  const width = Math.max(...commands.filter(([, what]) => what).map(([command]) => command.length));
  return [
    ...interfaces.map((one, i) => introduce(one, stack.core.ip.interfaces[i + 1]!)),
    ...commands.length === 0 ? [] : [
      isAlone ? "In a second terminal:" : "On another host of that network:",
      ...commands.map(([command, what]) => `  ${bold(command.padEnd(width))}  ${what}`.trimEnd()),
    ],
    "Ctrl-C stops.",
  ].join("\n");
}

/** What is said as long as there is no address. */
export function waiting(interfaces: readonly OpenInterface[]): string {
  const names = interfaces.map(({ name }) => bold(name)).join(", ");
  return `${names}: waiting for an address … (Ctrl-C stops)`;
}

function introduce(one: OpenInterface, { addresses }: Interface): string {
  const { kind, name, hostAddresses, ipv6Missing } = one;
  const own = addresses.map(({ address }) => address).filter(({ isLinkLocal }) => !isLinkLocal);
  const stackHas = `${are(own)} the stack`;
  const without = ipv6Missing === undefined ? "" : ` Without IPv6: ${ipv6Missing}.`;
  if (kind === "packet") return `${bold(name)} is joined: ${stackHas}, a host beside this one.`;
  const hostHas = hostAddresses.length > 0 ? `${are(hostAddresses)} this host, ` : "";
  return `${bold(name)} is up: ${hostHas}${stackHas}.${without}`;
}

function are(addresses: readonly IpAddress[]): string {
  const list = addresses.map((address) => `${address.withZone(0)}`).join(" and ");
  return `${list} ${addresses.length > 1 ? "are" : "is"}`;
}

function toType(
  v4: IpAddress | undefined,
  v6: IpAddress | undefined,
  { acceptAny, udpReverse }: ServiceOptions,
): [command: string, what: string][] {
  const first = v4 ?? v6;
  if (first === undefined) return [];
  const commands: [command: string, what: string][] = [];
  if (v4 !== undefined) commands.push([`ping ${v4}`, ""]);
  if (v6 !== undefined) commands.push([`ping -6 ${v6}`, ""]);
  const site = (host: string) => `http://${host}:${FRONT_DOOR_PORT}/`;
  commands.push(
    [`nc ${first} 7`, "TCP echo (9 discard, 13 daytime, 19 chargen)"],
    [`nc ${first} ${FRONT_DOOR_PORT}`, "chat: start it twice"],
  );
  const says = "the same port speaks HTTP";
  if (v4 !== undefined) commands.push([`curl ${site(`${v4}`)}`, says]);
  if (v6 !== undefined) commands.push([`curl '${site(`[${v6}]`)}'`, v4 === undefined ? says : ""]);
  commands.push([`iperf3 -c ${first}`, "how much goes through"]);
  commands.push([`nc -u ${first} 7`, `UDP echo${udpReverse ? ", reversed" : ""}, on any port`]);
  if (acceptAny) commands.push([`nc ${first} 12345`, "TCP echo on every other port"]);
  return commands;
}
