/**
 * Packets and states in words: one line for each, as a person wants to read it.
 *
 * @module
 */

import { cyan, dim, green, magenta } from "@std/fmt/colors";
import { STATE_NAMES } from "../../tcp/state.ts";
import type { StateObserver } from "../../tcp/tcp.ts";
import { Packet } from "../../wire/packet.ts";
import type { Medium } from "../device.ts";
import { Conversations } from "./conversations.ts";
import { describeFrame } from "./describe_frame.ts";
import { describeIp } from "./describe_ip.ts";
import { hexDump } from "./hex_dump.ts";
import { endpoint } from "./words.ts";

/** How a trace looks. */
export interface TraceOptions {
  /** Whether to follow each packet with its bytes. */
  hex: boolean;
  /** The time of a line, in milliseconds. */
  now(): number;
  /** Takes one line, without its end. */
  print(line: string): void;
}

/** Writes a line for each packet and each change of state. */
export class Tracer {
  #options: TraceOptions;
  #start: number;
  #conversations = new Conversations();

  constructor(options: TraceOptions) {
    this.#options = options;
    this.#start = options.now();
  }

  /** Shows a packet, or a frame, that came in (`<`) or goes out (`>`). */
  packet(direction: "<" | ">", packet: Packet, medium: Medium = "ip"): void {
    const mark = direction === "<" ? cyan("<") : green(">");
    // What is found in it is written to a copy of the place, not of the bytes.
    const place = new Packet(packet.bytes).place(packet.at, packet.end);
    place.isPartial = packet.isPartial;
    place.segmentSize = packet.segmentSize;
    const describe = medium === "ethernet" ? describeFrame : describeIp;
    this.#line(mark, describe(place, this.#conversations));
    if (this.#options.hex) {
      for (const line of hexDump(packet.bytes, packet.at, packet.end)) {
        this.#options.print(dim(line));
      }
    }
  }

  /** Shows a change of a connection's state. */
  readonly state: StateObserver = (tcb, next) => {
    const local = endpoint(tcb.local, tcb.localPort);
    const remote = endpoint(tcb.remote, tcb.remotePort);
    const change = `${STATE_NAMES[tcb.state]} → ${STATE_NAMES[next]}`;
    this.#line(magenta("*"), `${local} - ${remote} ${magenta(change)}`);
  };

  #line(mark: string, text: string): void {
    const seconds = ((this.#options.now() - this.#start) / 1000).toFixed(6).padStart(11);
    this.#options.print(`${dim(seconds)} ${mark} ${text}`);
  }
}
