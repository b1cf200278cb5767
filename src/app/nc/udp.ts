/**
 * Input and output joined to a UDP socket.
 *
 * @module
 */

import type { UdpSocket } from "../../socket/udp_socket.ts";
import { aborted, type ExchangeOptions, type Outcome, Session } from "../session.ts";

/** How long to wait when the device has no room for a datagram, in milliseconds. */
const NO_ROOM_DELAY = 1;

/** How an exchange of datagrams is to be. */
export interface DatagramExchangeOptions extends ExchangeOptions {
  /** Takes datagrams of everybody, and sends to whoever has sent last. */
  readonly everybody?: boolean;
  /** Told of each who sends for the first time. */
  readonly onPeer?: (peer: Deno.NetAddr) => void;
}

/**
 * Sends each piece of the input as a datagram, and writes those that come to the output. A socket that
 * is not connected waits for somebody to send something, and then speaks to them alone. Datagrams
 * have no end: it lasts until it is stopped, or nothing moves for long enough.
 *
 * @throws What hosts and routers have said of the datagrams.
 */
export async function exchangeDatagrams(
  socket: UdpSocket,
  options: DatagramExchangeOptions,
): Promise<Outcome> {
  const session = new Session(options, () => socket.close());
  const { everybody = false, onPeer, streams: { input, output } } = options;
  const over = aborted(session.over.signal);
  const found = Promise.withResolvers<void>();
  let peer = socket.remoteAddr;
  if (peer !== null) {
    found.resolve();
    session.moved();
  }

  const send = async () => {
    await Promise.race([found.promise, over]);
    for (;;) {
      const bytes = await Promise.race([input.peek(), over]);
      if (bytes === null) break;
      const to = everybody ? peer! : undefined;
      while (await socket.send(bytes, to) === 0 && bytes.length > 0) {
        await new Promise((resolve) => setTimeout(resolve, NO_ROOM_DELAY));
      }
      input.take();
      session.sent += bytes.length;
      session.moved();
    }
  };

  const receive = async () => {
    for (;;) {
      const [bytes, from] = await socket.receive();
      if (peer?.hostname !== from.hostname || peer.port !== from.port) {
        peer = from;
        if (!everybody) socket.connect(from);
        found.resolve();
        onPeer?.(from);
      }
      await output.write(bytes);
      session.received += bytes.length;
      session.moved();
    }
  };

  try {
    return await session.run(options.signal, send(), receive());
  } finally {
    socket.close();
  }
}
