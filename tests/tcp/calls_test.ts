/**
 * Every call of RFC 9293 §3.9.1 in every state, with what §3.10 says of it.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  CallError,
  closeError,
  existenceError,
  receiveError,
  sendError,
  stateOf,
} from "../../src/tcp/calls.ts";
import { State } from "../../src/tcp/state.ts";
import { CloseReason, NO_USER, type Tcb } from "../../src/tcp/tcb.ts";
import { OpenError } from "../../src/tcp/tcp.ts";
import { seqAdd } from "../../src/wire/seq.ts";
import { ACK, FIN, flagNames, RST, SYN } from "../../src/wire/tcp.ts";
import { packetOf, parseSegment, PEER, STACK, tcp } from "../packets.ts";
import { TestHost } from "../stack/host.ts";

const PORTS = { sourcePort: 80, destinationPort: 50_000 };
const TEXT = new Uint8Array(10);

type Name = Exclude<keyof typeof State, "LISTEN">;

/** A connection from port 50000 to the peer's port 80, in whichever state. */
class Scene {
  readonly host = new TestHost({ tcp: { timestamps: false, sack: false, windowScaling: false } });
  readonly tcp = this.host.stack.tcp;
  readonly tcb: Tcb;
  readonly told: string[] = [];

  constructor(readonly name: Name) {
    const tell = (what: string) => () => void this.told.push(what);
    const user = { ...NO_USER, onClosed: tell("closed") };
    this.tcb = this.tcp.open(PEER, 80, null, 50_000, user, this.host.now) as Tcb;
    assert(this.tcb instanceof Object);
    this.#lead(name);
    this.flush();
    this.told.length = 0;
    this.tcb.user = user;
    assertEquals(this.tcb.state, State[name]);
  }

  #lead(name: Name): void {
    const { tcb, tcp: tcpOfStack, host } = this;
    const close = () => tcpOfStack.close(tcb, host.now);
    switch (name) {
      case "CLOSED":
        return tcpOfStack.abort(tcb, host.now);
      case "SYN_SENT":
        return;
      case "SYN_RECEIVED":
        return this.#receive(SYN, 0);
    }
    this.#receive(SYN | ACK, 0);
    switch (name) {
      case "ESTABLISHED":
        return;
      case "CLOSE_WAIT":
        return this.#receive(FIN | ACK, 1);
      case "LAST_ACK":
        this.#receive(FIN | ACK, 1);
        return close();
    }
    const unacknowledged = tcb.snd.nxt;
    close();
    switch (name) {
      case "FIN_WAIT_1":
        return;
      case "CLOSING":
        return this.#receive(FIN | ACK, 1, unacknowledged);
      case "FIN_WAIT_2":
        return this.#receive(ACK, 1);
      case "TIME_WAIT":
        return this.#receive(FIN | ACK, 1);
    }
  }

  #receive(flags: number, seq: number, ack = this.tcb.snd.nxt): void {
    this.host.receive(tcp({ ...PORTS, seq, ack: (flags & ACK) !== 0 ? ack : 0, flags }));
  }

  /** Ends the batch; the flags of what has been sent. */
  flush(): string {
    this.host.stack.poll(this.host.now);
    return this.host.take().map((packet) => flagNames(parseSegment(packet).flags)).join(" ");
  }

  get state(): string {
    const [name] = Object.entries(State).find(([, value]) => value === stateOf(this.tcb))!;
    return name;
  }
}

/** What a call has done: its error, or what was sent; and the state afterwards, if another. */
function outcome(scene: Scene, error: CallError | undefined, ok = ""): string {
  const sent = scene.flush();
  const then = scene.state === scene.name ? "" : `> ${scene.state}`;
  if (error !== undefined && error !== CallError.NONE) {
    const [name] = Object.entries(CallError).find(([, value]) => value === error)!;
    assertEquals([sent, then], ["", ""]);
    return name;
  }
  return [sent, ok, then].filter((part) => part !== "").join(" ");
}

const CALLS: Record<string, (scene: Scene) => string> = {
  OPEN(scene) {
    const { tcp: tcpOfStack, host } = scene;
    const again = tcpOfStack.open(PEER, 80, null, 50_000, NO_USER, host.now);
    if (typeof again !== "number") return scene.flush();
    assertEquals(scene.flush(), "");
    return Object.entries(OpenError).find(([, value]) => value === again)![0];
  },
  SEND(scene) {
    const error = sendError(scene.tcb);
    const taken = scene.tcp.send(scene.tcb, TEXT, scene.host.now);
    assertEquals(taken, error === CallError.NONE ? TEXT.length : 0);
    return outcome(scene, error, scene.tcb.flight <= 1 && taken > 0 ? "queued" : "");
  },
  RECEIVE(scene) {
    const error = receiveError(scene.tcb);
    assertEquals(scene.tcp.receiveText(scene.tcb, new Uint8Array(10), scene.host.now), 0);
    return outcome(scene, error, "waits");
  },
  CLOSE(scene) {
    const error = closeError(scene.tcb);
    scene.tcp.close(scene.tcb, scene.host.now);
    return outcome(scene, error) || (scene.tcb.finSent ? "ok" : "queued");
  },
  ABORT(scene) {
    const error = existenceError(scene.tcb);
    scene.tcp.abort(scene.tcb, scene.host.now);
    return outcome(scene, error);
  },
  STATUS(scene) {
    const error = existenceError(scene.tcb);
    assertEquals(scene.tcp.info(scene.tcb, scene.host.now).state, scene.name);
    return outcome(scene, error, "told");
  },
  FLUSH(scene) {
    assertEquals(scene.tcp.discard(scene.tcb), 0);
    return outcome(scene, existenceError(scene.tcb), "ok");
  },
};

// IN_USE is "connection already exists". Text and FINs are pushed or not as §3.9.1.2 says.
const TABLE: Record<Name, Record<keyof typeof CALLS, string>> = {
  CLOSED: {
    OPEN: "SYN",
    SEND: "NO_CONNECTION",
    RECEIVE: "NO_CONNECTION",
    CLOSE: "NO_CONNECTION",
    ABORT: "NO_CONNECTION",
    STATUS: "NO_CONNECTION",
    FLUSH: "NO_CONNECTION",
  },
  SYN_SENT: {
    OPEN: "IN_USE",
    SEND: "queued",
    RECEIVE: "waits",
    CLOSE: "> CLOSED",
    ABORT: "> CLOSED",
    STATUS: "told",
    FLUSH: "ok",
  },
  SYN_RECEIVED: {
    OPEN: "IN_USE",
    SEND: "queued",
    RECEIVE: "waits",
    CLOSE: "queued",
    ABORT: "RST,ACK > CLOSED",
    STATUS: "told",
    FLUSH: "ok",
  },
  ESTABLISHED: {
    OPEN: "IN_USE",
    SEND: "PSH,ACK",
    RECEIVE: "waits",
    CLOSE: "FIN,ACK > FIN_WAIT_1",
    ABORT: "RST,ACK > CLOSED",
    STATUS: "told",
    FLUSH: "ok",
  },
  FIN_WAIT_1: {
    OPEN: "IN_USE",
    SEND: "CLOSING",
    RECEIVE: "waits",
    CLOSE: "ok",
    ABORT: "RST,ACK > CLOSED",
    STATUS: "told",
    FLUSH: "ok",
  },
  FIN_WAIT_2: {
    OPEN: "IN_USE",
    SEND: "CLOSING",
    RECEIVE: "waits",
    CLOSE: "ok",
    ABORT: "RST,ACK > CLOSED",
    STATUS: "told",
    FLUSH: "ok",
  },
  CLOSE_WAIT: {
    OPEN: "IN_USE",
    SEND: "PSH,ACK",
    RECEIVE: "CLOSING",
    CLOSE: "FIN,ACK > LAST_ACK",
    ABORT: "RST,ACK > CLOSED",
    STATUS: "told",
    FLUSH: "ok",
  },
  CLOSING: {
    OPEN: "IN_USE",
    SEND: "CLOSING",
    RECEIVE: "CLOSING",
    CLOSE: "CLOSING",
    ABORT: "> CLOSED",
    STATUS: "told",
    FLUSH: "ok",
  },
  LAST_ACK: {
    OPEN: "IN_USE",
    SEND: "CLOSING",
    RECEIVE: "CLOSING",
    CLOSE: "CLOSING",
    ABORT: "> CLOSED",
    STATUS: "told",
    FLUSH: "ok",
  },
  TIME_WAIT: {
    OPEN: "IN_USE",
    SEND: "CLOSING",
    RECEIVE: "CLOSING",
    CLOSE: "CLOSING",
    ABORT: "> CLOSED",
    STATUS: "told",
    FLUSH: "ok",
  },
};

for (const [name, row] of Object.entries(TABLE)) {
  for (const [call, wanted] of Object.entries(row)) {
    Deno.test(`${call} in ${name}: ${wanted} (RFC 9293 §3.10)`, () => {
      assertEquals(CALLS[call]!(new Scene(name as Name)), wanted);
    });
  }
}

Deno.test("[MUST-42] OPEN on a port in LISTEN makes another connection, and leaves the listener (RFC 9293 §3.9.1.1)", () => {
  const host = new TestHost();
  const { tcp: tcpOfStack } = host.stack;
  const listener = tcpOfStack.listen(null, 80, 8, () => {})!;
  assertEquals(tcpOfStack.listen(null, 80, 8, () => {}), undefined); // "already exists"
  const tcb = tcpOfStack.open(PEER, 9, null, 80, NO_USER, host.now) as Tcb;
  assertEquals(tcb.state, State.SYN_SENT);
  const [syn] = host.take();
  assertEquals(parseSegment(syn!).sourcePort, 80);
  host.receive(tcp({ sourcePort: 7, destinationPort: 80, seq: 1, flags: SYN }));
  assertEquals(listener.halfOpen, 1);
});

Deno.test("CLOSE in LISTEN answers no SYN any more, and resets what was not accepted (RFC 9293 §3.10.4)", () => {
  const host = new TestHost();
  const { tcp: tcpOfStack } = host.stack;
  const listener = tcpOfStack.listen(null, 80, 8, () => {})!;
  const peer = { sourcePort: 7, destinationPort: 80 };
  host.receive(tcp({ ...peer, seq: 1, flags: SYN }));
  tcpOfStack.unlisten(listener, host.now);
  assertEquals(host.take().map((packet) => parseSegment(packet).flags), [RST | ACK]);
  const [answer] = host.receive(tcp({ ...peer, seq: 1, flags: SYN }));
  assertEquals(parseSegment(answer!).flags, RST | ACK);
});

Deno.test("[MUST-12] whoever uses a connection is told how it ended, once (RFC 9293 §3.10.5, §3.9.1.4)", () => {
  const aborted = new Scene("ESTABLISHED");
  aborted.tcp.abort(aborted.tcb, aborted.host.now);
  aborted.flush();
  assertEquals([aborted.told, aborted.tcb.reason], [["closed"], CloseReason.ABORTED]);

  const reset = new Scene("ESTABLISHED");
  reset.host.receive(tcp({ ...PORTS, seq: reset.tcb.rcv.nxt, flags: RST }));
  reset.flush();
  assertEquals([reset.told, reset.tcb.reason], [["closed"], CloseReason.RESET]);

  const ended = new Scene("LAST_ACK");
  const { nxt } = ended.tcb.snd;
  ended.host.receive(tcp({ ...PORTS, seq: ended.tcb.rcv.nxt, ack: nxt, flags: ACK }));
  ended.flush();
  assertEquals([ended.told, ended.tcb.reason], [["closed"], CloseReason.NORMAL]);
});

Deno.test("SEND says that the buffer is full, and takes nothing (RFC 9293 §3.10.2)", () => {
  const { tcp: tcpOfStack, tcb, host } = new Scene("SYN_SENT");
  const { free } = tcb.sendBuffer;
  assertEquals(tcpOfStack.send(tcb, new Uint8Array(free + 1), host.now), free);
  assertEquals(sendError(tcb), CallError.NO_RESOURCES);
  assertEquals(tcpOfStack.send(tcb, TEXT, host.now), 0);
});

Deno.test("RECEIVE in CLOSE_WAIT gives what is on hand first (RFC 9293 §3.10.3)", () => {
  const { tcp: tcpOfStack, tcb, host } = new Scene("ESTABLISHED");
  const segment = { ...PORTS, seq: 1, ack: tcb.snd.nxt, payload: TEXT };
  host.receive(tcp({ ...segment, flags: FIN | ACK }));
  assertEquals(tcb.state, State.CLOSE_WAIT);
  assertEquals(tcb.rcv.nxt, seqAdd(1, TEXT.length + 1));
  assertEquals(receiveError(tcb), CallError.NONE);
  assertEquals(tcpOfStack.receiveText(tcb, new Uint8Array(20), host.now), TEXT.length);
  assertEquals(receiveError(tcb), CallError.CLOSING);
});

Deno.test("CLOSE sends what was queued ahead of the RST for text that nobody has received (RFC 9293 §3.6.1)", () => {
  const { tcp: tcpOfStack, tcb, host } = new Scene("ESTABLISHED");
  host.receive(tcp({ ...PORTS, seq: 1, ack: tcb.snd.nxt, payload: TEXT, flags: ACK }));
  assertEquals(tcpOfStack.queue(tcb, TEXT), TEXT.length);
  tcpOfStack.release(tcb, host.now);
  host.stack.poll(host.now);
  const sent = host.take().map(parseSegment);
  assertEquals(sent.map(({ flags }) => flagNames(flags)), ["PSH,ACK", "RST,ACK"]);
  assertEquals(sent.map(({ text }) => text.length), [TEXT.length, 0]);
});

Deno.test("what a call leaves to be sent makes a poll due at once", () => {
  const { tcp: tcpOfStack, tcb, host } = new Scene("ESTABLISHED");
  host.receive(
    tcp({ ...PORTS, seq: 1, ack: tcb.snd.nxt, payload: new Uint8Array(1460), flags: ACK }),
  );
  host.stack.poll(host.now += 500); // that much is acknowledged
  host.take();
  assertEquals(host.stack.nextDeadline(), Infinity);
  tcpOfStack.receiveText(tcb, new Uint8Array(1460), host.now); // opens the window by a segment
  assert(host.stack.nextDeadline() <= host.now);
  host.stack.poll(host.now);
  assertEquals(host.take().map((packet) => parseSegment(packet).ack), [1461]);
  assertEquals(host.stack.nextDeadline(), Infinity);
  tcpOfStack.queue(tcb, TEXT);
  assert(host.stack.nextDeadline() <= host.now);
});

Deno.test("a user that throws when it is told leaves other connections as they are", () => {
  const host = new TestHost();
  const { tcp: tcpOfStack } = host.stack;
  const tcbs = [50_000, 50_001].map((port) =>
    tcpOfStack.open(PEER, 80, null, port, NO_USER, host.now) as Tcb
  );
  const answer = (tcb: Tcb, fields: { seq: number; flags: number; payload?: Uint8Array }) =>
    host.stack.receive(
      packetOf(
        tcp({ sourcePort: 80, destinationPort: tcb.localPort, ack: tcb.snd.nxt, ...fields }),
      ),
      host.now,
    );
  for (const tcb of tcbs) answer(tcb, { seq: 0, flags: SYN | ACK });
  host.stack.poll(host.now);
  host.take();
  tcbs[0]!.user = {
    ...NO_USER,
    onReadable() {
      throw new Error("not now");
    },
  };
  const send = (seq: number) => {
    const payload = new Uint8Array(1460);
    for (const tcb of tcbs) {
      answer(tcb, { seq, flags: ACK, payload });
      answer(tcb, { seq: seq + payload.length, flags: ACK, payload });
    }
  };
  send(1);
  assertThrows(() => host.stack.poll(host.now), Error, "not now");
  host.stack.poll(host.now);
  assertEquals(host.take().map((packet) => parseSegment(packet).sourcePort), [50_001]);
  send(2921);
  assertThrows(() => host.stack.tell(host.now), Error, "not now");
  host.stack.poll(host.now);
  assertEquals(host.take().map((packet) => parseSegment(packet).ack), [5841, 5841]);
});

Deno.test("an exchange with oneself that is longer than one poll goes on in the next, at once", () => {
  const { now, stack } = new TestHost();
  const { tcp: tcpOfStack } = stack;
  const buffer = new Uint8Array(10);
  let rounds = 0;
  const answering = (tcb: () => Tcb) => ({
    ...NO_USER,
    onReadable() {
      rounds++;
      const n = tcpOfStack.receiveText(tcb(), buffer, now);
      if (rounds < 100) tcpOfStack.send(tcb(), buffer.subarray(0, n), now);
    },
  });
  const listener = tcpOfStack.listen(null, 7, 1, () => {
    const accepted = listener.accept()!;
    accepted.user = answering(() => accepted);
  })!;
  const client = tcpOfStack.open(STACK, 7, null, 0, answering(() => client), now) as Tcb;
  stack.poll(now);
  tcpOfStack.send(client, TEXT, now);
  while (stack.nextDeadline() <= now) stack.poll(now);
  assertEquals(rounds, 100);
});
