/**
 * Darwin's `ifconfig`, done by Linux's `ip`.
 *
 * @module
 */

import type { Run } from "../../ffi/utun.ts";

/** Does what Darwin's `ifconfig` would do with arguments as `openUtun` gives them. */
export const linuxIfconfig: Run = async (program, args) => {
  const match = /^(utun\d+) inet (\S+) (\S+) netmask 255\.255\.255\.255 mtu (\d+) up$/
    .exec(args.join(" "));
  if (program !== "/sbin/ifconfig" || match === null) {
    return { success: false, stderr: `not an ifconfig command: ${program} ${args.join(" ")}` };
  }
  const [, name, host, peer, mtu] = match as unknown as [string, string, string, string, string];
  for (
    const command of [
      ["address", "add", host, "peer", peer, "dev", name],
      ["link", "set", name, "mtu", mtu, "up"],
    ]
  ) {
    const { success, stderr } = await new Deno.Command("ip", { args: command }).output();
    if (!success) return { success, stderr: new TextDecoder().decode(stderr) };
  }
  return { success: true, stderr: "" };
};
