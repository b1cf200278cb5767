/**
 * Fetching what a URL leads to, into a file or to the output.
 *
 * @module
 */

import type { NetworkStack } from "../../host/network_stack.ts";
import { fetchVia } from "../../node/fetch_via.ts";
import { printable } from "../printable.ts";
import { Output } from "../streams.ts";
import { type LineTerminal, ProgressDisplay } from "./progress.ts";

/** What is to be fetched, and where it goes. */
export interface Download {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  /** Certificates to trust instead of the well-known ones, PEM. */
  readonly ca: string | undefined;
  /** Whether any certificate will do. */
  readonly insecure: boolean;
  /** Whether the answer that there is none is an error. */
  readonly fail: boolean;
  /** Whether to tell the status and the header instead of the body. */
  readonly head: boolean;
  /** Path of a file; left out: the output. */
  readonly file: string | undefined;
  /** Whether to go on where the file ends. */
  readonly resume: boolean;
}

/** Who waits for it. */
export interface DownloadEnds {
  readonly output: Output;
  /** Whether the output is a terminal, which binary data would upset. */
  readonly isTerminal: boolean;
  /** Where the progress is shown, if anywhere. */
  readonly progress: LineTerminal | undefined;
  readonly signal: AbortSignal;
}

/**
 * Fetches it.
 *
 * @throws {OutputGone} If nobody reads the output any more.
 * @throws {Error} If it fails; the message says why.
 */
export async function download(
  stack: NetworkStack,
  wish: Download,
  ends: DownloadEnds,
): Promise<void> {
  const had = wish.resume ? await sizeOf(wish.file!) : 0;
  const response = await request(stack, wish, had, ends.signal);
  try {
    await deliver(response, wish, had, ends);
  } finally {
    await response.body?.cancel().catch(() => {});
  }
}

async function request(
  stack: NetworkStack,
  { url, method, headers, body, ca, insecure }: Download,
  had: number,
  signal: AbortSignal,
): Promise<Response> {
  const all = new Headers(headers);
  if (had > 0) all.set("range", `bytes=${had}-`);
  const init = { method, headers: all, body, ca, rejectUnauthorized: !insecure, signal };
  try {
    return await fetchVia(stack, url, init);
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(withCauses(error));
  }
}

async function deliver(
  response: Response,
  wish: Download,
  had: number,
  ends: DownloadEnds,
): Promise<void> {
  const status = printable(`${response.status} ${response.statusText}`.trim());
  // To a file that is to become whole, nothing is appended that says something else.
  const mustBeOk = wish.fail || had > 0;
  if (had > 0 && response.status === 416 && lengthOf(response) === had) return;
  if (!response.ok && mustBeOk) throw new Error(`${response.url} answers ${status}`);
  if (wish.head) return await ends.output.write(head(status, response.headers));
  const start = startOf(response, had);
  if (wish.file === undefined) return await pump(response, start, ends.output, ends);
  using file = await openFile(wish.file, start);
  await pump(response, start, new Output(file), { ...ends, isTerminal: false });
}

function head(status: string, headers: Headers): Uint8Array {
  const lines = [...headers].map(([name, value]) => printable(`${name}: ${value}`));
  return new TextEncoder().encode([status, ...lines, "", ""].join("\n"));
}

/** Of what was asked for from `had` on, where it begins: a server may send all of it. */
function startOf(response: Response, had: number): number {
  if (had === 0 || response.status !== 206) return 0;
  const range = response.headers.get("content-range") ?? "";
  const start = /^bytes (\d+)-/.exec(range)?.[1];
  if (start !== `${had}`) {
    throw new Error(`Asked for bytes from ${had} on, ${response.url} sends "${printable(range)}"`);
  }
  return had;
}

/** How long the whole is, as an answer to a range that is not there tells (RFC 9110 §15.5.17). */
function lengthOf(response: Response): number | undefined {
  const length = /^bytes \*\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
  return length === undefined ? undefined : Number(length);
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

async function openFile(path: string, start: number): Promise<Deno.FsFile> {
  try {
    const how = start > 0 ? { append: true } : { write: true, create: true, truncate: true };
    return await Deno.open(path, how);
  } catch (error) {
    throw new Error(`Cannot write to ${path}: ${(error as Error).message}`);
  }
}

/** Passes the body on, at the pace of whoever takes it. */
async function pump(
  response: Response,
  start: number,
  output: Output,
  { isTerminal, progress, signal }: DownloadEnds,
): Promise<void> {
  if (response.body === null) return;
  const text = response.headers.get("content-length");
  const length = text === null ? undefined : start + Number(text);
  let at = start;
  using display = progress && new ProgressDisplay(progress, length, start);
  const reader = response.body.getReader();
  for (;;) {
    const { value } = await reader.read().catch((error) => {
      signal.throwIfAborted();
      throw new Error(incomplete(response, at, length, withCauses(error)));
    });
    if (value === undefined) break;
    if (isTerminal && value.includes(0)) {
      throw new Error("It is binary, which terminals do not bear: use --output FILE, or a pipe");
    }
    await output.write(value);
    at += value.length;
    display?.update(at);
  }
  if (length !== undefined && at !== length) throw new Error(incomplete(response, at, length));
}

function incomplete(
  { url }: Response,
  at: number,
  length: number | undefined,
  why?: string,
): string {
  const got = length === undefined ? `${at} bytes` : `${at} of ${length} bytes`;
  return `${url} has ended after ${got}${why === undefined ? "" : `: ${why}`}`;
}

/** What an error says, and what has led to it. */
function withCauses(error: unknown): string {
  const parts: string[] = [];
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    const { message } = each;
    if (!parts.some((part) => part.includes(message))) parts.push(message);
  }
  return parts.length > 0 ? parts.join(": ") : String(error);
}
