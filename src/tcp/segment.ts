/**
 * One arriving segment, as RFC 9293 names its variables.
 *
 * @module
 */

import type { Packet } from "../wire/packet.ts";
import { seqAdd } from "../wire/seq.ts";
import { FIN, SYN, TcpHeader } from "../wire/tcp.ts";
import { TcpOptions } from "../wire/tcp_options.ts";

/** The current segment (RFC 9293 §3.3.1). Made once, filled for each segment that arrives. */
export class Segment {
  /** Holds the addresses and the memory. */
  packet!: Packet;
  sourcePort = 0;
  destinationPort = 0;
  /** SEG.SEQ. */
  seq = 0;
  /** SEG.ACK. */
  ack = 0;
  /** SEG.WND, as sent. */
  wnd = 0;
  /** The control bits. */
  flags = 0;
  /** SEG.UP: the sequence number behind the urgent text; means something with URG only. */
  up = 0;
  /** Offset of the text in the packet's memory. */
  textAt = 0;
  /** Length of the text, in bytes. */
  textLength = 0;
  /** How many segments it stands for: of a super-segment more than 1. */
  segments = 1;
  readonly options: TcpOptions = new TcpOptions();
  #header = new TcpHeader();

  /** Reads a segment that has been checked. */
  load(packet: Packet): this {
    const header = this.#header.bind(packet.view, packet.transportAt);
    const textAt = packet.transportAt + header.dataOffset;
    this.packet = packet;
    this.sourcePort = header.sourcePort;
    this.destinationPort = header.destinationPort;
    this.seq = header.seq;
    this.ack = header.ack;
    this.wnd = header.window;
    this.flags = header.flags;
    this.up = seqAdd(header.seq, header.urgentPointer);
    this.textAt = textAt;
    const textLength = packet.end - textAt;
    const size = packet.segmentSize;
    this.textLength = textLength;
    this.segments = size > 0 && textLength > size ? Math.ceil(textLength / size) : 1;
    this.options.parse(packet.view, packet.transportAt + 20, textAt);
    return this;
  }

  /** SEG.LEN: the text, SYN and FIN counted. */
  get length(): number {
    return this.textLength + ((this.flags & SYN) !== 0 ? 1 : 0) +
      ((this.flags & FIN) !== 0 ? 1 : 0);
  }
}
