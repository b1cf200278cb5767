/**
 * Large amounts of data through programs.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { createHash, randomFillSync } from "node:crypto";

const CHUNK = 256 * 1024;

/**
 * Writes random bytes to a program's standard input and ends it.
 *
 * @returns The SHA-256 of these bytes.
 */
async function feedRandom(
  stdin: WritableStream<Uint8Array<ArrayBuffer>>,
  length: number,
): Promise<string> {
  const writer = stdin.getWriter();
  const hash = createHash("sha256");
  for (let left = length; left > 0;) {
    const chunk = randomFillSync(new Uint8Array(Math.min(left, CHUNK)));
    hash.update(chunk);
    await writer.write(chunk);
    left -= chunk.length;
  }
  await writer.close();
  return hash.digest("hex");
}

/** Runs a program that is to give back what it is given, and checks that it does. */
export async function assertGivesBack(command: CommandLike, length: number): Promise<void> {
  await using child = command(PIPED).spawn();
  const hash = createHash("sha256");
  let received = 0;
  const [sent] = await Promise.all([
    feedRandom(child.stdin, length),
    (async () => {
      for await (const chunk of child.stdout) {
        hash.update(chunk);
        received += chunk.length;
      }
    })(),
  ]);
  assertEquals((await child.status).code, 0);
  assertEquals(received, length);
  assertEquals(hash.digest("hex"), sent);
}

/**
 * Runs a program that takes random bytes and gives nothing back.
 *
 * @returns The SHA-256 of these bytes.
 */
export async function feedAll(command: CommandLike, length: number): Promise<string> {
  await using child = command({ ...PIPED, stdout: "null" }).spawn();
  const hash = await feedRandom(child.stdin, length);
  assertEquals((await child.status).code, 0);
  return hash;
}

/** Reads `length` bytes of what a program prints, calling back for each piece, and ends it. */
export async function readSome(
  command: CommandLike,
  length: number,
  take: (chunk: Uint8Array, at: number) => void,
): Promise<void> {
  await using child = command({ stdin: "piped", stdout: "piped" }).spawn();
  let at = 0;
  for await (const chunk of child.stdout) {
    take(chunk, at);
    at += chunk.length;
    if (at >= length) break;
  }
  assertEquals(at >= length, true, `${at} bytes of ${length} came`);
  child.kill("SIGTERM");
  await child.stdin.close();
  await child.status;
}

/** Makes a command, given what to do with its standard input and output. */
export type CommandLike = (options: Deno.CommandOptions) => Deno.Command;

const PIPED = { stdin: "piped", stdout: "piped", stderr: "inherit" } as const;
