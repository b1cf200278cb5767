import { assertEquals } from "@std/assert";
import { Urgent, urgentLeft } from "../../src/tcp/urgent.ts";
import { NO_USER, type Tcb } from "../../src/tcp/tcb.ts";
import { seqAdd } from "../../src/wire/seq.ts";
import { PEER } from "../packets.ts";
import { TestHost } from "../stack/host.ts";

const HALF = 2 ** 31;

Deno.test("a mark that was acknowledged is not urgent again half of the sequence space later", () => {
  const urgent = new Urgent();
  urgent.sendUp = 100;
  urgent.isSending = true;
  assertEquals(urgent.pointer(90, 80), 10);
  assertEquals(urgent.pointer(100, 100), 0);
  assertEquals(urgent.pointer(seqAdd(100, HALF + 10), seqAdd(100, HALF + 10)), 0);
});

Deno.test("a mark that was read up to is not urgent again half of the sequence space later", () => {
  const host = new TestHost();
  const tcb = host.stack.tcp.open(PEER, 80, null, 50_000, NO_USER, host.now) as Tcb;
  tcb.urgent = new Urgent();
  tcb.urgent.receiveUp = tcb.rcv.nxt;
  tcb.urgent.isReceiving = true;
  assertEquals(urgentLeft(tcb), 0);
  tcb.rcv.nxt = seqAdd(tcb.rcv.nxt, HALF + 10);
  assertEquals(urgentLeft(tcb), 0);
});
