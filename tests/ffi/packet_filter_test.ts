import { assertEquals } from "@std/assert";
import { BPF, frameFilter, SKF_AD_OFF, SOCK_FILTER } from "../../ffi/packet_filter.ts";
import { compile, NO_COMPILER } from "./cc.ts";

const MAC = Uint8Array.of(0x02, 0x80, 0xff, 0, 0, 0x81);
const OWN = MAC.toHex();

/** What the kernel knows of a frame, by the offset behind {@linkcode SKF_AD_OFF}. */
interface Facts {
  /** `sll_pkttype`: 0 for this host, 3 for another one, 4 from this host. */
  type?: number;
  /** Tag that has been taken off. */
  tag?: number;
}

/** Runs a classic BPF program as the kernel does. Returns how much of the frame passes. */
function run(program: Uint8Array, frame: Uint8Array, { type = 3, tag = 0 }: Facts): number {
  const code = new DataView(program.buffer);
  const view = new DataView(frame.buffer);
  let a = 0;
  for (let pc = 0; pc < program.length / SOCK_FILTER.size; pc++) {
    const at = pc * SOCK_FILTER.size;
    const k = code.getUint32(at + SOCK_FILTER.k, true);
    const jump = (taken: boolean) =>
      pc += code.getUint8(at + (taken ? SOCK_FILTER.jt : SOCK_FILTER.jf));
    switch (code.getUint16(at + SOCK_FILTER.code, true)) {
      case BPF.LDB:
        a = (k | 0) === SKF_AD_OFF + 4 ? type : view.getUint8(k);
        break;
      case BPF.LDH:
        a = (k | 0) === SKF_AD_OFF + 44 ? tag : view.getUint16(k);
        break;
      case BPF.LDW:
        a = view.getUint32(k);
        break;
      case BPF.JEQ:
        jump(a === k);
        break;
      case BPF.JSET:
        jump((a & k) !== 0);
        break;
      case BPF.RET:
        return k;
      default:
        throw new Error(`Instruction ${pc} is unknown`);
    }
  }
  throw new Error("The program runs off its end");
}

Deno.test("frameFilter() lets through what is for us, and what others have sent", () => {
  const cases: [what: string, to: string, facts: Facts, passes: boolean][] = [
    ["our address", OWN, {}, true],
    ["everyone", "ffffffffffff", { type: 1 }, true],
    ["a group", "01005e000001", { type: 2 }, true],
    ["another's address", "028000000081", {}, false],
    ["an address that begins as ours", "0280ff000082", {}, false],
    ["an address that ends as ours", "0480ff000081", { type: 0 }, false],
    ["from this host, to us", OWN, { type: 4 }, false],
    ["from this host, to everyone", "ffffffffffff", { type: 4 }, false],
    ["of a VLAN", OWN, { tag: 0x2007 }, false],
    ["of a VLAN, to everyone", "ffffffffffff", { tag: 1 }, false],
    ["with a priority alone", OWN, { tag: 0xe000 }, true],
  ];
  const filter = frameFilter(MAC);
  for (const [what, to, facts, passes] of cases) {
    const frame = Uint8Array.fromHex(`${to}0611223344550800`);
    assertEquals(run(filter, frame, facts) > 0xffff, passes, what);
  }
});

Deno.test({
  name: `the filter's numbers are those of C's headers${NO_COMPILER ?? ""}`,
  ignore: NO_COMPILER !== undefined || Deno.build.os !== "linux",
  async fn() {
    const want: Record<string, number> = {
      "BPF_LD | BPF_B | BPF_ABS": BPF.LDB,
      "BPF_LD | BPF_H | BPF_ABS": BPF.LDH,
      "BPF_LD | BPF_W | BPF_ABS": BPF.LDW,
      "BPF_JMP | BPF_JEQ | BPF_K": BPF.JEQ,
      "BPF_JMP | BPF_JSET | BPF_K": BPF.JSET,
      "BPF_RET | BPF_K": BPF.RET,
      SKF_AD_OFF,
      SKF_AD_PKTTYPE: 4,
      SKF_AD_VLAN_TAG: 44,
      "sizeof(struct sock_filter)": SOCK_FILTER.size,
      "offsetof(struct sock_filter, jt)": SOCK_FILTER.jt,
      "offsetof(struct sock_filter, jf)": SOCK_FILTER.jf,
      "offsetof(struct sock_filter, k)": SOCK_FILTER.k,
      "sizeof(struct sock_fprog)": 16,
      "offsetof(struct sock_fprog, filter)": 8,
    };
    const names = Object.keys(want);
    await using program = await compile(
      `#include <stddef.h>
      #include <stdio.h>
      #include <linux/filter.h>
      int main(void) { ${
        names.map((name) => `printf("%ld\\n", (long) (${name}));`).join("\n")
      } return 0; }`,
    );
    const { stdout } = await new Deno.Command(program.path).output();
    const got = new TextDecoder().decode(stdout).trim().split("\n").map(Number);
    assertEquals(Object.fromEntries(names.map((name, i) => [name, got[i]])), want);
  },
});
