/**
 * Names to addresses: a stub resolver (RFC 1034 §5.3.1, RFC 1123 §6.1) over the stack's own UDP and
 * TCP.
 *
 * @module
 */

import type { Ip } from "../net/ip.ts";
import { IpAddress } from "../wire/address.ts";
import type { SocketContext } from "./context.ts";
import { formatAddress, parseAddress } from "./addresses.ts";
import { aliasLoop, type Answer, MAX_ALIASES, readAnswer } from "./dns/answer.ts";
import { AnswerCache } from "./dns/cache.ts";
import type { Server } from "./dns/exchange.ts";
import {
  type DnsRecord,
  type Question,
  Rcode,
  rcodeName,
  RECORD_TYPES,
  type RecordType,
  type Response,
} from "./dns/message.ts";
import { candidates, reverseName, toAsciiName, withoutDot } from "./dns/name.ts";
import { checkPort, closedHere } from "./errors.ts";

const DNS_PORT = 53;
const MAX_ATTEMPTS = 10;
const MAX_NDOTS = 15;

/** Whom to ask for names, and how. */
export interface DnsOptions {
  /** Addresses of servers, in the order in which they are asked: `10.0.0.1` or `10.0.0.1#5353`. */
  servers?: readonly (string | DnsServer)[];
  /** Domains in which a name is looked for that is not complete. */
  search?: readonly string[];
  /** With how many dots a name is first taken for complete, 0 to 15; by default 1. */
  ndots?: number;
  /** How long one server may take to answer, in milliseconds; by default 2000. */
  timeout?: number;
  /** How often each server is asked at most, 1 to 10; by default 2. */
  attempts?: number;
}

/** A server for names. */
export interface DnsServer {
  /** Its IP address. */
  hostname: string;
  /** 1 to 65535; by default 53. */
  port?: number;
}

/** How to look up a name. */
export interface QueryOptions {
  /** Gives up when it is aborted. */
  signal?: AbortSignal;
}

/** How to look up the addresses of a name. */
export interface ResolveOptions extends QueryOptions {
  /** Only addresses of this family; left out: of both. */
  family?: 4 | 6;
}

/** Every server has failed, and not all of them by their silence. */
export class DnsError extends Error {
  /** Tells it from other errors. */
  override readonly name: string = "DnsError";
}

/** A lookup that is under way, and how many wait for it. */
interface Lookup {
  readonly answer: Promise<Answer>;
  readonly controller: AbortController;
  waiting: number;
}

/** Looks up names, and keeps the answers for as long as they may be believed. */
export class Resolver {
  #context: SocketContext;
  #servers: Server[] = [];
  /** Index of the server that has answered last: it is the first to be asked. */
  #preferred = 0;
  /** Counts the changes of servers, so that answers of earlier ones are not taken for theirs. */
  #generation = 0;
  #search: string[] = [];
  readonly #ndots: number;
  readonly #timeout: number;
  readonly #attempts: number;
  #cache = new AnswerCache();
  #lookups = new Map<string, Lookup>();
  #closed = false;

  /**
   * A resolver for a stack.
   *
   * @throws {RangeError} If a port or a number is out of range.
   * @throws {TypeError} If a server is not an IP address, or a search domain not a name.
   */
  constructor(context: SocketContext, options: DnsOptions = {}) {
    const { servers = [], search = [], ndots = 1, timeout = 2000, attempts = 2 } = options;
    this.#context = context;
    this.servers = servers;
    this.search = search;
    this.#ndots = checkInteger(ndots, 0, MAX_NDOTS, "ndots");
    this.#attempts = checkInteger(attempts, 1, MAX_ATTEMPTS, "attempts");
    if (!(timeout > 0)) throw new RangeError(`timeout must be above 0 ms: got ${timeout}`);
    this.#timeout = timeout;
    context.open.add(this);
  }

  /**
   * Ends every lookup: the stack calls it.
   *
   * @internal
   */
  close(): void {
    this.#closed = true;
    for (const { controller } of this.#lookups.values()) controller.abort(closedHere("stack"));
  }

  /** The servers, as `address` or `address#port`. To set them forgets what others have answered. */
  get servers(): string[] {
    return this.#servers.map(({ name }) => name);
  }

  set servers(servers: readonly (string | DnsServer)[]) {
    this.#servers = servers.map((server) => parseServer(this.#context.stack.ip, server));
    this.#preferred = 0;
    this.#generation++;
    this.#cache.clear();
  }

  /** The domains in which a name is looked for that is not complete. */
  get search(): string[] {
    return [...this.#search];
  }

  set search(search: readonly string[]) {
    this.#search = search.map((domain) => withoutDot(toAsciiName(domain)));
  }

  /**
   * The addresses of a name: IPv6 first if the stack has such an address itself. An address comes
   * back as it is, and `localhost` is known without asking (RFC 6761 §6.3).
   *
   * @throws {Deno.errors.NotFound} If there is no such name, or it has no address.
   * @throws {Deno.errors.TimedOut} If no server answers.
   * @throws {DnsError} If no server can tell.
   * @throws {TypeError} If it can't be a name, or no server is known.
   */
  async resolve(name: string, options: ResolveOptions = {}): Promise<string[]> {
    const { ip } = this.#context.stack;
    return (await this.addresses(name, options)).map((address) => formatAddress(ip, address));
  }

  /**
   * As {@linkcode resolve}.
   *
   * @internal
   */
  async addresses(name: string, options: ResolveOptions = {}): Promise<IpAddress[]> {
    const { family, signal } = options;
    signal?.throwIfAborted();
    const literal = looksLikeAddress(name) ? parseAddress(this.#context.stack.ip, name) : undefined;
    if (literal !== undefined) {
      if (family === undefined || literal.family === family) return [literal];
      throw new Deno.errors.NotFound(`${name} is not an IPv${family} address`);
    }
    const ascii = toAsciiName(name);
    // Full-width digits and the like may have become an address.
    if (looksLikeAddress(ascii)) return await this.addresses(ascii, options);
    if (/(^|\.)localhost\.?$/.test(ascii)) return this.#sort(loopback(family));
    const types: RecordType[] = family === undefined
      ? ["A", "AAAA"]
      : [family === 4 ? "A" : "AAAA"];
    const missing: string[] = [];
    let trouble: DnsError | undefined;
    for (const candidate of candidates(ascii, this.#search, this.#ndots)) {
      try {
        const found = await this.#addressesOf(candidate, types, signal);
        if (found.length > 0) return this.#sort(found);
      } catch (error) {
        // One domain whose servers are out of order does not hide the others.
        if (error instanceof DnsError) trouble ??= error;
        else if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
      missing.push(candidate);
    }
    throw trouble ??
      new Deno.errors.NotFound(`No address for ${name}: there is none for ${missing.join(", ")}`);
  }

  /** What the types that are asked for give together; what fails is forgiven if another gives some. */
  async #addressesOf(
    name: string,
    types: RecordType[],
    signal: AbortSignal | undefined,
  ): Promise<IpAddress[]> {
    const settled = await Promise.allSettled(
      types.map((type) => this.#query({ name, type }, signal)),
    );
    signal?.throwIfAborted();
    const found: IpAddress[] = [];
    let error: unknown;
    for (const result of settled) {
      if (result.status === "rejected") {
        if (!(result.reason instanceof Deno.errors.NotFound)) error ??= result.reason;
        continue;
      }
      for (const { type, data } of result.value) {
        if (type === "A" || type === "AAAA") found.push(IpAddress.parse(data));
      }
    }
    if (found.length === 0 && error !== undefined) throw error;
    return found;
  }

  /** IPv6 first, but those that the stack has no way to last (RFC 6724 §5, rules 1 and 6, in brief). */
  #sort(addresses: IpAddress[]): IpAddress[] {
    const { ip } = this.#context.stack;
    const rank = (address: IpAddress) => {
      if (ip.sourceFor(address) === undefined) return address.family === 4 ? 2 : 3;
      return address.family === 6 ? 0 : 1;
    };
    return addresses.toSorted((a, b) => rank(a) - rank(b));
  }

  /**
   * The records of one type that a name has: behind the aliases that lead to them, if there are some.
   * The name is taken for complete.
   *
   * @throws {Deno.errors.NotFound} If there is no such name, or it has no record of this type.
   * @throws {Deno.errors.TimedOut} If no server answers.
   * @throws {DnsError} If no server can tell.
   * @throws {TypeError} If it can't be a name, the type is unknown, or no server is known.
   */
  async query(name: string, type: RecordType, options: QueryOptions = {}): Promise<DnsRecord[]> {
    if (!RECORD_TYPES.includes(type)) {
      throw new TypeError(
        `Unknown type of records ${type}: it is one of ${RECORD_TYPES.join(", ")}`,
      );
    }
    return await this.#query({ name: withoutDot(toAsciiName(name)), type }, options.signal);
  }

  /**
   * The names of an address.
   *
   * @throws {Deno.errors.NotFound} If it has none.
   * @throws {Deno.errors.TimedOut} If no server answers.
   * @throws {DnsError} If no server can tell.
   * @throws {TypeError} If it is not an IP address, or no server is known.
   */
  async reverse(address: string, options: QueryOptions = {}): Promise<string[]> {
    const records = await this.query(reverseName(IpAddress.parse(address)), "PTR", options);
    return records.flatMap((record) => record.type === "PTR" ? [record.data] : []);
  }

  /** Follows the aliases, over as many questions as it takes. */
  async #query(question: Question, signal: AbortSignal | undefined): Promise<DnsRecord[]> {
    const { name, type } = question;
    const records: DnsRecord[] = [];
    let next = name;
    while (records.length <= MAX_ALIASES) {
      const answer = await this.#ask({ name: next, type }, signal);
      records.push(...answer.records);
      if (answer.outcome === "found") return records;
      const which = answer.name === name ? name : `${answer.name}, of which ${name} is an alias`;
      if (answer.outcome === "no-name") {
        throw new Deno.errors.NotFound(`There is no name ${which}`);
      }
      if (answer.outcome === "no-data") {
        throw new Deno.errors.NotFound(`There is no ${type} record for ${which}`);
      }
      next = aliasTarget(name, answer.name);
    }
    throw aliasLoop(name);
  }

  /** Answers from what is known, or asks; those who ask the same at the same time share the answer. */
  async #ask(question: Question, signal: AbortSignal | undefined): Promise<Answer> {
    signal?.throwIfAborted();
    if (this.#closed) throw closedHere("stack");
    const key = `${this.#generation} ${question.type} ${question.name.toLowerCase()}`;
    const known = this.#cache.get(key, this.#context.now());
    if (known !== undefined) {
      this.#context.stack.counters.dnsCacheHits++;
      return known;
    }
    const lookup = this.#lookups.get(key) ?? this.#start(key, question);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(signal!.reason);
    signal?.addEventListener("abort", onAbort);
    lookup.waiting++;
    try {
      return await Promise.race([lookup.answer, aborted]);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      lookup.waiting--;
      if (lookup.waiting === 0) {
        if (this.#lookups.get(key) === lookup) this.#lookups.delete(key);
        lookup.controller.abort();
      }
    }
  }

  #start(key: string, question: Question): Lookup {
    const controller = new AbortController();
    const answer = this.#lookUp(key, question, controller.signal);
    answer.catch(() => {}); // whoever waits is told; maybe nobody does any more
    const lookup = { answer, controller, waiting: 0 };
    this.#lookups.set(key, lookup);
    return lookup;
  }

  async #lookUp(key: string, question: Question, signal: AbortSignal): Promise<Answer> {
    const answer = readAnswer(question, await this.#askServers(question, signal));
    this.#cache.put(key, answer, this.#context.now());
    return answer;
  }

  /** Asks one server after the other until one knows, and the silent ones again. */
  async #askServers(question: Question, signal: AbortSignal): Promise<Response> {
    const all = this.#servers;
    if (all.length === 0) {
      throw new TypeError(
        `"${question.name}" is not an IP address, and no server for names is known: name one in dns.servers`,
      );
    }
    const first = this.#preferred;
    let servers = [...all.slice(first), ...all.slice(0, first)];
    const failures = new Map<Server, Error>();
    for (let attempt = 0; attempt < this.#attempts && servers.length > 0; attempt++) {
      const silent: Server[] = [];
      for (const server of servers) {
        try {
          const response = await this.#askServer(server, question, signal);
          if (response.rcode === Rcode.NOERROR || response.rcode === Rcode.NXDOMAIN) {
            if (all === this.#servers) this.#preferred = all.indexOf(server);
            return response;
          }
          const what = `${server.name} answers ${rcodeName(response.rcode)}`;
          failures.set(server, new DnsError(what));
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof Error)) throw error;
          failures.set(server, error);
          if (error instanceof Deno.errors.TimedOut) silent.push(server);
        }
      }
      servers = silent;
    }
    throw failure(question, [...failures.values()]);
  }

  /** Asks one server, without EDNS if it does not know that (RFC 6891 §7). */
  async #askServer(server: Server, question: Question, signal: AbortSignal): Promise<Response> {
    const { exchange } = await import("./dns/exchange.ts"); // not before there is a question
    const withEdns = server.edns;
    const ask = () => exchange(this.#context, server, question, this.#timeout, signal);
    const response = await ask();
    const { rcode } = response;
    const isUnknown = rcode === Rcode.FORMERR || rcode === Rcode.NOTIMP || rcode === Rcode.BADVERS;
    if (!withEdns || !isUnknown) return response;
    server.edns = false;
    const again = await ask();
    if (again.rcode === rcode) server.edns = true; // that wasn't it
    return again;
  }
}

/** The error when every server has failed. */
function failure({ name, type }: Question, errors: Error[]): Error {
  const message = `Cannot look up ${type} of ${name}: ${
    errors.map((error) => error.message).join("; ")
  }`;
  const [first] = errors;
  for (const Type of [Deno.errors.TimedOut, Deno.errors.NetworkUnreachable]) {
    if (errors.every((error) => error instanceof Type)) return new Type(message);
  }
  return new DnsError(message, { cause: first });
}

/** A name that an alias leads to, checked before it is asked for. */
function aliasTarget(name: string, target: string): string {
  try {
    return withoutDot(toAsciiName(target));
  } catch (error) {
    throw new Deno.errors.InvalidData(`${name} is an alias: ${(error as Error).message}`);
  }
}

/** Whether a text is an address or a bad one: no top-level domain is a number (RFC 1123 §2.1). */
function looksLikeAddress(name: string): boolean {
  return name.includes(":") || /^(\p{ASCII}*\.)?\d+\.?$/u.test(name);
}

function loopback(family: 4 | 6 | undefined): IpAddress[] {
  const all = [IpAddress.v4(127, 0, 0, 1), IpAddress.parse("::1")];
  return all.filter((address) => family === undefined || address.family === family);
}

function parseServer(ip: Ip, server: string | DnsServer): Server {
  const [hostname, port] = typeof server === "string"
    ? splitServer(server)
    : [server.hostname, server.port ?? DNS_PORT];
  const address = parseAddress(ip, hostname);
  const text = formatAddress(ip, address);
  const name = checkPort(port, 1) === DNS_PORT ? text : `${text}#${port}`;
  return { name, address, port, edns: true };
}

function splitServer(server: string): [hostname: string, port: number] {
  const mark = server.lastIndexOf("#");
  if (mark === -1) return [server, DNS_PORT];
  return [server.slice(0, mark), Number(server.slice(mark + 1) || NaN)];
}

function checkInteger(value: number, least: number, most: number, what: string): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${what} must be an integer from ${least} to ${most}: got ${value}`);
  }
  return value;
}
