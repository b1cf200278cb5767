/**
 * Applications of the simulations: one end of a byte stream, which writes and checks.
 *
 * @module
 */

import { CloseReason, type Tcb, type TcpUser } from "../../src/tcp/tcb.ts";
import type { IpAddress } from "../../src/wire/address.ts";
import type { Host, SimulatedNetwork } from "./network.ts";

/** The byte at `offset` of a stream; `salt` tells one stream from another. */
export function streamByte(offset: number, salt: number): number {
  return (offset * 31 + (offset >>> 8) * 17 + (offset >>> 16) * 7 + salt) & 0xff;
}

/**
 * Writes `total` bytes, then closes its direction; reads what comes, and checks each byte. Both as
 * fast as the connection lets it.
 */
export class Peer implements TcpUser {
  tcb: Tcb | undefined;
  written = 0;
  received = 0;
  /** The first byte that was not what it should be; -1: none. */
  wrongAt = -1;
  #target = new Uint8Array(16_384);
  #chunk = new Uint8Array(16_384);

  /** @param expectedSalt Of what comes; `salt` is of what is written. */
  constructor(
    readonly network: SimulatedNetwork,
    readonly host: Host,
    readonly total: number,
    readonly salt: number,
    readonly expectedSalt: number,
  ) {}

  /** Takes over a connection that is established. */
  attach(tcb: Tcb): void {
    this.tcb = tcb;
    tcb.user = this;
    this.onOpen();
  }

  onOpen(): void {
    this.onWritable();
    this.onReadable();
  }

  onWritable(): void {
    const { tcp } = this.host.stack;
    while (this.written < this.total) {
      const { free } = this.tcb!.sendBuffer;
      const length = Math.min(this.#chunk.length, this.total - this.written, free);
      for (let i = 0; i < length; i++) this.#chunk[i] = streamByte(this.written + i, this.salt);
      const taken = tcp.send(this.tcb!, this.#chunk.subarray(0, length), this.network.now);
      this.written += taken;
      if (taken === 0) return;
    }
    tcp.close(this.tcb!, this.network.now);
  }

  onReadable(): void {
    const { tcp } = this.host.stack;
    for (;;) {
      const n = tcp.receiveText(this.tcb!, this.#target, this.network.now);
      if (n === 0) return;
      for (let i = 0; i < n && this.wrongAt < 0; i++) {
        const offset = this.received + i;
        if (this.#target[i] !== streamByte(offset, this.expectedSalt)) this.wrongAt = offset;
      }
      this.received += n;
    }
  }

  onClosed(): void {}

  /** Everything has been said and heard, and the connection is closed or in TIME_WAIT. */
  get done(): boolean {
    return this.tcb !== undefined && this.tcb.reason !== CloseReason.NONE;
  }
}

/** What came of a transfer. */
export interface Transfer {
  client: Peer;
  server: Peer;
  /** How long it took, in milliseconds of virtual time. */
  time: number;
}

/**
 * Opens a connection from `a` to port 7 of `b`, over which both write.
 *
 * @param to Which of `b`'s addresses.
 * @throws {Error} If the connection cannot be opened.
 */
export function begin(
  network: SimulatedNetwork,
  a: Host,
  b: Host,
  bytes: { toServer: number; toClient: number },
  to: IpAddress = b.address,
): { client: Peer; server: Peer } {
  const server = new Peer(network, b, bytes.toClient, 2, 1);
  const client = new Peer(network, a, bytes.toServer, 1, 2);
  const listener = b.stack.tcp.listen(to, 7, 16, () => {
    const tcb = listener!.accept();
    if (tcb !== undefined && server.tcb === undefined) server.attach(tcb);
  });
  const opened = a.stack.tcp.open(to, 7, null, 0, client, network.now);
  if (typeof opened === "number") throw new Error(`The open failed: ${opened}`);
  client.tcb = opened;
  return { client, server };
}

/**
 * Does what {@linkcode begin} does, and waits until both sides have closed.
 *
 * @throws {Error} If that takes longer than `limit` ms.
 */
export function transfer(
  network: SimulatedNetwork,
  a: Host,
  b: Host,
  bytes: { toServer: number; toClient: number },
  limit: number,
): Transfer {
  const start = network.now;
  const { client, server } = begin(network, a, b, bytes);
  network.run(() => client.done && server.done, limit);
  return { client, server, time: network.now - start };
}
