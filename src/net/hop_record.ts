/**
 * IPv4 options that packets collect on their way: where they have been, and when (RFC 791 §3.1).
 *
 * @module
 */

import type { Network } from "../base/network.ts";
import { IpAddress } from "../wire/address.ts";
import { copyBytes } from "../wire/bytes.ts";
import { IPV4_MIN_HEADER } from "../wire/ipv4.ts";
import {
  IPV4_OPTION,
  Ipv4Options,
  prespecifiedAt,
  recordRoute,
  recordTime,
} from "../wire/ipv4_options.ts";
import type { Packet } from "../wire/packet.ts";

/** Most bytes of options that a header has. */
const MOST_OPTIONS = 40;
/** Set in times that are not milliseconds since midnight UT: we know how time goes by, no more. */
const NON_STANDARD = 0x8000_0000;

/** Writes us into those options. */
export class HopRecorder {
  #network: Pick<Network, "isOwn">;
  #options = new Ipv4Options();
  #chosen = IpAddress.scratch();
  #copy = new Uint8Array(MOST_OPTIONS);
  #copyView = new DataView(this.#copy.buffer);

  constructor(network: Pick<Network, "isOwn">) {
    this.#network = network;
  }

  /**
   * Adds us to the options of a packet that goes on to another host (RFC 1812 §5.2.4.1): of those
   * that IP has found to be good.
   *
   * @param headerAt Where its header starts, in the view.
   * @param address Ours, on the link that it leaves by.
   * @param now In milliseconds.
   * @returns Whether something has changed: the header needs another checksum then.
   */
  record(view: DataView, headerAt: number, address: IpAddress, now: number): boolean {
    const end = headerAt + ((view.getUint8(headerAt) & 15) << 2);
    if (end === headerAt + IPV4_MIN_HEADER) return false;
    return this.#record(view, headerAt + IPV4_MIN_HEADER, end, address, now);
  }

  #record(view: DataView, at: number, end: number, address: IpAddress, now: number): boolean {
    const options = this.#options;
    options.check(view, at, at, end);
    const { recordRouteAt, timestampAt } = options;
    if (recordRouteAt >= 0) recordRoute(view, recordRouteAt, address);
    if (timestampAt >= 0) this.#recordTime(view, timestampAt, address, now);
    return recordRouteAt >= 0 || timestampAt >= 0;
  }

  #recordTime(view: DataView, at: number, address: IpAddress, now: number): void {
    const time = (now | NON_STANDARD) >>> 0;
    const chosenAt = prespecifiedAt(view, at);
    if (chosenAt === -1) recordTime(view, at, address, time);
    else if (this.#network.isOwn(this.#chosen.load4(view, chosenAt))) {
      recordTime(view, at, this.#chosen, time);
    }
  }

  /**
   * The options that the answer to an echo request carries on, us in them (RFC 1122 §3.2.2.6).
   *
   * @param request As IP laid it open; it stays as it is.
   * @returns A multiple of 4 bytes, lent until the next call; `undefined` if there are none.
   */
  answer(request: Packet, now: number): Uint8Array | undefined {
    const { view, bytes, at: headerAt } = request;
    const at = headerAt + IPV4_MIN_HEADER;
    const end = headerAt + ((view.getUint8(headerAt) & 15) << 2);
    if (at === end) return undefined;
    const options = this.#options;
    options.check(view, headerAt, at, end);
    const { recordRouteAt, timestampAt } = options;
    let length = 0;
    for (const optionAt of [recordRouteAt, timestampAt]) {
      if (optionAt === -1) continue;
      const optionLength = view.getUint8(optionAt + 1);
      copyBytes(bytes, optionAt, this.#copy, length, optionLength);
      length += optionLength;
    }
    if (length === 0) return undefined;
    while ((length & 3) !== 0) this.#copy[length++] = IPV4_OPTION.END;
    this.#record(this.#copyView, 0, length, request.destination, now);
    return this.#copy.subarray(0, length);
  }
}
