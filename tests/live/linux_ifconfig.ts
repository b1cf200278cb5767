/**
 * Darwin's `ifconfig`, done by Linux's `ip`.
 *
 * @module
 */

import type { Run } from "../../ffi/utun.ts";

/** The commands of `ip` for the arguments of `ifconfig`, in the forms that `openUtun` uses. */
function translate(args: string): string[] | undefined {
  const v4 = /^(utun\d+) inet (\S+) (\S+) netmask 255\.255\.255\.255 mtu (\d+) up$/.exec(args);
  if (v4 !== null) {
    const [, name, host, peer, mtu] = v4;
    return [`address add ${host} peer ${peer} dev ${name}`, `link set ${name} mtu ${mtu} up`];
  }
  const v6 = /^(utun\d+) inet6 (\S+) (\S+) prefixlen 128$/.exec(args);
  if (v6 !== null) {
    const [, name, host, peer] = v6;
    return [`address add ${host} peer ${peer}/128 dev ${name}`];
  }
  const up = /^(utun\d+) mtu (\d+) up$/.exec(args);
  return up === null ? undefined : [`link set ${up[1]} mtu ${up[2]} up`];
}

/** Does what Darwin's `ifconfig` would do with arguments as `openUtun` gives them. */
export const linuxIfconfig: Run = async (program, args) => {
  const commands = program === "/sbin/ifconfig" ? translate(args.join(" ")) : undefined;
  if (commands === undefined) {
    return { success: false, stderr: `not an ifconfig command: ${program} ${args.join(" ")}` };
  }
  for (const command of commands) {
    const { success, stderr } = await new Deno.Command("ip", { args: command.split(" ") }).output();
    if (!success) return { success, stderr: new TextDecoder().decode(stderr) };
  }
  return { success: true, stderr: "" };
};
