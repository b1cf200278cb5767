/**
 * An Ethernet switch in memory, for networks of several stacks in one process.
 *
 * @module
 */

import { stationMac } from "../base/station_mac.ts";
import { ETHERNET_HEADER, ETHERNET_SOURCE } from "../wire/ethernet.ts";
import { isGroupMac } from "../wire/mac.ts";
import type { Packet } from "../wire/packet.ts";
import type { Device, DeviceCounters } from "./device.ts";
import { MemoryDevice, numberedMac } from "./memory_device.ts";

/** Settings of {@linkcode memorySwitch}. */
export interface MemorySwitchOptions {
  /** Largest IP packet, in bytes, by default 1500. */
  mtu?: number;
  /** Most frames that wait at each device, by default 512; what comes on top is dropped. */
  queue?: number;
}

/** Settings of a device on a {@linkcode MemorySwitch}. */
export interface PlugOptions {
  /** Name of the device; by default `port0` and so on. */
  name?: string;
  /** Its hardware address; by default 02:00:00:00:00:01 and so on. */
  mac?: string | Uint8Array;
}

/** A switch, which lasts as long as someone uses it. */
export interface MemorySwitch {
  /**
   * Plugs in a new device. Closing it unplugs it.
   *
   * @throws {TypeError} If `mac` is not the hardware address of one device.
   */
  connect(options?: PlugOptions): Device;
  /** Counts of the frames that came through the switch. */
  counters(): DeviceCounters;
}

/**
 * Makes a switch that learns behind which device an address is, and floods what is for everyone,
 * for a group, or for an address that it doesn't know. Frames never go back where they came from.
 *
 * @example Two stacks on one Ethernet
 * ```ts ignore
 * const network = memorySwitch();
 * await using a = createStack({ device: network.connect(), address: "10.0.0.1/24" });
 * await using b = createStack({ device: network.connect(), address: "10.0.0.2/24" });
 * ```
 */
export function memorySwitch(options: MemorySwitchOptions = {}): MemorySwitch {
  return new Switch(options.mtu ?? 1500, options.queue ?? 512);
}

/** Places for learnt addresses, a power of two. */
const PLACES = 1024;

class Switch implements MemorySwitch {
  readonly #mtu: number;
  readonly #queue: number;
  /** By port; `null` where a device has been unplugged. */
  readonly #ports: (MemoryDevice | null)[] = [];
  // What has been learnt. An address has one place, so a flood of addresses costs no memory and
  // only makes others unlearnt; nothing ages, because devices say when they are unplugged.
  readonly #high = new Uint16Array(PLACES);
  readonly #low = new Uint32Array(PLACES);
  readonly #learnt: (MemoryDevice | null)[] = new Array(PLACES).fill(null);
  #plugged = 0;
  #forwarded = 0;
  #flooded = 0;
  #filtered = 0;
  #dropped = 0;

  constructor(mtu: number, queue: number) {
    this.#mtu = mtu;
    this.#queue = queue;
  }

  connect(options: PlugOptions = {}): Device {
    const n = this.#plugged++;
    const { name = `port${n}`, mac = numberedMac(n + 1) } = options;
    const capabilities = { medium: "ethernet", mac: stationMac(mac) } as const;
    const free = this.#ports.indexOf(null);
    const port = free === -1 ? this.#ports.length : free;
    const device: MemoryDevice = new MemoryDevice(name, this.#mtu, this.#queue, capabilities, {
      transmit: (frame) => this.#transmit(device, frame),
      unplug: () => this.#unplug(device, port),
    });
    this.#ports[port] = device;
    return device;
  }

  counters(): DeviceCounters {
    return {
      switchForwarded: this.#forwarded,
      switchFlooded: this.#flooded,
      switchFiltered: this.#filtered,
      switchDropped: this.#dropped,
    };
  }

  #transmit(from: MemoryDevice, frame: Packet): boolean {
    const { bytes, view, at, end } = frame;
    if (end - at < ETHERNET_HEADER) return false;
    const sourceAt = at + ETHERNET_SOURCE;
    if (!isGroupMac(bytes, sourceAt)) this.#learn(view, sourceAt, from);
    const to = isGroupMac(bytes, at) ? null : this.#lookUp(view, at);
    if (to === from) {
      this.#filtered++;
    } else if (to !== null) {
      this.#forwarded++;
      this.#deliver(to, frame);
    } else {
      this.#flooded++;
      for (const device of this.#ports) {
        if (device !== null && device !== from) this.#deliver(device, frame);
      }
    }
    return true;
  }

  /** As on a real wire, the sender does not learn that a receiver had no room. */
  #deliver(to: MemoryDevice, frame: Packet): void {
    if (!to.deliver(frame)) this.#dropped++;
  }

  #learn(view: DataView, at: number, device: MemoryDevice): void {
    const place = placeOf(view, at);
    this.#high[place] = view.getUint16(at);
    this.#low[place] = view.getUint32(at + 2);
    this.#learnt[place] = device;
  }

  #lookUp(view: DataView, at: number): MemoryDevice | null {
    const place = placeOf(view, at);
    const isThere = this.#high[place] === view.getUint16(at) &&
      this.#low[place] === view.getUint32(at + 2);
    return isThere ? this.#learnt[place]! : null;
  }

  #unplug(device: MemoryDevice, port: number): void {
    this.#ports[port] = null;
    for (let place = 0; place < PLACES; place++) {
      if (this.#learnt[place] === device) this.#learnt[place] = null;
    }
  }
}

/** The place of the address at `view[at]`: addresses that follow each other have different ones. */
function placeOf(view: DataView, at: number): number {
  const low = view.getInt32(at + 2);
  return (low ^ (low >>> 10) ^ (low >>> 20) ^ view.getUint16(at)) & (PLACES - 1);
}
