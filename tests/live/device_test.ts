/**
 * The devices against the real kernel: packets of the kernel's own `ping` pass both ways through
 * the whole of `ffi/`, without the stack.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Compiled } from "../ffi/cc.ts";
import { compileDarwin } from "./darwin.ts";
import { denoArgs, liveTest, Namespace } from "./namespace.ts";

const ECHO_PINGS = new URL("./echo_pings.ts", import.meta.url);

/** `echo_pings.ts`, running in a namespace. */
class Echo implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #text = "";

  static async start(ns: Namespace, ...args: string[]): Promise<Echo> {
    const child = ns.command(Deno.execPath(), [...await denoArgs(ECHO_PINGS), ...args], {
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    return new Echo(child);
  }

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next line of its output. */
  async line(): Promise<Record<string, unknown>> {
    while (!this.#text.includes("\n")) {
      const { value } = await this.#lines.read();
      if (value === undefined) throw new Error("It ended before it printed a line");
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return JSON.parse(line);
  }

  /** Closes the device. Returns its counters and the milliseconds until the process was gone. */
  async end(): Promise<{ counters: Record<string, unknown>; took: number }> {
    const start = performance.now();
    await this.#child.stdin.close();
    const counters = await this.line();
    assertEquals((await this.#child.status).code, 0);
    return { counters, took: performance.now() - start };
  }

  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#child.stdin.close().catch(() => {});
    await this.#lines.cancel();
    await this.#child.status;
  }
}

/** Starts an {@linkcode Echo} with or without the library that stands in for Darwin's. */
async function start(
  ns: Namespace,
  kind: "tun" | "utun",
  mtu: number,
  darwin?: Compiled,
): Promise<Echo> {
  return await Echo.start(ns, kind, `${mtu}`, ...(darwin === undefined ? [] : [darwin.path]));
}

async function darwinLibrary(kind: "tun" | "utun"): Promise<Compiled | undefined> {
  return kind === "tun" ? undefined : await compileDarwin();
}

for (const kind of ["tun", "utun"] as const) {
  const name = kind === "tun" ? "stack0" : "utun7";
  const needs = kind === "tun" ? ["ping"] : ["ping", "cc"];

  liveTest(`${kind}: the kernel's pings pass both ways, at every size`, needs, async () => {
    await using darwin = await darwinLibrary(kind);
    await using ns = await Namespace.create();
    await using echo = await start(ns, kind, 1500, darwin);
    assertEquals(await echo.line(), { name, mtu: 1500 });

    const address = await ns.check("ip", ["-4", "address", "show", "dev", name]);
    assertStringIncludes(address, "inet 10.0.0.1 peer 10.0.0.2/32");
    assertMatch(address, /mtu 1500/);
    assertMatch(address, /[<,]UP[,>]/);

    // 1472 bytes fill a packet; 0 bytes leave the headers alone.
    for (const size of [0, 56, 1472]) {
      const text = await ns.check("ping", pingArgs(5, size));
      assertMatch(text, /5 packets transmitted, 5 received, 0% packet loss/);
    }
    const flood = await ns.check("ping", ["-f", "-c", "3000", "-w", "20", "10.0.0.2"]);
    assertMatch(flood, /3000 received, 0% packet loss/);

    // The address is there at once, and the header is 20 bytes longer.
    for (const size of [0, 56, 1452]) {
      const text = await ns.check("ping", pingArgs(5, size, "fd00::2"));
      assertMatch(text, /5 packets transmitted, 5 received, 0% packet loss/);
    }

    const { counters, took } = await echo.end();
    assertEquals(counters.answered, 3030);
    assertEquals(counters.deviceSent, 3030);
    assertEquals(counters.failure, undefined);
    assert(took < 1000, `closing took ${took} ms`);
    const links = await ns.check("ip", ["link"]);
    assert(!links.includes(name), `${name} is gone once its device is closed`);
  });

  liveTest(`${kind}: an MTU of 9000 lets larger packets pass`, needs, async () => {
    await using darwin = await darwinLibrary(kind);
    await using ns = await Namespace.create();
    await using echo = await start(ns, kind, 9000, darwin);
    assertEquals(await echo.line(), { name, mtu: 9000 });
    const text = await ns.check("ping", pingArgs(5, 8972));
    assertMatch(text, /5 received, 0% packet loss/);
    await echo.end();
  });

  liveTest(
    `${kind}: an interface that is deleted ends the device with an error`,
    needs,
    async () => {
      await using darwin = await darwinLibrary(kind);
      await using ns = await Namespace.create();
      await using echo = await start(ns, kind, 1500, darwin);
      await echo.line();
      await ns.check("ip", ["link", "delete", name]);
      const { failure } = await echo.line();
      assertMatch(`${failure}`, new RegExp(`Cannot read from ${name}.*the interface has vanished`));
      assertEquals((await echo.status).code, 0);
    },
  );
}

liveTest("tun: an interface may go down and come up again", [
  "ping",
], async () => {
  await using ns = await Namespace.create();
  await using echo = await start(ns, "tun", 1500);
  await echo.line();
  await ns.check("ip", ["link", "set", "stack0", "down"]);
  await ns.check("ip", ["link", "set", "stack0", "up"]);
  await ns.check("ip", ["route", "replace", "10.0.0.2", "dev", "stack0"]);
  assertMatch(await ns.check("ping", pingArgs(3, 56)), /3 received, 0% packet loss/);
  await echo.end();
});

liveTest("tun: a name that is taken is refused with advice", [], async () => {
  await using ns = await Namespace.create();
  await ns.check("ip", ["tuntap", "add", "stack0", "mode", "tun"]);
  const { code, stderr } = await ns.deno(ECHO_PINGS, ["tun", "1500"]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "AddrInUse: Cannot create the interface stack0 (EBUSY): ");
  assertStringIncludes(stderr, "an interface has this name already; choose another one");
});

function pingArgs(count: number, size: number, to = "10.0.0.2"): string[] {
  return ["-c", `${count}`, "-i", "0.02", "-w", "10", "-M", "do", "-s", `${size}`, to];
}
