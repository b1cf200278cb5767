/**
 * ARP at a host (RFC 826, RFC 1122 §2.3.2), and the detection of other hosts that have an address
 * of ours (RFC 5227).
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import { Deadlines, type Timed } from "../base/deadlines.ts";
import type { Env } from "../base/env.ts";
import { IpAddress } from "../wire/address.ts";
import {
  ARP_LENGTH,
  ARP_OPERATION,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  ARP_TARGET_MAC,
  ArpHeader,
  checkArp,
} from "../wire/arp.ts";
import { Drop } from "../wire/drop.ts";
import { BROADCAST_MAC, isMacAt, MAC_LENGTH, storeMac } from "../wire/mac.ts";
import { LINK_HEADROOM, Packet } from "../wire/packet.ts";
import type { Advertisement, NeighborCache } from "./neighbors.ts";

/** Times in milliseconds; the names that RFC 5227 §1.1 has for them stand behind. */
export interface ArpConfig {
  /** Longest wait before the first probe: `PROBE_WAIT`. */
  readonly probeWait: number;
  /** `PROBE_NUM`. */
  readonly probes: number;
  /** From one probe to the next, at least: `PROBE_MIN`. */
  readonly probeMin: number;
  /** From one probe to the next, at most: `PROBE_MAX`. */
  readonly probeMax: number;
  /** From the last probe until the address is ours: `ANNOUNCE_WAIT`. */
  readonly announceWait: number;
  /** `ANNOUNCE_NUM`. */
  readonly announcements: number;
  /** `ANNOUNCE_INTERVAL`. */
  readonly announceInterval: number;
  /** Conflicts after which addresses are claimed more slowly: `MAX_CONFLICTS`. */
  readonly maxConflicts: number;
  /** From one claim to the next, then: `RATE_LIMIT_INTERVAL`. */
  readonly rateLimitInterval: number;
  /** An address is defended once in this time: `DEFEND_INTERVAL`. */
  readonly defendInterval: number;
  /**
   * Whether addresses that are announced at once are kept whatever comes (§2.4 c), as those of
   * servers and routers are. Those that were claimed are given up.
   */
  readonly keepAddresses: boolean;
}

/** The settings that hold where nothing else is said. */
export const DEFAULT_ARP_CONFIG: ArpConfig = {
  probeWait: 1000,
  probes: 3,
  probeMin: 1000,
  probeMax: 2000,
  announceWait: 2000,
  announcements: 2,
  announceInterval: 2000,
  maxConflicts: 10,
  rateLimitInterval: 60_000,
  defendInterval: 10_000,
  keepAddresses: false,
};

/** What ARP asks of the interface that it works for. */
export interface ArpHooks {
  /** Whether the IPv4 address is in use here; one that is still being probed is not. */
  isOwn4(address: IpAddress): boolean;
  /** The own address that asks for `target`; without one nobody is asked. */
  sourceFor4(target: IpAddress): IpAddress | undefined;
  /** Nobody else has the address that {@linkcode Arp.claim} was called for: it may be used. */
  claimed(address: IpAddress, now: number): void;
  /**
   * The host at `mac` (lent) has the address: it must not be used, or not any more. Not called if
   * addresses are kept.
   */
  conflict(address: IpAddress, mac: Uint8Array, now: number): void;
}

/** Sends a packet to a hardware address. */
export type SendArp = (packet: Packet, mac: Uint8Array) => boolean;

const PROBING = 0;
const ANNOUNCING = 1;

/** An address that we want or have. */
class Claim implements Timed {
  readonly address: IpAddress;
  phase: typeof PROBING | typeof ANNOUNCING;
  /** Whether it began with probes: others may have been given the address by the same server. */
  readonly isProbed: boolean;
  /** Packets sent in this phase. */
  sent = 0;
  /** When it was last defended, in milliseconds. */
  defendedAt = -Infinity;
  deadline = Infinity;
  heapIndex = -1;

  constructor(address: IpAddress, phase: typeof PROBING | typeof ANNOUNCING) {
    this.address = address.clone();
    this.phase = phase;
    this.isProbed = phase === PROBING;
  }
}

/** What stands where nothing is known. */
const UNSPECIFIED = IpAddress.v4(0, 0, 0, 0);
const NO_MAC = new Uint8Array(MAC_LENGTH);

/** What a reply to a request of ours is worth: in ARP the last one always holds (RFC 826). */
const ANSWER: Advertisement = { solicited: true, override: true, isRouter: false };
/** What any other packet tells about an address that is known. */
const NEWS: Advertisement = { solicited: false, override: true, isRouter: false };

/** ARP on one link. */
export class Arp {
  #mac: Uint8Array;
  #neighbors: NeighborCache;
  #send: SendArp;
  #hooks: ArpHooks;
  #counters: Counters;
  #env: Env;
  #config: ArpConfig;
  /** Memory of its own, so that packets can be sent while another one is being built. */
  #outgoing = new Packet(new Uint8Array(LINK_HEADROOM + ARP_LENGTH));
  #header = new ArpHeader();
  #sender = IpAddress.scratch();
  #target = IpAddress.scratch();
  #senderMac = new Uint8Array(MAC_LENGTH);
  #claims: Claim[] = [];
  #deadlines = new Deadlines<Claim>();
  #conflicts = 0;
  /** When probing last began, or will, in milliseconds. */
  #probedAt = -Infinity;

  constructor(
    mac: Uint8Array,
    neighbors: NeighborCache,
    send: SendArp,
    hooks: ArpHooks,
    counters: Counters,
    env: Env,
    config: Partial<ArpConfig> = {},
  ) {
    this.#mac = mac;
    this.#neighbors = neighbors;
    this.#send = send;
    this.#hooks = hooks;
    this.#counters = counters;
    this.#env = env;
    this.#config = { ...DEFAULT_ARP_CONFIG, ...config };
    this.#outgoing.place(LINK_HEADROOM, LINK_HEADROOM + ARP_LENGTH);
    this.#header.bind(this.#outgoing.view, LINK_HEADROOM).writeFormat();
  }

  /** Takes a packet, which starts at `packet.at`. */
  receive(packet: Packet, now: number): Drop {
    this.#counters.arpReceived++;
    const { bytes, view, at } = packet;
    const drop = checkArp(bytes, view, at, packet.end);
    if (drop !== Drop.NONE) return drop;
    if (isMacAt(this.#mac, bytes, at + ARP_SENDER_MAC)) return Drop.ARP_NOT_FOR_US; // an echo
    const operation = this.#header.bind(view, at).operation;
    const sender = this.#sender.load4(view, at + ARP_SENDER_IP);
    const target = this.#target.load4(view, at + ARP_TARGET_IP);
    for (let i = 0; i < MAC_LENGTH; i++) this.#senderMac[i] = bytes[at + ARP_SENDER_MAC + i]!;
    if (sender.isMulticast || sender.isBroadcast || sender.isLoopback) return Drop.ARP_BAD_FORMAT;

    if (this.#isConflict(operation)) {
      this.#resolveConflict(sender.isUnspecified ? target : sender, now);
      return Drop.TAKEN;
    }
    const isAsked = operation === ARP_OPERATION.REQUEST && this.#hooks.isOwn4(target);
    // The order of RFC 826: what is known of the sender is brought up to date before the operation
    // is looked at. But only who wants something of us is learned: all else anybody can make up.
    let isKnown = false;
    if (!sender.isUnspecified) isKnown = this.#merge(operation, isAsked, now);
    if (isAsked) this.#reply();
    return isAsked || isKnown ? Drop.TAKEN : Drop.ARP_NOT_FOR_US;
  }

  /** Brings up to date what is known of the sender; `false` if it is not known. */
  #merge(operation: number, isAsked: boolean, now: number): boolean {
    const neighbors = this.#neighbors;
    const sender = this.#sender;
    if (isAsked) {
      neighbors.heardFrom(sender, this.#senderMac, now);
      return true;
    }
    if (neighbors.stateOf(sender) === null) return false;
    const isAnswer = operation === ARP_OPERATION.REPLY && neighbors.isAsked(sender) &&
      this.#hooks.isOwn4(this.#target);
    neighbors.advertised(sender, this.#senderMac, isAnswer ? ANSWER : NEWS, now);
    return true;
  }

  #reply(): void {
    // Sender and target change places, and only who asked gets it (RFC 826).
    const sent = this.#transmit(
      ARP_OPERATION.REPLY,
      this.#target,
      this.#senderMac,
      this.#sender,
      this.#senderMac,
    );
    if (sent) this.#counters.arpRepliesSent++;
  }

  /**
   * Asks for the hardware address of `target`: everybody if `mac` is `null`, else the host that had
   * it (RFC 1122 §2.3.2.1).
   */
  request(target: IpAddress, mac: Uint8Array | null): void {
    const source = this.#hooks.sourceFor4(target);
    if (source !== undefined) this.#sendRequest(source, target, mac ?? BROADCAST_MAC);
  }

  /**
   * Begins to find out whether anybody has `address` (RFC 5227 §2.1): after some 4 to 9 seconds
   * `claimed` is called, and the address announced, or `conflict` before that.
   */
  claim(address: IpAddress, now: number): void {
    const { probeWait, maxConflicts, rateLimitInterval } = this.#config;
    let start = now + this.#between(0, probeWait);
    if (this.#conflicts >= maxConflicts) {
      start = Math.max(start, this.#probedAt + rateLimitInterval);
    }
    this.#probedAt = start;
    this.#begin(address, PROBING, start);
  }

  /**
   * Tells everybody, from the next poll on, that `address` is ours (RFC 5227 §2.3), and defends it:
   * for one that was not probed, or after the link was away. Takes no time, as it only marks.
   */
  announce(address: IpAddress): void {
    this.#begin(address, ANNOUNCING, -Infinity);
  }

  /** Gives up an address, or the wish for it: nothing is sent for it any more. */
  release(address: IpAddress): void {
    const index = this.#claims.findIndex((claim) => claim.address.equals(address));
    if (index === -1) return;
    const [claim] = this.#claims.splice(index, 1);
    this.#deadlines.remove(claim!);
  }

  /** Sends the probes and announcements that are due at `now`. */
  poll(now: number): void {
    for (
      let claim = this.#deadlines.due(now);
      claim !== undefined;
      claim = this.#deadlines.due(now)
    ) {
      if (claim.phase === PROBING) this.#probe(claim, now);
      else this.#announce(claim, now);
    }
  }

  /** When {@linkcode poll} is due, in ms; `-Infinity` at once, `Infinity` never. */
  nextDeadline(): number {
    return this.#deadlines.next();
  }

  #begin(address: IpAddress, phase: typeof PROBING | typeof ANNOUNCING, deadline: number): void {
    this.release(address);
    const claim = new Claim(address, phase);
    this.#claims.push(claim);
    this.#setDeadline(claim, deadline);
  }

  #probe(claim: Claim, now: number): void {
    const { probes, probeMin, probeMax, announceWait } = this.#config;
    if (claim.sent < probes) {
      this.#sendRequest(UNSPECIFIED, claim.address, BROADCAST_MAC);
      claim.sent++;
      const wait = claim.sent < probes ? this.#between(probeMin, probeMax) : announceWait;
      this.#setDeadline(claim, now + wait);
      return;
    }
    claim.phase = ANNOUNCING;
    claim.sent = 0;
    this.#setDeadline(claim, now);
    this.#hooks.claimed(claim.address, now);
  }

  #announce(claim: Claim, now: number): void {
    const { announcements, announceInterval } = this.#config;
    if (claim.sent < announcements) {
      this.#sendRequest(claim.address, claim.address, BROADCAST_MAC);
      claim.sent++;
    }
    this.#setDeadline(claim, claim.sent < announcements ? now + announceInterval : Infinity);
  }

  /** Whether the packet at hand shows another host with an address that we have or want. */
  #isConflict(operation: number): boolean {
    const sender = this.#sender;
    if (!sender.isUnspecified) {
      return this.#hooks.isOwn4(sender) || this.#claimOf(sender) !== undefined;
    }
    // Another host probes for the address that we probe for (RFC 5227 §2.1.1).
    return operation === ARP_OPERATION.REQUEST && this.#claimOf(this.#target)?.phase === PROBING;
  }

  #resolveConflict(address: IpAddress, now: number): void {
    this.#counters.arpConflicts++;
    this.#conflicts++;
    let claim = this.#claimOf(address);
    if (claim === undefined) {
      claim = new Claim(address, ANNOUNCING);
      this.#claims.push(claim);
    }
    if (claim.phase === PROBING) {
      this.#yieldAddress(claim, now);
    } else if (now - claim.defendedAt >= this.#config.defendInterval) {
      claim.defendedAt = now;
      this.#sendRequest(claim.address, claim.address, BROADCAST_MAC);
    } else if (claim.isProbed || !this.#config.keepAddresses) {
      this.#yieldAddress(claim, now);
    }
  }

  #yieldAddress({ address }: Claim, now: number): void {
    this.release(address);
    this.#hooks.conflict(address, this.#senderMac, now);
  }

  #claimOf(address: IpAddress): Claim | undefined {
    for (let i = 0; i < this.#claims.length; i++) {
      if (this.#claims[i]!.address.equals(address)) return this.#claims[i];
    }
    return undefined;
  }

  #sendRequest(sender: IpAddress, target: IpAddress, mac: Uint8Array): void {
    if (this.#transmit(ARP_OPERATION.REQUEST, sender, NO_MAC, target, mac)) {
      this.#counters.arpRequestsSent++;
    }
  }

  #transmit(
    operation: number,
    sender: IpAddress,
    targetMac: Uint8Array,
    target: IpAddress,
    to: Uint8Array,
  ): boolean {
    const { bytes, view, at } = this.#outgoing;
    this.#header.bind(view, at).operation = operation;
    storeMac(this.#mac, bytes, at + ARP_SENDER_MAC);
    sender.store(view, at + ARP_SENDER_IP);
    storeMac(targetMac, bytes, at + ARP_TARGET_MAC);
    target.store(view, at + ARP_TARGET_IP);
    return this.#send(this.#outgoing, to);
  }

  #setDeadline(claim: Claim, deadline: number): void {
    claim.deadline = deadline;
    this.#deadlines.update(claim);
  }

  #between(low: number, high: number): number {
    return low + (high - low) * this.#env.random() / 0x1_0000_0000;
  }
}
