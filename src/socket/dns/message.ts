/**
 * DNS messages (RFC 1035 §4, RFC 6891): what a stub resolver knows of them.
 *
 * @module
 */

/** What a record of each type holds. */
export interface RecordData {
  /** An IPv4 address. */
  A: string;
  /** An IPv6 address. */
  AAAA: string;
  /** The name that the owner is an alias of. */
  CNAME: string;
  /** The name that belongs to an address. */
  PTR: string;
  /** A name server. */
  NS: string;
  /** A mail server; the one with the lowest preference is to be tried first. */
  MX: { preference: number; exchange: string };
  /** Pieces of text, read as UTF-8. Anything may stand in them: escape it before you print it. */
  TXT: string[];
  /** Where a service is (RFC 2782). */
  SRV: { priority: number; weight: number; port: number; target: string };
  /** The start of a zone: times in seconds. */
  SOA: {
    mname: string;
    rname: string;
    serial: number;
    refresh: number;
    retry: number;
    expire: number;
    minimum: number;
  };
}

/** A type of records. */
export type RecordType = keyof RecordData;

/** All types that can be asked for. */
export const RECORD_TYPES: readonly RecordType[] = [
  "A",
  "AAAA",
  "CNAME",
  "PTR",
  "NS",
  "MX",
  "TXT",
  "SRV",
  "SOA",
];

/** A record of one type. */
export interface RecordOf<T extends RecordType> {
  /** The name it belongs to. */
  name: string;
  /** What `data` holds. */
  type: T;
  /** How long it may be kept, in seconds. */
  ttl: number;
  /** What is said of the name. */
  data: RecordData[T];
}

/** A record of any type. */
export type DnsRecord = { [T in RecordType]: RecordOf<T> }[RecordType];

/** What is asked: class IN always. */
export interface Question {
  readonly name: string;
  readonly type: RecordType;
}

/** Response codes (RFC 1035 §4.1.1, RFC 6891 §9). */
export const Rcode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;

/** The name of a response code. */
export function rcodeName(rcode: number): string {
  const known = Object.entries(Rcode).find(([, code]) => code === rcode);
  return known?.[0] ?? `response code ${rcode}`;
}

/** A response, as far as it matters here. Of a truncated one only the question is read. */
export interface Response {
  readonly truncated: boolean;
  readonly rcode: number;
  /** `undefined` where there is none, or none that we would ask. */
  readonly question: Question | undefined;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
}
