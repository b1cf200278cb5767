/**
 * Listeners and connections by the number: who gets a SYN, and how it is found again.
 */

import { assert, assertEquals } from "@std/assert";
import { FIRST_EPHEMERAL } from "../../src/base/ports.ts";
import { State } from "../../src/tcp/state.ts";
import { NO_USER, type Tcb } from "../../src/tcp/tcb.ts";
import { OpenError } from "../../src/tcp/tcp.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { Drop } from "../../src/wire/drop.ts";
import { packetOf, parseSegment, PEER, STACK, tcp } from "../packets.ts";
import { TestHost } from "./host.ts";

const [FIN, SYN, ACK] = [1, 2, 16];
const SECOND = IpAddress.v4(10, 0, 0, 3);

function syn(host: TestHost, port: number, destination = STACK): void {
  host.receive(
    tcp({ destination, sourcePort: 40000, destinationPort: port, seq: 1, flags: SYN }),
  );
}

Deno.test("2000 connections at once are each found, and get each their own text", () => {
  const host = new TestHost();
  const { tcp: tcpOfStack } = host.stack;
  const COUNT = 2000;
  const listener = tcpOfStack.listen(null, 80, COUNT, () => {})!;
  const peers = Array.from({ length: COUNT }, (_, i) => ({
    source: IpAddress.v4(10, 0, 1 + (i >> 8), i & 255),
    sourcePort: 1024 + ((i * 7919) % 60_000),
    destinationPort: 80,
  }));
  const iss = peers.map((peer, i) => {
    const [synAck] = host.receive(tcp({ ...peer, seq: i, flags: SYN }));
    return parseSegment(synAck!).seq;
  });
  peers.forEach((peer, i) =>
    host.receive(tcp({ ...peer, seq: i + 1, ack: (iss[i]! + 1) >>> 0, flags: ACK }))
  );
  assertEquals(tcpOfStack.connectionCount, COUNT);
  const accepted = peers.map(() => listener.accept()!);
  assertEquals(listener.accept(), undefined);
  peers.forEach((peer, i) => {
    const payload = Uint8Array.of(i >> 8, i & 255);
    host.receive(tcp({ ...peer, seq: i + 1, ack: (iss[i]! + 1) >>> 0, flags: ACK, payload }));
  });
  accepted.forEach((tcb, i) => {
    assertEquals(tcb.remote.toString(), peers[i]!.source.toString());
    const target = new Uint8Array(10);
    assertEquals(tcpOfStack.receiveText(tcb, target, host.now), 2);
    assertEquals((target[0]! << 8) | target[1]!, i);
  });
  for (const tcb of accepted) tcpOfStack.abort(tcb, host.now);
  assertEquals(tcpOfStack.connectionCount, 0);
  assertEquals(host.stack.counters.tcpResetsSent, COUNT);
});

Deno.test("[MUST-63] a LAND packet, from the stack to itself, is dropped without an answer", () => {
  const host = new TestHost();
  host.stack.tcp.listen(null, 80, 8, () => {});
  const land = { source: STACK, sourcePort: 80, destinationPort: 80, seq: 1, flags: SYN };
  assertEquals(host.receive(tcp(land)), []);
  assertEquals(host.drops("IP_BAD_SOURCE"), 1);
  assertEquals(host.stack.tcp.connectionCount, 0);
});

Deno.test("[MUST-57] [MUST-63] a SYN to all or to a group, or from an invalid source, is dropped without an answer", () => {
  const host = new TestHost();
  host.stack.tcp.listen(null, 80, 8, () => {});
  const ports = { sourcePort: 40000, destinationPort: 80, seq: 1, flags: SYN };
  const [broadcast, group] = [IpAddress.v4(255, 255, 255, 255), IpAddress.v4(224, 0, 0, 1)];
  for (const destination of [broadcast, group]) {
    assertEquals(host.receive(tcp({ ...ports, destination })), []);
  }
  for (const source of [broadcast, group, IpAddress.v4(0, 0, 0, 0), IpAddress.v4(127, 0, 0, 1)]) {
    assertEquals(host.receive(tcp({ ...ports, source })), []);
  }
  assertEquals(host.stack.tcp.connectionCount, 0);
});

Deno.test("[MUST-57] TCP itself drops a SYN to all or to a group, should IP have let it through", () => {
  const host = new TestHost();
  host.stack.tcp.listen(null, 80, 8, () => {});
  for (const destination of [IpAddress.v4(255, 255, 255, 255), IpAddress.v4(224, 0, 0, 1)]) {
    const packet = packetOf(
      tcp({ destination, sourcePort: 40_000, destinationPort: 80, seq: 1, flags: SYN }),
    );
    packet.source.load4(packet.view, packet.at + 12);
    packet.destination.load4(packet.view, packet.at + 16);
    packet.transportAt = packet.at + 20;
    packet.isGroup = true;
    assertEquals(host.stack.tcp.receive(packet, host.now), Drop.TCP_BROADCAST);
    host.stack.poll(host.now);
  }
  assertEquals([host.sent.length, host.stack.tcp.connectionCount], [0, 0]);
});

Deno.test("a SYN goes to the listener of the very address, then of all, then of every port", () => {
  const cases: [listeners: [address: IpAddress | null, port: number][], got: number[]][] = [
    [[[null, 80], [STACK, 80], [null, 0]], [0, 1, 0]],
    [[[SECOND, 80], [null, 80], [null, 0]], [0, 1, 0]],
    [[[SECOND, 80], [null, 81], [null, 0]], [0, 0, 1]],
    [[[null, 0], [STACK, 0]], [0, 1]],
    [[[SECOND, 80], [SECOND, 0]], [0, 0]],
  ];
  for (const [wanted, got] of cases) {
    const host = new TestHost({ addresses: [STACK, SECOND] });
    const listeners = wanted.map(([address, port]) =>
      host.stack.tcp.listen(address, port, 8, () => {})!
    );
    syn(host, 80);
    assertEquals(listeners.map((listener) => listener.halfOpen), got);
  }
});

Deno.test("a port and address have one listener at a time", () => {
  const host = new TestHost({ addresses: [STACK, SECOND] });
  const { tcp: tcpOfStack } = host.stack;
  const first = tcpOfStack.listen(null, 80, 8, () => {});
  assert(first !== undefined);
  assertEquals(tcpOfStack.listen(null, 80, 8, () => {}), undefined);
  assert(tcpOfStack.listen(STACK, 80, 8, () => {}) !== undefined);
  assertEquals(tcpOfStack.listen(STACK.clone(), 80, 8, () => {}), undefined);
  assert(tcpOfStack.listen(SECOND, 80, 8, () => {}) !== undefined);
  tcpOfStack.unlisten(first, host.now);
  assert(tcpOfStack.listen(null, 80, 8, () => {}) !== undefined);
});

Deno.test("[MUST-41] a listener that comes, goes and comes again does not disturb connections of its port (RFC 9293 §3.9.1.1)", () => {
  const host = new TestHost();
  const { tcp: tcpOfStack } = host.stack;
  const listener = tcpOfStack.listen(null, 80, 8, () => {})!;
  const peer = { sourcePort: 40_000, destinationPort: 80 };
  const { seq: iss } = parseSegment(host.receive(tcp({ ...peer, seq: 0, flags: SYN }))[0]!);
  const says = (seq: number, text: number) => {
    const payload = new Uint8Array(text);
    host.receive(tcp({ ...peer, seq, ack: (iss + 1) >>> 0, flags: ACK, payload }));
  };
  says(1, 0);
  const tcb = listener.accept()!;
  says(1, 10);
  tcpOfStack.unlisten(listener, host.now);
  says(11, 10);
  const second = tcpOfStack.listen(null, 80, 8, () => {})!;
  says(21, 10);
  assertEquals([tcb.state, tcb.receiveBuffer.length], [State.ESTABLISHED, 30]);
  assertEquals(second.accept(), undefined);
});

Deno.test("[MUST-42] a port is listened on while connections from it are in SYN_SENT and SYN_RECEIVED (RFC 9293 §3.9.1.1)", () => {
  const host = new TestHost();
  const { tcp: tcpOfStack } = host.stack;
  const [sent, received] = [80, 81].map((port) =>
    tcpOfStack.open(PEER, port, null, 50_000, NO_USER, host.now)
  );
  assert(typeof sent === "object" && typeof received === "object");
  const to = { destinationPort: 50_000, seq: 0 };
  host.receive(tcp({ ...to, sourcePort: 81, flags: SYN }));
  assertEquals([sent.state, received.state], [State.SYN_SENT, State.SYN_RECEIVED]);
  const listener = tcpOfStack.listen(null, 50_000, 8, () => {});
  assert(listener !== undefined);
  host.take();
  const [synAck] = host.receive(tcp({ ...to, sourcePort: 1234, flags: SYN }));
  assertEquals(parseSegment(synAck!).flags, SYN | ACK);
  assertEquals(listener.halfOpen, 1);
  const ack = (sent.snd.iss + 1) >>> 0;
  host.receive(tcp({ ...to, sourcePort: 80, ack, flags: SYN | ACK }));
  const states: number[] = [sent.state, received.state];
  assertEquals(states, [State.ESTABLISHED, State.SYN_RECEIVED]);
  assertEquals(listener.accept(), undefined, "what was opened actively is not the listener's");
});

Deno.test("10,000 connections in TIME_WAIT keep no control block, and all end (RFC 9293 §3.6.1)", () => {
  const host = new TestHost();
  const { tcp: tcpOfStack } = host.stack;
  const listener = tcpOfStack.listen(null, 80, 8, () => {})!;
  const COUNT = 10_000;
  for (let i = 0; i < COUNT; i++) {
    const peer = { sourcePort: 1000 + i, destinationPort: 80 };
    const { seq: iss } = parseSegment(host.receive(tcp({ ...peer, seq: 0, flags: SYN }))[0]!);
    host.receive(tcp({ ...peer, seq: 1, ack: (iss + 1) >>> 0, flags: ACK }));
    tcpOfStack.release(listener.accept()!, host.now);
    host.receive(tcp({ ...peer, seq: 1, ack: (iss + 2) >>> 0, flags: FIN | ACK }));
    host.now += 1;
  }
  assertEquals([...tcpOfStack.connections()].length, 0);
  assertEquals([...tcpOfStack.timeWaits()].length, COUNT);
  assertEquals(tcpOfStack.connectionCount, COUNT);
  const end = tcpOfStack.nextDeadline();
  assertEquals(end, host.now - COUNT + 60_000, "that of the first");
  const pollAll = (now: number) => {
    while (host.stack.nextDeadline() <= now) host.stack.poll(now);
  };
  pollAll(end + COUNT / 2 - 1);
  assertEquals(tcpOfStack.connectionCount, COUNT / 2);
  pollAll(end + COUNT);
  assertEquals([tcpOfStack.connectionCount, tcpOfStack.nextDeadline()], [0, Infinity]);
});

Deno.test("[MUST-45] a connection goes on with the address that its SYN was sent to", () => {
  const host = new TestHost({ addresses: [STACK, SECOND] });
  host.stack.tcp.listen(null, 80, 8, () => {});
  const [synAck] = host.receive(
    tcp({ destination: SECOND, sourcePort: 40000, destinationPort: 80, seq: 1, flags: SYN }),
  );
  assertEquals(synAck!.source, SECOND.toString());
});

Deno.test("[MUST-43] [MUST-44] an open goes out from the address given, or the one that IP has for it", () => {
  const host = new TestHost({ addresses: [STACK, SECOND] });
  const { tcp: tcpOfStack } = host.stack;
  tcpOfStack.open(PEER, 80, null, 50_000, NO_USER, host.now);
  tcpOfStack.open(PEER, 80, SECOND, 50_000, NO_USER, host.now);
  assertEquals(host.take().map((sent) => sent.source), [STACK.toString(), SECOND.toString()]);
});

Deno.test("[MUST-46] an open to where nobody can be is refused, and sends nothing", () => {
  const host = new TestHost();
  const cases: [remote: IpAddress, port: number, error: OpenError][] = [
    [IpAddress.v4(255, 255, 255, 255), 80, OpenError.BAD_ADDRESS],
    [IpAddress.v4(224, 0, 0, 1), 80, OpenError.BAD_ADDRESS],
    [IpAddress.v4(0, 0, 0, 0), 80, OpenError.BAD_ADDRESS],
    [PEER, 0, OpenError.BAD_ADDRESS],
    [IpAddress.parse("2001:db8::1"), 80, OpenError.NO_ROUTE],
  ];
  for (const [remote, port, error] of cases) {
    assert(host.stack.tcp.open(remote, port, null, 0, NO_USER, host.now) === error, `${remote}`);
  }
  assertEquals(host.take(), []);
});

Deno.test("opens to one port take ephemeral ports that differ, and another peer's may be the same", () => {
  const host = new TestHost();
  const { tcp: tcpOfStack } = host.stack;
  const ports = Array.from({ length: 500 }, () => {
    const tcb = tcpOfStack.open(PEER, 80, null, 0, NO_USER, host.now) as Tcb;
    return tcb.localPort;
  });
  assertEquals(new Set(ports).size, 500);
  assert(ports.every((port) => port >= FIRST_EPHEMERAL));
  const [port] = ports;
  assertEquals(tcpOfStack.open(PEER, 80, null, port!, NO_USER, host.now), OpenError.IN_USE);
  const other = tcpOfStack.open(PEER, 81, null, port!, NO_USER, host.now);
  assert(typeof other !== "number");
});

Deno.test("[RFC6056-01] every ephemeral port towards one peer can be used, the last one too, and then none", () => {
  const host = new TestHost({ tcp: { sendBuffer: 1, receiveBuffer: 1 } });
  const { tcp: tcpOfStack } = host.stack;
  const COUNT = 16_384;
  const ports = new Set<number>();
  const open = (remote: IpAddress) => tcpOfStack.open(remote, 80, null, 0, NO_USER, host.now);
  for (let i = 0; i < COUNT; i++) {
    const tcb = open(PEER);
    assert(typeof tcb !== "number");
    ports.add(tcb.localPort);
    host.sent.length = 0;
  }
  assertEquals([ports.size, Math.min(...ports), Math.max(...ports)], [COUNT, 49_152, 65_535]);
  assertEquals(open(PEER), OpenError.NO_PORT);
  assertEquals(typeof open(IpAddress.v4(10, 0, 0, 77)), "object", "another peer is another matter");
  assertEquals(tcpOfStack.freePort(), 0, "a listener would take a port that is in use");
});

Deno.test("a free port is one that no listener and no connection has", () => {
  const host = new TestHost();
  const { tcp: tcpOfStack } = host.stack;
  for (let i = 0; i < 200; i++) {
    const port = tcpOfStack.freePort();
    if (i % 2 === 0) assert(tcpOfStack.listen(null, port, 8, () => {}) !== undefined);
    else assert(typeof tcpOfStack.open(PEER, 80, null, port, NO_USER, host.now) !== "number");
  }
});

Deno.test("users are told when the batch ends, in the order of what happened, and may make calls then", () => {
  const host = new TestHost();
  const { tcp: tcpOfStack } = host.stack;
  const events: string[] = [];
  const tcb = tcpOfStack.open(PEER, 80, null, 50_000, {
    onOpen: () => {
      events.push("open");
      tcpOfStack.send(tcb, Uint8Array.of(1), host.now);
    },
    onReadable: () => {
      events.push("readable");
      tcpOfStack.receiveText(tcb, new Uint8Array(10), host.now);
      tcpOfStack.close(tcb, host.now);
    },
    onWritable: () => void events.push("writable"),
    onClosed: () => void events.push("closed"),
  }, host.now) as Tcb;
  host.take();
  const ports = { sourcePort: 80, destinationPort: 50_000, flags: SYN | ACK };
  const sent = host.receive(
    tcp({ ...ports, seq: 5, ack: tcb.snd.nxt, payload: Uint8Array.of(7) }),
  );
  assertEquals(events, ["open", "readable", "writable"]);
  // The text of the one callback, and the FIN of the other; both acknowledge.
  assertEquals(sent.map((packet) => parseSegment(packet).flags), [ACK | 8, ACK | 1]);
  assertEquals(tcb.state, State.FIN_WAIT_1);
});

Deno.test("nothing is due when nothing is going on", () => {
  const host = new TestHost();
  const { stack } = host;
  assertEquals(stack.nextDeadline(), Infinity);
  stack.tcp.listen(null, 80, 8, () => {});
  assertEquals(stack.nextDeadline(), Infinity);
  const tcb = stack.tcp.open(PEER, 80, null, 0, NO_USER, host.now) as Tcb;
  assertEquals(stack.nextDeadline(), host.now + 1000);
  stack.tcp.abort(tcb, host.now);
  assert(stack.nextDeadline() <= host.now); // whoever uses it is told
  stack.poll(host.now);
  assertEquals(stack.nextDeadline(), Infinity);
});
