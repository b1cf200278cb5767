/** The web servers, with the clients that people have: curl, wget, wrk, ab, openssl, a browser. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createHash, randomFillSync } from "node:crypto";
import { CERTIFICATE } from "../node/certificate.ts";
import { denoArgs, liveTest, Namespace } from "./namespace.ts";
import { type Serving, SOURCE, STACK } from "./program.ts";
import { Running } from "./running.ts";

const SITE = `http://${STACK}`;
const GIBIBYTE = 2 ** 30;
/** How long a large transfer may take, in milliseconds. */
const PATIENCE = 120_000;

/** What the program in `inside/web_server.ts` has at the moment. */
interface State {
  readonly connections: number;
  readonly buffered: number;
  readonly served: number;
  readonly descriptors: string[];
}

/** Registers a test with that program. */
function serverTest(
  name: string,
  programs: string[],
  fn: (ns: Namespace, server: Running) => Promise<void>,
): void {
  liveTest(`web server: ${name}`, programs, async () => {
    const args = await denoArgs(new URL("./inside/web_server.ts", import.meta.url));
    await using ns = await Namespace.create();
    await using server = new Running(ns, Deno.execPath(), args);
    await server.waitFor("ready\n");
    await fn(ns, server);
    await server.closeInput();
    assertEquals((await server.end()).code, 0);
    assertEquals(server.stderr, "");
  });
}

/** Registers a test of `tcpstack http` on a folder that `files` makes. */
function folderTest(
  name: string,
  programs: string[],
  files: Record<string, string | Uint8Array<ArrayBuffer>>,
  fn: (ns: Namespace, serving: Serving, folder: string) => Promise<void>,
): void {
  liveTest(`http: ${name}`, programs, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.mkdir(`${folder}/site`);
      for (const [path, content] of Object.entries(files)) {
        if (typeof content === "string") {
          await Deno.writeTextFile(`${folder}/site/${path}`, content);
        } else await Deno.writeFile(`${folder}/site/${path}`, content);
      }
      await using ns = await Namespace.create();
      await using serving = await SOURCE.serve(ns, "http", `${folder}/site`);
      assertStringIncludes(serving.process.stdout, "is at http://10.0.0.2/");
      await fn(ns, serving, folder);
      serving.process.signal("SIGINT");
      const { code, took } = await serving.process.end();
      assertEquals([code, serving.process.stderr], [0, ""]);
      assert(took < 1000, `it ended within a second: took ${took} ms`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const ZERO = "0".repeat(32);
/** What `/bytes/N` gives, made by others. */
const known = (length: number) =>
  `head -c ${length} /dev/zero | openssl enc -aes-128-ctr -K ${ZERO} -iv ${ZERO}`;

serverTest("curl gets 1 GiB and puts 1 GiB, byte for byte", ["curl", "openssl"], async (ns) => {
  const sh = (script: string) => ns.check("sh", ["-c", script], { timeout: PATIENCE });
  const hash = (await sh(`${known(GIBIBYTE)} | sha256sum`)).slice(0, 64);
  const down = await sh(`curl -sS --fail ${SITE}/bytes/${GIBIBYTE} | sha256sum`);
  assertEquals(down.slice(0, 64), hash);
  const up = await sh(`${known(GIBIBYTE)} | curl -sS --fail -T - ${SITE}/digest`);
  assertEquals(JSON.parse(up), { length: GIBIBYTE, hash });
  const peak = Number(await sh(`curl -sS ${SITE}/peak`));
  assert(peak < 500_000, `it never needed more memory than 500 MB: ${peak} KiB`);
});

serverTest(
  "openssl and curl speak TLS to node:https on our TCP",
  ["curl", "openssl"],
  async (ns) => {
    const file = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(file, CERTIFICATE);
      const said = await ns.run("openssl", [
        ...["s_client", "-connect", `${STACK}:443`, "-CAfile", file, "-verify_return_error"],
        ...["-verify_ip", STACK, "-brief", "-ign_eof"],
      ], { stdin: "GET /tls HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" });
      assertMatch(said.stdout, /^HTTP\/1\.1 200 OK\r\n[^]*secure \/tls\n/);
      assertMatch(said.stderr, /Verification: OK/);
      assertMatch(said.stderr, /Protocol version: TLSv1\.3/);

      const trusting = ["-sS", "--cacert", file];
      assertEquals(await ns.check("curl", [...trusting, `https://${STACK}/x`]), "secure /x\n");
      const old = [...trusting, "--tls-max", "1.2", `https://${STACK}/y`];
      assertEquals(await ns.check("curl", old), "secure /y\n");
      assertEquals((await ns.run("curl", ["-sS", `https://${STACK}/`])).code, 60, "nobody vouches");
    } finally {
      await Deno.remove(file);
    }
  },
);

serverTest("1,000 connections at once echo", [], async (ns, server) => {
  const script = new URL("./inside/many_connections.ts", import.meta.url);
  const { stdout, stderr } = await ns.deno(script, [STACK, "7", "1000"]);
  assertEquals([stdout, stderr], ["1000 connections were open at once, 1000 echoed\n", ""]);
  assertEquals(JSON.parse(await server.ask("state")).connections, 0);
});

serverTest(
  "whoever dies, however, leaves nothing behind",
  ["curl", "socat"],
  async (ns, server) => {
    const state = async (): Promise<State> => JSON.parse(await server.ask("state"));
    const until = async (holds: (state: State) => boolean, what: string) => {
      for (const end = performance.now() + 10_000;;) {
        const now = await state();
        if (holds(now)) return now;
        assert(performance.now() < end, `${what}: ${JSON.stringify(now)}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };

    const curl = (...args: string[]) =>
      new Running(ns, "curl", ["-sS", "-o", "/dev/null", ...args]);
    const put = ["-T", "/dev/zero", `${SITE}/digest`];
    const endless = `${SITE}/endless`;
    const deaths: [who: string, args: string[], isBusy: (state: State) => boolean][] = [
      ["a reader", [endless], () => true],
      ["a slow reader", ["--limit-rate", "100k", endless], ({ buffered }) => buffered > 100_000],
      ["a writer", put, () => true],
      ["one who waits", [`${SITE}/silent`], () => true],
      ["a reader by TLS", ["-k", `https://${STACK}/`, endless], () => true],
    ];
    const killAll = async (isOver: (state: State) => boolean) => {
      for (const [who, args, isBusy] of deaths) {
        await using client = curl(...args);
        await until((now) => now.served === 1 && isBusy(now), `${who} is served`);
        client.signal("SIGKILL");
        await client.end();
        await until(isOver, `${who} was killed`);
      }
    };
    // The first time, Deno opens what it keeps.
    await killAll(({ connections }) => connections === 0);
    const { descriptors } = await state();
    const empty = JSON.stringify({ connections: 0, buffered: 0, served: 0, descriptors });
    const isEmpty = (now: State) => JSON.stringify(now) === empty;
    await killAll(isEmpty);

    const stdin = `PUT /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n${
      "x".repeat(1e6)
    }`;
    await ns.run("socat", ["-u", "-", `TCP:${STACK}:80,linger=0`], { stdin });
    await until(isEmpty, "a writer who resets");

    await using reader = curl(`${SITE}/endless`);
    await using writer = curl(...put);
    await until(({ served }) => served === 2, "both are served");
    await ns.check("ip", ["link", "set", "tun0", "down"]);
    await until(isEmpty, "the interface went down");
    await ns.check("ip", ["link", "set", "tun0", "up"]);
    for (const client of [reader, writer]) {
      client.signal("SIGKILL");
      await client.end();
    }
    assertEquals((await ns.check("curl", ["-sS", `${SITE}/bytes/10`])).length > 0, true);
    await until(isEmpty, "the interface is up again");
  },
);

const DATA = randomFillSync(new Uint8Array(20_000_000));
const FILES = { "index.html": "<h1>Hello</h1>\n", "small.txt": "small\n", "data.bin": DATA };

folderTest(
  "curl sees parts, dates, tags, errors, of both families",
  ["curl"],
  FILES,
  async (ns, serving) => {
    const curl = (...args: string[]) => ns.check("curl", ["-sS", "--path-as-is", ...args]);
    assertEquals(
      await curl("-g", `${SITE}/`, "http://[fd00::2]/small.txt"),
      "<h1>Hello</h1>\nsmall\n",
    );
    const status = ["-o", "/dev/null", "-w", "%{http_code} %{content_type} %{size_download}"];
    assertEquals(
      await curl(...status, "-r", "-5", `${SITE}/small.txt`),
      "206 text/plain; charset=utf-8 5",
    );
    assertMatch(await curl(...status, "-r", "90-", `${SITE}/small.txt`), /^416 /);
    assertMatch(await curl(...status, `${SITE}/../../etc/passwd`), /^404 /);
    assertMatch(await curl(...status, `${SITE}/%2e%2e/%2e%2e/etc/passwd`), /^404 /);
    assertMatch(await curl(...status, "-T", "/etc/hostname", `${SITE}/small.txt`), /^405 /);
    const tagFile = await Deno.makeTempFile();
    await curl("-o", "/dev/null", "--etag-save", tagFile, `${SITE}/data.bin`);
    assertEquals(await curl(...status, "--etag-compare", tagFile, `${SITE}/data.bin`), "304  0");
    await Deno.remove(tagFile);
    assertMatch(await curl("-I", `${SITE}/data.bin`), /\r\ncontent-length: 20000000\r\n/i);
    assertMatch(await curl("-i", "-H", "X: " + "x".repeat(30_000), `${SITE}/`), /^HTTP\/1\.1 431 /);
    assertMatch(
      serving.process.stdout,
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d 10\.0\.0\.1 GET \/ 200 15$/m,
    );
    assertMatch(serving.process.stdout, / fd00::1 GET \/small\.txt 200 6$/m);
    assertMatch(serving.process.stdout, / 10\.0\.0\.1 PUT \/small\.txt 405 /);
  },
);

folderTest(
  "wget --continue gets the rest of a file",
  ["wget"],
  FILES,
  async (ns, serving, folder) => {
    await Deno.writeFile(`${folder}/data.bin`, DATA.subarray(0, 7_654_321));
    await ns.check("wget", ["-q", "--continue", `${SITE}/data.bin`], { cwd: folder });
    const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
    assertEquals(hash(await Deno.readFile(`${folder}/data.bin`)), hash(DATA));
    assertMatch(serving.process.stdout, / GET \/data\.bin 206 12345679$/m);
  },
);

folderTest("wrk: 200 connections for 5 s, without an error", ["wrk"], FILES, async (ns) => {
  const said = await ns.check("wrk", ["-t", "2", "-c", "200", "-d", "10s", `${SITE}/small.txt`]);
  assert(!/Socket errors|Non-2xx/.test(said), said);
  assert(Number(/(\d+) requests in/.exec(said)![1]) > 1000, said);
});

folderTest(
  "ab: 5,000 connections, 50 at a time, with and without keep-alive",
  ["ab"],
  FILES,
  async (ns) => {
    for (const more of [[], ["-k"]]) {
      const said = await ns.check("ab", [
        "-q",
        ...more,
        "-n",
        "5000",
        "-c",
        "50",
        `${SITE}/small.txt`,
      ]);
      assertMatch(said, /Complete requests: +5000\n/);
      assertMatch(said, /Failed requests: +0\n/);
      assert(!said.includes("Non-2xx"), said);
    }
  },
);

/** A page with 50 assets, which asks for `/all-N` once N of them are there. */
function page(): Record<string, string> {
  const files: Record<string, string> = {};
  const tags: string[] = [];
  for (let i = 0; i < 10; i++) {
    files[`style${i}.css`] = `.s${i} { background: hsl(${i * 36} 80% 70%); padding: 4px 12px }`;
    tags.push(`<link rel="stylesheet" href="style${i}.css" onload="count()">`);
    files[`script${i}.js`] = `document.write('<span class="s${i}">script ${i}</span> '); count();`;
  }
  for (let i = 0; i < 10; i++) tags.push(`<script src="script${i}.js"></script>`);
  for (let i = 0; i < 30; i++) {
    files[`image${i}.svg`] = '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="60">' +
      `<circle cx="30" cy="30" r="28" fill="hsl(${i * 12} 70% 50%)"/></svg>`;
    tags.push(`<img src="image${i}.svg" onload="count()">`);
  }
  files["index.html"] = `<!DOCTYPE html><meta charset="utf-8"><title>50</title><script>
let n = 0;
const count = () => ++n === 50 && fetch("/all-" + n);
</script><h1>Fifty assets by our own TCP</h1>${tags.join("\n")}`;
  return files;
}

folderTest(
  "Chromium loads a page with 50 assets",
  ["chromium"],
  page(),
  async (ns, serving, folder) => {
    const screenshot = `${folder}/page.png`;
    await ns.check("chromium", [
      ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
      ...["--disable-dev-shm-usage", `--user-data-dir=${folder}/profile`, "--window-size=800,500"],
      ...[`--screenshot=${screenshot}`, `${SITE}/`],
    ], { timeout: 60_000, env: { HOME: folder } });
    await serving.process.waitFor(/ GET \/all-50 404 /);
    const log = serving.process.stdout;
    for (const path of Object.keys(page())) {
      assertStringIncludes(log, ` GET /${path === "index.html" ? "" : path} 200 `);
    }
    const png = await Deno.readFile(screenshot);
    assertEquals(png.subarray(1, 4), new TextEncoder().encode("PNG"));
    assert(png.length > 5000, `a screenshot of ${png.length} bytes`);
  },
);
