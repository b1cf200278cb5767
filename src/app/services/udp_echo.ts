/**
 * UDP echo (RFC 862) on every port, discard (RFC 863) on its own.
 *
 * @module
 */

import type { NetworkStack } from "../../host/network_stack.ts";
import { copyBytes } from "../../wire/bytes.ts";
import { Drop } from "../../wire/drop.ts";

const ECHO = 7;
const DISCARD = 9;
const CHARGEN = 19;

/**
 * Answers every datagram to a port that nobody else has with its own payload.
 *
 * @param reverse Whether to turn the payload round.
 */
export function echoDatagrams(stack: NetworkStack, reverse: boolean): void {
  const { udp } = stack.core;
  udp.bind({
    address: null,
    port: 0,
    datagram({ packet, at, end, sourcePort, destinationPort }) {
      if (packet.isGroup) return Drop.NONE; // everybody at once would be a flood
      // Two services that answer each other would never stop; and port 0 wants no answer.
      if (sourcePort === 0 || sourcePort === ECHO || sourcePort === CHARGEN) return Drop.NONE;
      const length = end - at;
      const { outgoing: { bytes }, payloadAt } = udp;
      copyBytes(packet.bytes, at, bytes, payloadAt, length);
      if (reverse) bytes.subarray(payloadAt, payloadAt + length).reverse();
      udp.sendOutgoing(packet.destination, destinationPort, packet.source, sourcePort, length);
      return Drop.NONE;
    },
  });
}

/** Takes datagrams to the discard port, and forgets them. */
export function discardDatagrams(stack: NetworkStack): void {
  stack.core.udp.bind({ address: null, port: DISCARD, datagram: () => Drop.NONE });
}
