/**
 * Segments that belong to no connection: they answer what came, and nothing is kept of them.
 *
 * @module
 */

import { pseudoHeaderSum } from "../wire/checksum.ts";
import type { IpAddress } from "../wire/address.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import { seqAdd } from "../wire/seq.ts";
import { ACK, RST, SYN, TCP_MIN_HEADER, TcpHeader } from "../wire/tcp.ts";
import {
  writeMss,
  writeSackPermitted,
  writeTimestamps,
  writeWindowScale,
} from "../wire/tcp_options.ts";
import type { ConnectionOptions } from "./connection_options.ts";
import type { Segment } from "./segment.ts";
import type { TimeWait } from "./time_wait.ts";
import { MAX_WINDOW, scaleFor, type TcpContext } from "./tcb.ts";

const header = new TcpHeader();

/**
 * Answers a segment that belongs to no connection (RFC 9293 §3.10.7.1), or that acknowledges what
 * was never sent (§3.5.2), with a RST that the peer will accept. Never answers a RST.
 */
export function resetReply(context: TcpContext, seg: Segment): void {
  if ((seg.flags & RST) !== 0) return;
  context.counters.tcpResetsSent++;
  if ((seg.flags & ACK) !== 0) {
    answer(context, seg, seg.ack, 0, RST);
  } else {
    answer(context, seg, 0, seqAdd(seg.seq, seg.length), RST | ACK);
  }
}

/**
 * Answers a SYN with a SYN,ACK of which nothing is kept: with a SYN cookie.
 *
 * @param iss The cookie.
 * @param stamp Our timestamp, with the other options of the SYN in it; -1 for none: nothing can
 * be remembered then but the MSS.
 * @param flags Those besides SYN and ACK.
 * @param buffer Size of the receive buffer that the connection will have, in bytes.
 */
export function sendSynCookie(
  context: TcpContext,
  seg: Segment,
  iss: number,
  stamp: number,
  flags: number,
  chosen: ConnectionOptions,
): void {
  const { config, network } = context;
  const { options, packet: { source } } = seg;
  const linkMss = network.maxLinkMessage(source) - TCP_MIN_HEADER;
  const { view, messageAt } = network.outgoing;
  let end = messageAt + TCP_MIN_HEADER;
  end += writeMss(view, end, Math.min(linkMss, chosen.maxSegment ?? linkMss));
  if (stamp >= 0) {
    if (config.sack && options.sackPermitted) end += writeSackPermitted(view, end);
    end += writeTimestamps(view, end, stamp, options.timestampValue);
    if (config.windowScaling && options.windowScale >= 0) {
      end += writeWindowScale(view, end, scaleFor(config.receiveBufferMax));
    }
  }
  context.counters.tcpSynCookiesSent++;
  const window = Math.min(chosen.receiveBuffer ?? config.receiveBuffer, MAX_WINDOW);
  const ack = seqAdd(seg.seq, 1);
  answer(context, seg, iss, ack, SYN | ACK | flags, window, end);
}

/** Acknowledges something for a connection in TIME_WAIT. */
export function sendTimeWaitAck(context: TcpContext, timeWait: TimeWait, now: number): void {
  const { local, localPort, remote, remotePort, timestamps } = timeWait;
  const { view, messageAt } = context.network.outgoing;
  let end = messageAt + TCP_MIN_HEADER;
  if (timestamps.enabled) {
    end += writeTimestamps(view, end, timestamps.value(now), timestamps.recent);
  }
  header.bind(view, messageAt);
  header.sourcePort = localPort;
  header.destinationPort = remotePort;
  header.seq = timeWait.sendNext;
  header.ack = timeWait.receiveNext;
  sendBare(context, local, remote, ACK, timeWait.window, end);
}

/** Sends a header that answers `seg` and belongs to no connection; options are in place, to `end`. */
function answer(
  context: TcpContext,
  seg: Segment,
  seq: number,
  ack: number,
  flags: number,
  window = 0,
  end = context.network.outgoing.messageAt + TCP_MIN_HEADER,
): void {
  const { source, destination } = seg.packet;
  const { view, messageAt } = context.network.outgoing;
  header.bind(view, messageAt);
  header.sourcePort = seg.destinationPort;
  header.destinationPort = seg.sourcePort;
  header.seq = seq;
  header.ack = ack;
  sendBare(context, destination, source, flags, window, end);
}

/** Completes a header whose ports and numbers are in place, and options to `end`, and sends it. */
function sendBare(
  context: TcpContext,
  local: IpAddress,
  remote: IpAddress,
  flags: number,
  window: number,
  end: number,
): void {
  const packet = context.network.outgoing;
  packet.end = end;
  header.dataOffset = end - packet.messageAt;
  header.flags = flags;
  header.window = window;
  header.urgentPointer = 0;
  header.writeChecksum(
    packet.end,
    pseudoHeaderSum(local, remote, PROTOCOL.TCP, end - packet.messageAt),
  );
  context.counters.tcpSent++;
  bareOptions.ttl = context.config.ttl;
  context.network.send(local, remote, PROTOCOL.TCP, bareOptions);
}

const bareOptions = { ttl: 64, tos: 0, dontFragment: true };
