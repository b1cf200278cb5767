/**
 * DHCP for one interface on Ethernet, the client's side (RFC 2131).
 *
 * Left to whoever runs it: UDP and IP, and the check that nobody has the address already
 * (RFC 5227), whose bad news go to `DhcpClient.decline`.
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import type { Env } from "../base/env.ts";
import { IpAddress } from "../wire/address.ts";
import {
  BOOT_REPLY,
  BROADCAST_FLAG,
  DHCP_HEADER,
  DHCP_MAX_MESSAGE,
  DHCP_TYPE,
  DhcpHeader,
  type DhcpType,
  HARDWARE_ETHERNET,
  HARDWARE_LENGTH,
  isDhcp,
} from "../wire/dhcp.ts";
import { DHCP_OPTION, DhcpBuilder, DhcpOptions, MAX_ANSWER } from "../wire/dhcp_options.ts";
import { type DhcpLease, readLease } from "./dhcp_lease.ts";

/** States (RFC 2131 figure 5). From `BOUND` on there is a lease. */
export const DHCP_STATE = {
  STOPPED: 0,
  INIT: 1,
  SELECTING: 2,
  REQUESTING: 3,
  /** Asks for an address of old. */
  REBOOTING: 4,
  BOUND: 5,
  RENEWING: 6,
  REBINDING: 7,
} as const;

/** One of the values of {@linkcode DHCP_STATE}. */
export type DhcpState = typeof DHCP_STATE[keyof typeof DHCP_STATE];

/**
 * Longest wait before the first message, in milliseconds, so that hosts which start together don't
 * all ask at once. RFC 2131 §4.4.1 says that it SHOULD be one to ten seconds; somebody who waits for
 * the network would take that for a fault.
 */
const MAX_START_DELAY = 1000;
/** How long the first answer is waited for, and the longest wait, in milliseconds (§4.1). */
const FIRST_DELAY = 4000;
const MAX_DELAY = 64_000;
/** How much longer or shorter a wait may be, by chance, in milliseconds (§4.1). */
const DELAY_SPREAD = 1000;
/** How often an offered address is asked for: about 60 s in all (§3.1, step 5). */
const REQUEST_TRIES = 4;
/** How often an address of old is asked for: about 12 s in all. */
const REBOOT_TRIES = 2;
/** Shortest time between two attempts to extend a lease, in milliseconds (§4.4.5). */
const MIN_EXTEND_DELAY = 60_000;
/** Up to which part of T1 and T2 comes off them, so that hosts don't renew together (§4.4.5). */
const EXTEND_SPREAD = 1 / 50;
/** Shortest wait after an address was found to be somebody else's, in milliseconds (§3.1, step 5). */
const DECLINE_DELAY = 10_000;

/**
 * What servers are asked for. Classless routes come before routers, as RFC 3442 asks: there may
 * not be room for both.
 */
const PARAMETERS: readonly number[] = [
  DHCP_OPTION.SUBNET_MASK,
  DHCP_OPTION.CLASSLESS_ROUTES,
  DHCP_OPTION.ROUTER,
  DHCP_OPTION.DNS_SERVER,
  DHCP_OPTION.HOST_NAME,
  DHCP_OPTION.DOMAIN_NAME,
  DHCP_OPTION.INTERFACE_MTU,
  DHCP_OPTION.BROADCAST_ADDRESS,
  DHCP_OPTION.RENEWAL_TIME,
  DHCP_OPTION.REBINDING_TIME,
  DHCP_OPTION.DOMAIN_SEARCH,
];

/** What all messages hold at most but for the three options whose length is the user's choice. */
const FIXED_LENGTH = DHCP_HEADER + 3 + 6 + 6 + 2 + PARAMETERS.length + 4 + 3 * 2 + 1;

const UNSPECIFIED = IpAddress.v4(0, 0, 0, 0);
const BROADCAST = IpAddress.v4(255, 255, 255, 255);

/** What a client says of itself. */
export interface DhcpClientOptions {
  /** The Ethernet address of the interface. */
  readonly hardwareAddress: Uint8Array;
  /** By what the server knows the client: a type and an identifier (RFC 2132 §9.14). */
  readonly clientIdentifier?: Uint8Array;
  /** A name that the server may give to others. */
  readonly hostName?: string;
  /** The kind of system that it is. */
  readonly vendorClass?: string;
  /** Longest answer that is taken with its IP header, in bytes: the MTU, 576 at least. */
  readonly maxMessageSize?: number;
}

/** What a client needs of the host that runs it. */
export interface DhcpHost {
  /**
   * Sends a message from port 68 to port 67, by this interface whatever the routes say. It is lent
   * for the length of the call.
   *
   * @param source 0.0.0.0, or the address of the lease.
   * @param destination 255.255.255.255, or the server.
   */
  send(message: Uint8Array, source: IpAddress, destination: IpAddress): void;

  /** There is a lease, or the same address for longer: the rest of it may be new as well. */
  configured(lease: DhcpLease): void;

  /** The address must not be used any more from now on. */
  lost(): void;
}

/** The client of one interface. */
export class DhcpClient {
  readonly #host: DhcpHost;
  readonly #env: Env;
  readonly #counters: Counters;

  readonly #hardwareAddress: Uint8Array;
  readonly #clientIdentifier: Uint8Array;
  readonly #hostName: Uint8Array;
  readonly #vendorClass: Uint8Array;
  readonly #maxMessageSize: number;

  readonly #header = new DhcpHeader();
  readonly #options = new DhcpOptions();
  readonly #builder = new DhcpBuilder();

  #state: DhcpState = DHCP_STATE.STOPPED;
  #deadline = Infinity;
  /** The transaction: answers to others are not for us. */
  #xid = 0;
  /** How often the message of this state was sent. */
  #tries = 0;
  /** When the search for an address, or for more time, began. */
  #beganAt = 0;
  /** What the last message said of that, in seconds. */
  #secs = 0;
  /** When the request was sent that an acknowledgement would answer. */
  #requestedAt = 0;
  /** The address asked for, and of which server: 0.0.0.0 if any may give it. */
  #wanted = UNSPECIFIED;
  #wantedServer = UNSPECIFIED;
  /** How often the search began anew since a lease last lived to be renewed. */
  #restarts = 0;

  #lease: DhcpLease | undefined;
  #rebindAt = Infinity;
  #expiresAt = Infinity;

  /**
   * @throws {RangeError} If `options` hold what no message can.
   */
  constructor(options: DhcpClientOptions, host: DhcpHost, env: Env, counters: Counters) {
    const { hardwareAddress, maxMessageSize = 1500 } = options;
    if (hardwareAddress.length !== HARDWARE_LENGTH) {
      throw new RangeError(`An Ethernet address has 6 bytes, not ${hardwareAddress.length}`);
    }
    if (!(maxMessageSize >= 576 && maxMessageSize <= MAX_ANSWER)) {
      throw new RangeError(
        `Largest DHCP message must be 576 to ${MAX_ANSWER} bytes: got ${maxMessageSize}`,
      );
    }
    this.#hardwareAddress = hardwareAddress.slice();
    this.#clientIdentifier = options.clientIdentifier?.slice() ??
      Uint8Array.of(HARDWARE_ETHERNET, ...hardwareAddress);
    if (this.#clientIdentifier.length < 2 || this.#clientIdentifier.length > 255) {
      throw new RangeError(
        `A DHCP client identifier has 2 to 255 bytes, not ${this.#clientIdentifier.length}`,
      );
    }
    this.#hostName = toAscii(options.hostName ?? "", "host name");
    this.#vendorClass = toAscii(options.vendorClass ?? "", "vendor class");
    this.#maxMessageSize = maxMessageSize;
    const texts = [this.#clientIdentifier, this.#hostName, this.#vendorClass];
    const room = DHCP_MAX_MESSAGE - FIXED_LENGTH;
    if (texts.reduce((sum, text) => sum + text.length, 0) > room) {
      throw new RangeError(
        `DHCP client identifier, host name and vendor class must not exceed ${room} bytes together`,
      );
    }
    this.#host = host;
    this.#env = env;
    this.#counters = counters;
  }

  get state(): DhcpState {
    return this.#state;
  }

  /** What the server gave, from `BOUND` on. */
  get lease(): DhcpLease | undefined {
    return this.#lease;
  }

  /** When the lease ends unless it is renewed, in milliseconds; `Infinity` without one. */
  get expiresAt(): number {
    return this.#expiresAt;
  }

  /** When {@linkcode poll} has something to do, in milliseconds; `Infinity` for never. */
  nextDeadline(): number {
    return this.#deadline;
  }

  /**
   * Begins to look for an address, in a moment; does nothing if it has begun before.
   *
   * @param address One that was ours in this network, if it can still be (§3.2).
   */
  start(now: number, address?: IpAddress): void {
    if (this.#state !== DHCP_STATE.STOPPED) return;
    this.#restarts = 0;
    this.#wanted = address ?? UNSPECIFIED;
    this.#wantedServer = UNSPECIFIED;
    this.#enter(DHCP_STATE.INIT);
    this.#deadline = now + this.#between(0, MAX_START_DELAY);
  }

  /** Does what is due: sends, tries again, gives up. */
  poll(now: number): void {
    if (now < this.#deadline) return;
    switch (this.#state) {
      case DHCP_STATE.INIT:
        this.#begin(now);
        break;
      case DHCP_STATE.SELECTING:
        this.#discover(now);
        break;
      case DHCP_STATE.REQUESTING:
        if (this.#tries < REQUEST_TRIES) this.#request(now);
        else this.#restart(now);
        break;
      case DHCP_STATE.REBOOTING:
        if (this.#tries < REBOOT_TRIES) this.#request(now);
        else this.#restart(now);
        break;
      default:
        this.#extend(now);
    }
  }

  /** Takes the payload `[at, end)` of a datagram to port 68, whoever sent it. */
  receive(view: DataView, at: number, end: number, now: number): void {
    this.#counters.dhcpReceived++;
    if (!isDhcp(view, at, end)) return this.#ignore();
    const header = this.#header.bind(view, at);
    if (header.op !== BOOT_REPLY || header.xid !== this.#xid) return this.#ignore();
    if (!header.isFor(this.#hardwareAddress)) return this.#ignore();
    if (!this.#options.parse(view, at, end)) return this.#ignore();
    switch (this.#options.uint8(DHCP_OPTION.MESSAGE_TYPE)) {
      case DHCP_TYPE.OFFER:
        return this.#offered(now);
      case DHCP_TYPE.ACK:
        return this.#acknowledged(now);
      case DHCP_TYPE.NAK:
        return this.#refused(now);
      default:
        return this.#ignore();
    }
  }

  /**
   * The address of the lease turned out to be in use by somebody else: tells the server, and looks
   * for another in 10 s or more. Does nothing if the lease is of another address.
   */
  decline(address: IpAddress, now: number): void {
    const lease = this.#lease;
    if (lease === undefined || !lease.address.equals(address)) return;
    this.#counters.dhcpDeclines++;
    this.#compose(DHCP_TYPE.DECLINE, this.#env.random());
    this.#builder.address(DHCP_OPTION.REQUESTED_ADDRESS, address);
    this.#builder.address(DHCP_OPTION.SERVER_IDENTIFIER, lease.server);
    this.#send(UNSPECIFIED, BROADCAST);
    this.#restart(now, DECLINE_DELAY);
    this.#lose();
  }

  /** Gives the address back, if there is one, and stops; then {@linkcode start} begins again. */
  release(): void {
    const lease = this.#lease;
    this.#enter(DHCP_STATE.STOPPED);
    this.#deadline = Infinity;
    if (lease === undefined) return;
    this.#compose(DHCP_TYPE.RELEASE, this.#env.random()).setClientAddress(lease.address);
    this.#builder.address(DHCP_OPTION.SERVER_IDENTIFIER, lease.server);
    this.#send(lease.address, lease.server);
    this.#lose();
  }

  #enter(state: DhcpState): void {
    this.#state = state;
    this.#tries = 0;
  }

  #ignore(): void {
    this.#counters.dhcpIgnored++;
  }

  /** First of a search: asks for the address of old, or for any. */
  #begin(now: number): void {
    this.#beganAt = now;
    this.#xid = this.#env.random();
    if (this.#wanted.isUnspecified) {
      this.#enter(DHCP_STATE.SELECTING);
      this.#discover(now);
    } else {
      this.#enter(DHCP_STATE.REBOOTING);
      this.#requestedAt = now;
      this.#request(now);
    }
  }

  /** Asks all servers for an address. */
  #discover(now: number): void {
    this.#countSeconds(now);
    this.#compose(DHCP_TYPE.DISCOVER, this.#xid).flags = BROADCAST_FLAG;
    this.#addWishes();
    this.#send(UNSPECIFIED, BROADCAST);
    this.#waitForAnswer(now);
  }

  /** Asks for one address: of the server that offered it, or of any. */
  #request(now: number): void {
    // It bears the seconds of the DHCPDISCOVER, for relay agents to treat both alike (§3.1, step 3).
    if (this.#state === DHCP_STATE.REBOOTING) this.#countSeconds(now);
    this.#compose(DHCP_TYPE.REQUEST, this.#xid).flags = BROADCAST_FLAG;
    this.#builder.address(DHCP_OPTION.REQUESTED_ADDRESS, this.#wanted);
    if (!this.#wantedServer.isUnspecified) {
      this.#builder.address(DHCP_OPTION.SERVER_IDENTIFIER, this.#wantedServer);
    }
    this.#addWishes();
    this.#send(UNSPECIFIED, BROADCAST);
    this.#waitForAnswer(now);
  }

  /** What is due while there is a lease: asks for more time, or gives it up. */
  #extend(now: number): void {
    const lease = this.#lease!;
    if (now >= this.#expiresAt) {
      this.#counters.dhcpLeasesExpired++;
      this.#restart(now);
      this.#lose();
      return;
    }
    if (this.#state === DHCP_STATE.BOUND) {
      this.#beganAt = now;
      this.#restarts = 0;
    }
    const rebinding = now >= this.#rebindAt;
    this.#enter(rebinding ? DHCP_STATE.REBINDING : DHCP_STATE.RENEWING);
    // Of its own for each, so that an answer tells which request it grants more time from.
    this.#xid = this.#env.random();
    this.#requestedAt = now;
    const limit = rebinding ? this.#expiresAt : this.#rebindAt;
    this.#deadline = Math.min(limit, now + Math.max(MIN_EXTEND_DELAY, (limit - now) / 2));
    this.#countSeconds(now);
    this.#compose(DHCP_TYPE.REQUEST, this.#xid).setClientAddress(lease.address);
    this.#addWishes();
    this.#send(lease.address, rebinding ? BROADCAST : lease.server);
  }

  /** Takes the first offer that can be taken; what others offer later has come too late. */
  #offered(now: number): void {
    if (this.#state !== DHCP_STATE.SELECTING) return this.#ignore();
    const offer = readLease(this.#header, this.#options);
    if (offer === undefined) {
      this.#counters.dhcpUnacceptable++;
      return;
    }
    this.#wanted = offer.address;
    this.#wantedServer = offer.server;
    this.#enter(DHCP_STATE.REQUESTING);
    this.#requestedAt = now;
    this.#request(now);
  }

  #acknowledged(now: number): void {
    if (!this.#isRequesting()) return this.#ignore();
    const lease = readLease(this.#header, this.#options);
    if (
      lease === undefined || !lease.address.equals(this.#wanted) ||
      (this.#state === DHCP_STATE.REQUESTING && !lease.server.equals(this.#wantedServer)) ||
      now >= Math.min(this.#requestedAt + lease.duration, this.#expiresAt)
    ) {
      this.#counters.dhcpUnacceptable++;
      return;
    }
    if (this.#lease === undefined) this.#counters.dhcpLeases++;
    else this.#counters.dhcpRenewals++;
    this.#lease = lease;
    // It began when the request was sent, whenever that arrived (§4.4.1). The same share comes off
    // T1 and T2, so that their order stays.
    const share = 1 - EXTEND_SPREAD * this.#env.random() / 0x1_0000_0000;
    this.#deadline = this.#requestedAt + lease.renewAfter * share;
    this.#rebindAt = this.#requestedAt + lease.rebindAfter * share;
    this.#expiresAt = this.#requestedAt + lease.duration;
    this.#enter(DHCP_STATE.BOUND);
    this.#host.configured(lease);
  }

  /** A DHCPNAK: the address is not ours, or not in this network. */
  #refused(now: number): void {
    const server = this.#options.address(DHCP_OPTION.SERVER_IDENTIFIER);
    // A server that was not asked has nothing to refuse.
    const asked = this.#state === DHCP_STATE.RENEWING ? this.#lease!.server : this.#wantedServer;
    const any = this.#state === DHCP_STATE.REBOOTING || this.#state === DHCP_STATE.REBINDING;
    if (!this.#isRequesting() || server === undefined || !(any || server.equals(asked))) {
      return this.#ignore();
    }
    this.#counters.dhcpNaksReceived++;
    this.#restart(now);
    this.#lose();
  }

  /** Whether a DHCPREQUEST waits for its answer. */
  #isRequesting(): boolean {
    return this.#state >= DHCP_STATE.REQUESTING && this.#state !== DHCP_STATE.BOUND;
  }

  /**
   * Looks for any address, soon at first, and after longer and longer waits when that leads nowhere
   * again and again: a server that offers what it then refuses would keep the link busy.
   */
  #restart(now: number, atLeast = 0): void {
    const delay = this.#restarts === 0
      ? this.#between(0, MAX_START_DELAY)
      : this.#backoff(this.#restarts);
    this.#restarts++;
    this.#wanted = this.#wantedServer = UNSPECIFIED;
    this.#enter(DHCP_STATE.INIT);
    this.#deadline = now + Math.max(delay, atLeast);
  }

  /** Comes last: the host may call back. */
  #lose(): void {
    if (this.#lease === undefined) return;
    this.#lease = undefined;
    this.#rebindAt = this.#expiresAt = Infinity;
    this.#host.lost();
  }

  #waitForAnswer(now: number): void {
    this.#tries++;
    this.#deadline = now + this.#backoff(this.#tries);
  }

  /** 4, 8, 16, 32 and then always 64 seconds, one more or less (§4.1). */
  #backoff(tries: number): number {
    const delay = Math.min(FIRST_DELAY * 2 ** (tries - 1), MAX_DELAY);
    return delay + this.#between(-DELAY_SPREAD, DELAY_SPREAD);
  }

  /** A whole number by chance, both ends included. */
  #between(low: number, high: number): number {
    return low + Math.floor(this.#env.random() / 0x1_0000_0000 * (high - low + 1));
  }

  #countSeconds(now: number): void {
    this.#secs = Math.min(Math.floor((now - this.#beganAt) / 1000), 0xffff);
  }

  /** Begins a message with what each of them holds. */
  #compose(type: DhcpType, xid: number): DhcpHeader {
    this.#builder.begin(type, xid, this.#hardwareAddress);
    this.#builder.bytes(DHCP_OPTION.CLIENT_IDENTIFIER, this.#clientIdentifier);
    return this.#builder.header;
  }

  /** Adds what is told and asked for in each DHCPDISCOVER and DHCPREQUEST. */
  #addWishes(): void {
    const builder = this.#builder;
    builder.header.secs = this.#secs;
    builder.uint16(DHCP_OPTION.MAX_MESSAGE_SIZE, this.#maxMessageSize);
    if (this.#hostName.length > 0) builder.bytes(DHCP_OPTION.HOST_NAME, this.#hostName);
    if (this.#vendorClass.length > 0) builder.bytes(DHCP_OPTION.VENDOR_CLASS, this.#vendorClass);
    builder.bytes(DHCP_OPTION.PARAMETER_REQUEST_LIST, PARAMETERS);
  }

  #send(source: IpAddress, destination: IpAddress): void {
    this.#counters.dhcpSent++;
    this.#host.send(this.#builder.finish(), source, destination);
  }
}

/** @throws {RangeError} If `text` is not of printable ASCII characters, or above 255 of them. */
function toAscii(text: string, what: string): Uint8Array {
  if (!/^[ -~]{0,255}$/.test(text)) {
    throw new RangeError(`A DHCP ${what} has 255 ASCII characters at most: got "${text}"`);
  }
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
