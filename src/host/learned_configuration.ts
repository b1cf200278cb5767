/**
 * What a stack learns from servers and routers, as far as programs have to do with it.
 *
 * @module
 */

import { AddressState, type Interface } from "../net/interface.ts";
import { Gate } from "../socket/gate.ts";
import type { DnsOptions, Resolver } from "../socket/resolver.ts";
import type { Stack } from "../stack/stack.ts";

/** How long to wait for addresses. */
export interface ReadyOptions {
  /** In milliseconds; left out: as long as it takes. */
  timeout?: number;
  /** Gives up when it is aborted. */
  signal?: AbortSignal;
}

/** Waits for addresses, and tells the resolver whom to ask. */
export class LearnedConfiguration {
  /** Whether the user has named DNS servers: then those of others are not asked. */
  isNamed: boolean;
  #stack: Stack;
  #resolver: Resolver;
  #hasSearch: boolean;
  /** The servers and domains that were learned last. */
  #servers = "";
  #search = "";
  #changed = new Gate();
  #isClosed = false;
  /** The interfaces that were given no address. */
  #learners: Interface[];

  constructor(stack: Stack, resolver: Resolver, { servers, search }: DnsOptions = {}) {
    this.#stack = stack;
    this.#resolver = resolver;
    this.isNamed = (servers?.length ?? 0) > 0;
    this.#hasSearch = (search?.length ?? 0) > 0;
    this.#learners = stack.ip.interfaces.slice(1).filter((of) =>
      stack.dhcp.of(of) !== undefined || of.addresses.every(({ origin }) => origin !== "static")
    );
    stack.configurationChanged = () => {
      this.#learnNames();
      this.#changed.open();
    };
    stack.neighborDiscovery.onDnsServers = () => this.#learnNames();
  }

  #learnNames(): void {
    const { dhcp, neighborDiscovery } = this.#stack;
    const { servers, search } = dhcp.names;
    const all = [...servers, ...neighborDiscovery.dnsServers].map(String);
    // To set them anew would forget what is known.
    if (!this.isNamed && `${all}` !== this.#servers) {
      this.#servers = `${all}`;
      this.#resolver.servers = all;
    }
    if (this.#hasSearch || `${search}` === this.#search) return;
    this.#search = `${search}`;
    this.#resolver.search = search;
  }

  /** See {@linkcode NetworkStack.ready}. */
  async ready({ timeout, signal }: ReadyOptions): Promise<void> {
    signal?.throwIfAborted();
    let isLate = false;
    const stop = () => this.#changed.open();
    const timer = timeout === undefined ? undefined : setTimeout(() => {
      isLate = true;
      stop();
    }, timeout);
    signal?.addEventListener("abort", stop);
    try {
      for (;;) {
        const waiting = this.#learners.filter((of) => this.#isWaiting(of));
        if (waiting.length === 0 || this.#isClosed) return;
        signal?.throwIfAborted();
        if (isLate) throw new Deno.errors.TimedOut(this.#advice(waiting, timeout!));
        await this.#changed.wait();
      }
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  #isWaiting(of: Interface): boolean {
    const client = this.#stack.dhcp.of(of);
    if (client !== undefined) return client.isWaiting;
    // On its link alone a link-local address will do; but it was not what was asked for.
    return of.layer.mac !== null &&
      of.addresses.every(({ address, state }) =>
        address.isLinkLocal || state === AddressState.TENTATIVE
      );
  }

  #advice(waiting: readonly Interface[], timeout: number): string {
    const names = waiting.map(({ name }) => name).join(" and ");
    const isDhcp = waiting.some((of) => this.#stack.dhcp.of(of) !== undefined);
    const who = isDhcp ? "a DHCP server" : "an IPv6 router";
    return `No address for ${names} within ${
      timeout / 1000
    } s: there has to be ${who} on that link`;
  }

  /** Ends every wait: the stack is closed. */
  close(): void {
    this.#isClosed = true;
    this.#changed.open();
  }
}
