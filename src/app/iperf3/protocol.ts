/**
 * What iperf3 says on its connections, as version 3.12 was seen to.
 *
 * The client opens a control connection and begins it with its cookie. From then on a byte tells
 * the other side of a new state of the test, and parameters and results are exchanged as JSON with
 * its length in front of it, 4 bytes in network order. Every stream is a TCP connection of its own to
 * the same port, which begins with the cookie too, or a UDP port of the client's that has said hello.
 *
 * | Client | Server |
 * |---|---|
 * | cookie | PARAM_EXCHANGE |
 * | parameters | CREATE_STREAMS |
 * | streams | TEST_START, TEST_RUNNING |
 * | TEST_END | EXCHANGE_RESULTS |
 * | results | results, DISPLAY_RESULTS |
 * | IPERF_DONE | |
 *
 * @module
 */

/** The port, of the control connection and of the streams. */
export const PORT = 5201;

/** States of a test: one byte each, signed. */
export const TestState = {
  SERVER_ERROR: -2,
  ACCESS_DENIED: -1,
  TEST_START: 1,
  TEST_RUNNING: 2,
  TEST_END: 4,
  PARAM_EXCHANGE: 9,
  CREATE_STREAMS: 10,
  SERVER_TERMINATE: 11,
  CLIENT_TERMINATE: 12,
  EXCHANGE_RESULTS: 13,
  DISPLAY_RESULTS: 14,
  IPERF_DONE: 16,
} as const;

/** The name of a state, for messages. */
export function stateName(state: number): string {
  return Object.entries(TestState).find(([, value]) => value === state)?.[0] ?? `state ${state}`;
}

/** What follows SERVER_ERROR: iperf3's number of the error, and the system's; 4 bytes each. */
export const ServerError = {
  /** The number of streams is out of range. */
  STREAMS: 6,
  /** The length of the blocks is out of range. */
  BLOCK_SIZE: 7,
  /** Something that this server does not do. */
  UNIMPLEMENTED: 13,
  /** The parameters could not be read. */
  PARAMETERS: 114,
} as const;

/** Length of a cookie: 36 characters and a zero byte. */
export const COOKIE = 37;

const COOKIE_LETTERS = "abcdefghijklmnopqrstuvwxyz234567";

/** A cookie that nobody else has. */
export function makeCookie(): Uint8Array {
  const cookie = crypto.getRandomValues(new Uint8Array(COOKIE));
  for (let i = 0; i < COOKIE - 1; i++) cookie[i] = COOKIE_LETTERS.charCodeAt(cookie[i]! & 31);
  cookie[COOKIE - 1] = 0;
  return cookie;
}

/** The text of a cookie. */
export function cookieText(cookie: Uint8Array): string {
  return new TextDecoder().decode(cookie.subarray(0, COOKIE - 1));
}

/**
 * How a stream of UDP begins: the client's word and the server's answer, 4 bytes each in the order of
 * the hosts. Versions before 3.9 say the second pair.
 */
const GREETINGS = [
  { hello: 0x36373839, answer: 0x39383736 },
  { hello: 123456789, answer: 987654321 },
] as const;

/** Length of a greeting. */
export const GREETING = 4;

/** The greeting of a client. */
export function udpHello(): Uint8Array {
  return greeting(GREETINGS[0].hello);
}

/** The answer to a client's greeting; `undefined` if it is none. */
export function answerTo(bytes: Uint8Array): Uint8Array | undefined {
  const word = wordOf(bytes);
  const found = GREETINGS.find(({ hello }) => hello === word);
  return found && greeting(found.answer);
}

/** Whether this is the answer to {@linkcode udpHello}, of whichever version. */
export function isAnswer(bytes: Uint8Array): boolean {
  const word = wordOf(bytes);
  return GREETINGS.some(({ answer }) => answer === word);
}

function wordOf(bytes: Uint8Array): number | undefined {
  if (bytes.length !== GREETING) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

function greeting(word: number): Uint8Array {
  const bytes = new Uint8Array(GREETING);
  new DataView(bytes.buffer).setUint32(0, word, true);
  return bytes;
}
