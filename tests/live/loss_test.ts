/** Packets really lost, on both ways, between the kernel's TCP and ours. */

import { assert } from "@std/assert";
import { liveTest, Namespace } from "./namespace.ts";
import { SOURCE, STACK } from "./program.ts";
import { assertGivesBack } from "./transfer.ts";

/**
 * Has every so many packets lost, on each of the two ways. What comes from the stack is dropped at the
 * host's door. What goes to it can't be dropped on its way out, because the kernel's TCP would know;
 * so it is sent down another interface, where nobody is.
 */
async function losePackets(ns: Namespace, name: string, every: number): Promise<void> {
  // The kernel hands over one segment at a time, so that one is lost at a time.
  await ns.check("ip", ["link", "set", name, "gso_max_segs", "1"]);
  await ns.check("ip", ["tuntap", "add", "nobody0", "mode", "tun"]);
  await ns.check("ip", ["link", "set", "nobody0", "up"]);
  await ns.check("ip", ["route", "add", "default", "dev", "nobody0", "table", "100"]);
  await ns.check("ip", ["rule", "add", "fwmark", "1", "lookup", "100"]);
  const rules = `
    table ip loss {
      chain from_stack {
        type filter hook input priority 0
        iifname "${name}" numgen inc mod ${every} 0 drop
      }
      chain to_stack {
        type route hook output priority 0
        ip daddr ${STACK} numgen inc mod ${every} 0 meta mark set 1
      }
    }
  `;
  await ns.check("nft", ["-f", "-"], { stdin: rules });
}

for (const [every, length] of [[50, 5_000_000], [10, 500_000]] as const) {
  const name = `a transfer survives the loss of every ${every}th packet on both ways`;
  liveTest(name, ["nc", "curl", "nft"], async () => {
    await using ns = await Namespace.create();
    await using serving = await SOURCE.serve(ns);
    await losePackets(ns, serving.name, every);
    await assertGivesBack((options) => ns.command("nc", ["-N", STACK, "7"], options), length);
    const { tcpRetransmitted, tcpOutOfOrder } = await serving.counters();
    assert(Number(tcpRetransmitted) > 0, "what the stack sent was lost, and sent again");
    assert(Number(tcpOutOfOrder) > 0, "what the kernel sent was lost");
    await ns.check("nft", ["flush", "ruleset"]);
    await serving.stop();
  });
}
