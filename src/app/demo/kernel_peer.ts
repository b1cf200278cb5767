/**
 * The kernel at the other end of a real interface, and the tools that run on it.
 *
 * @module
 */

import { createSocket } from "node:dgram";
import {
  checkEcho,
  checkHttp,
  CLOSED_PORT,
  ECHO_TEXT,
  exchange,
  expectRefusal,
  STACK_ADDRESS,
  type Step,
} from "./peer.ts";

/** Longest time that one step may take, in milliseconds. */
const PATIENCE = 5000;

/** What the kernel and its tools do with the stack. */
export function kernelSteps(): Step[] {
  const url = `http://${STACK_ADDRESS}:8080/`;
  const hasCurl = exists("curl");
  const steps: Step[] = [
    { what: "TCP echo", by: "the kernel's TCP, port 7", run: tcpEcho },
    {
      what: "HTTP",
      by: hasCurl ? `curl ${url}` : `fetch ${url}`,
      run: hasCurl ? () => curl(url) : () => fetched(url),
    },
    { what: "UDP echo", by: "the kernel's UDP, port 7", run: udpEcho },
    {
      what: "closed port",
      by: `the kernel's TCP, port ${CLOSED_PORT}`,
      run: () => expectRefusal(() => Deno.connect({ hostname: STACK_ADDRESS, port: CLOSED_PORT })),
    },
  ];
  if (exists("ping")) {
    const args = ["-c", "3", "-i", "0.2", STACK_ADDRESS];
    steps.unshift({ what: "ICMP echo", by: `ping ${args.join(" ")}`, run: () => ping(args) });
  }
  return steps;
}

function exists(program: string): boolean {
  try {
    new Deno.Command(program, { args: ["-V"], stdout: "null", stderr: "null" }).outputSync();
    return true;
  } catch {
    return false;
  }
}

async function output(program: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    signal: AbortSignal.timeout(PATIENCE),
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim() || text.trim());
  return text;
}

async function ping(args: string[]): Promise<string> {
  const lines = (await output("ping", args)).trim().split("\n");
  return lines.slice(-2).join("; ");
}

async function curl(url: string): Promise<string> {
  const args = ["--silent", "--show-error", "--noproxy", "*", "--write-out", "%{http_code}", url];
  const text = await output("curl", args);
  return checkHttp(Number(text.slice(-3)), text.slice(0, -3));
}

async function fetched(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE) });
  return checkHttp(response.status, await response.text());
}

async function tcpEcho(): Promise<string> {
  using conn = await Deno.connect({ hostname: STACK_ADDRESS, port: 7 });
  return checkEcho(ECHO_TEXT, await exchange(conn, ECHO_TEXT));
}

function udpEcho(): Promise<string> {
  const socket = createSocket("udp4");
  const text = ECHO_TEXT.subarray(0, 1000);
  return new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no answer")), PATIENCE);
    socket.on("error", reject);
    socket.on("message", (message) => {
      clearTimeout(timer);
      resolve(checkEcho(text, message));
    });
    socket.send(text, 7, STACK_ADDRESS);
  }).finally(() => socket.close());
}
