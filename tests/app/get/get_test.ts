import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type NetworkStack, toDuplex } from "../../../mod.ts";
import { readRequest } from "../../../src/app/commands.ts";
import { UsageError } from "../../../src/app/errors.ts";
import { readDownload } from "../../../src/app/get/command.ts";
import { download } from "../../../src/app/get/download.ts";
import { Progress, ProgressDisplay } from "../../../src/app/get/progress.ts";
import { Output, OutputGone } from "../../../src/app/streams.ts";
import { CERTIFICATE, KEY } from "../../node/certificate.ts";
import { FAR, hearUntil, type Pair, pairTest, pattern, pause, say, settles } from "../../stacks.ts";
import { Screen } from "../streams.ts";

const SITE = `http://${FAR}`;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Answers requests to port 80, or by TLS to 443. */
function serve(stack: NetworkStack, handler: Handler, secure = false): void {
  const server = secure
    ? createSecureServer({ key: KEY, cert: CERTIFICATE }, handler)
    : createServer(handler);
  const listener = stack.listen({ port: secure ? 443 : 80 });
  void (async () => {
    for await (const conn of listener) server.emit("connection", toDuplex(conn));
  })();
}

/** Answers the first request to port 80 with just this text, and closes. */
async function answer(stack: NetworkStack, text: string): Promise<void> {
  await using listener = stack.listen({ port: 80 });
  const conn = await listener.accept();
  await hearUntil(conn, "\r\n\r\n");
  await say(conn, text);
  conn.close();
}

const wishes = async (args: string[]) =>
  await readDownload((await readRequest(["get", ...args])).line as never);

/** Does what `tcpstack get` does; what it has printed. */
async function get({ near }: Pair, args: string[], ends: { signal?: AbortSignal } = {}) {
  const screen = new Screen();
  const { signal = new AbortController().signal } = ends;
  await download(near, await wishes(args), {
    output: new Output(screen),
    isTerminal: false,
    progress: undefined,
    signal,
  });
  return screen;
}

/** A test with a file in a folder of its own. */
function fileTest(name: string, body: (pair: Pair, path: string) => Promise<void>): void {
  pairTest(name, async (pair) => {
    const folder = await Deno.makeTempDir();
    try {
      await body(pair, `${folder}/file`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("options say what to ask for, and where it goes", async () => {
  const plain = await wishes(["10.0.0.2:8000/a/b.txt?x=1"]);
  assertEquals([plain.url.href, plain.method], ["http://10.0.0.2:8000/a/b.txt?x=1", "GET"]);
  assertEquals(plain.file, undefined);
  assertEquals((await wishes(["-O", "http://[fd00::2]/a/b.txt?x=1"])).file, "b.txt");
  assertEquals((await wishes(["-I", SITE])).method, "HEAD");
  const posted = await wishes(["-d", "a=1", "-d", "b=2", "-H", "X-One:  two ", SITE]);
  assertEquals(posted.method, "POST");
  assertEquals(new TextDecoder().decode(posted.body), "a=1&b=2");
  assertEquals(Object.fromEntries(posted.headers), {
    "content-length": "7",
    "content-type": "application/x-www-form-urlencoded",
    "x-one": "two",
  });
  const json = await wishes([
    "-X",
    "PUT",
    "-d",
    "{}",
    "-H",
    "content-type: application/json",
    SITE,
  ]);
  assertEquals([json.method, json.headers.get("content-type")], ["PUT", "application/json"]);
  const bad: [args: string[], message: string][] = [
    [["ftp://10.0.0.2/"], "Only http and https"],
    [["http://"], "is not a URL"],
    [["-O", SITE], "names no file"],
    [["-O", "-o", "x", SITE], "exclude each other"],
    [["-C", SITE], "needs a file"],
    [["-I", "-d", "x", SITE], "exclude each other"],
    [["-I", "-o", "x", SITE], "leave out the file"],
    [["-k", "--cacert", "x", SITE], "exclude each other"],
    [["-H", "nonsense", SITE], "expected 'name: value'"],
    [["-H", "a: b\nc: d", SITE], "Option --header"],
    [["-X", "GET", "-d", "x", SITE], ""],
    [["-X", "A B", SITE], ""],
  ];
  for (const [args, message] of bad) {
    await assertRejects(() => wishes(args), UsageError, message, args.join(" "));
  }
  await assertRejects(() => wishes(["-d", "@/nowhere/x", SITE]), Error, "Cannot read /nowhere/x");
});

fileTest("a body goes to the output, or to a file, byte by byte", async (pair, path) => {
  const bytes = pattern(3_000_000);
  serve(pair.far, (request, response) => {
    if (request.url === "/chunked") response.write(bytes.subarray(0, 1000));
    response.end(request.url === "/chunked" ? bytes.subarray(1000) : bytes);
  });
  for (const page of ["/", "/chunked"]) {
    assertEquals(await (await settles(get(pair, [`${SITE}${page}`]))).bytes, bytes);
    await Deno.writeTextFile(path, "something that was there before, and longer");
    assertEquals((await settles(get(pair, ["-o", path, `${SITE}${page}`]))).length, 0);
    assertEquals(await Deno.readFile(path), bytes);
  }
});

pairTest("what is asked for, is: method, header, data, and the way of redirects", async (pair) => {
  serve(pair.far, async (request, response) => {
    if (request.url === "/old") return response.writeHead(302, { location: "/new" }).end("moved");
    const body = await new Response(request as never).text();
    const { method, url, headers } = request;
    const type = headers["content-type"];
    const length = headers["content-length"];
    response.end([method, url, headers["x-one"], type, length, body].join(" "));
  });
  const cases: [args: string[], want: string][] = [
    [[`${SITE}/a?b=c`], "GET /a?b=c    "],
    [["-H", "x-one: 1", `${SITE}/old`], "GET /new 1   "],
    [["-X", "DELETE", SITE], "DELETE /    "],
    [["-d", "a=b", SITE], "POST /  application/x-www-form-urlencoded 3 a=b"],
  ];
  for (const [args, want] of cases) {
    assertEquals((await settles(get(pair, args))).text, want, args.join(" "));
  }
});

fileTest("with -f an error of HTTP is one, and leaves the file alone", async (pair, path) => {
  serve(pair.far, (_, response) => response.writeHead(404).end("nothing here"));
  assertEquals((await settles(get(pair, [SITE]))).text, "nothing here");
  await Deno.writeTextFile(path, "precious");
  const failing = get(pair, ["-f", "-o", path, SITE]);
  await settles(assertRejects(() => failing, Error, `${SITE}/ answers 404 Not Found`));
  assertEquals(await Deno.readTextFile(path), "precious");
});

pairTest("-I prints the status and the header", async (pair) => {
  serve(pair.far, (request, response) => {
    assertEquals(request.method, "HEAD");
    response.writeHead(200, { "content-length": 12345, "x-thing": "a\x85b" }).end();
  });
  const { text } = await settles(get(pair, ["-I", SITE]));
  assert(text.startsWith("200 OK\n"), text);
  assertStringIncludes(text, "\ncontent-length: 12345\n");
  assertStringIncludes(text, "\nx-thing: ab\n");
  assert(text.endsWith("\n\n"), text);
});

const CUT: [what: string, answer: string, message: string][] = [
  [
    "a body that is shorter than was said",
    "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello",
    `${SITE}/ has ended after 5 of 10 bytes`,
  ],
  [
    "a chunk that is cut off",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwo",
    `${SITE}/ has ended after 7 bytes`,
  ],
  ["no answer at all", "", `Cannot fetch ${SITE}/`],
  ["what is no HTTP", "220 mail.example ESMTP\r\n", `Cannot fetch ${SITE}/`],
];

for (const [what, text, message] of CUT) {
  pairTest(`${what} is an error`, async (pair) => {
    const [error] = await settles(Promise.all([
      assertRejects(() => get(pair, [SITE]), Error),
      answer(pair.far, text),
    ]));
    assertStringIncludes(error.message, message);
  });
}

pairTest("a body without a length ends with the connection", async (pair) => {
  const [screen] = await settles(Promise.all([
    get(pair, [SITE]),
    answer(pair.far, "HTTP/1.0 200 OK\r\n\r\nhello"),
  ]));
  assertEquals(screen.text, "hello");
});

fileTest("-C goes on where the file ends, if the server can", async (pair, path) => {
  const text = "0123456789";
  const ranges: (string | undefined)[] = [];
  let ability: "none" | "ranges" | "liar" = "ranges";
  serve(pair.far, (request, response) => {
    const { range } = request.headers;
    ranges.push(range);
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    if (ability === "none" || range === undefined) return response.end(text);
    if (ability === "liar") {
      return response.writeHead(206, { "content-range": "bytes 0-9/10" }).end(text);
    }
    if (start >= 10) return response.writeHead(416, { "content-range": "bytes */10" }).end("no");
    response.writeHead(206, { "content-range": `bytes ${start}-9/10` }).end(text.slice(start));
  });
  const resume = async (had: string | null) => {
    if (had !== null) await Deno.writeTextFile(path, had);
    await settles(get(pair, ["-C", "-o", path, SITE]));
    return await Deno.readTextFile(path);
  };
  assertEquals(await resume(null), text);
  assertEquals(await resume("0123"), text);
  assertEquals(await resume(text), text, "it was whole already");
  assertEquals(await resume(""), text);
  ability = "none";
  assertEquals(await resume("0123"), text);
  assertEquals(ranges, [undefined, "bytes=4-", "bytes=10-", undefined, "bytes=4-"]);
  ability = "liar";
  await assertRejects(() => resume("0123"), Error, "Asked for bytes from 4 on");
  assertEquals(await Deno.readTextFile(path), "0123");
  ability = "ranges";
  await assertRejects(() => resume(`${text}more`), Error, "answers 416");
});

pairTest("HTTPS needs a certificate that somebody vouches for", async (pair) => {
  serve(pair.far, (_, response) => response.end("secret"), true);
  const site = `https://${FAR}/`;
  const error = await settles(assertRejects(() => get(pair, [site]), Error));
  assertStringIncludes(error.message, `Cannot fetch ${site}: `);
  assertEquals((await settles(get(pair, ["-k", site]))).text, "secret");
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, CERTIFICATE);
  assertEquals((await settles(get(pair, ["--cacert", file, site]))).text, "secret");
  await Deno.remove(file);
});

pairTest(
  "an output that takes nothing holds up the server, and memory does not grow",
  async (pair) => {
    let written = 0;
    serve(pair.far, (_, response) => {
      const chunk = pattern(100_000);
      const fill = () => {
        while (written < 50_000_000) {
          written += chunk.length;
          if (!response.write(chunk)) return response.once("drain", fill);
        }
        response.end();
      };
      fill();
    });
    const screen = new Screen();
    const held = Promise.withResolvers<void>();
    screen.hold(held.promise);
    const signal = new AbortController().signal;
    const ends = { output: new Output(screen), isTerminal: false, progress: undefined, signal };
    const done = download(pair.near, await wishes([SITE]), ends);
    let before = -1;
    while (before !== written || written === 0) {
      before = written;
      await pause(200);
    }
    assert(written < 30_000_000, `it is held up: ${written} written`);
    held.resolve();
    await settles(done);
    assertEquals(screen.length, 50_000_000);
  },
);

pairTest("it ends when it is stopped, or nobody reads the output", async (pair) => {
  serve(pair.far, (_, response) => void response.write("hello"));
  const stop = new AbortController();
  const stopped = get(pair, [SITE], stop);
  await pause(50);
  stop.abort();
  await settles(assertRejects(() => stopped, DOMException));
  const screen = new Screen();
  screen.isClosed = true;
  const signal = new AbortController().signal;
  const ends = { output: new Output(screen), isTerminal: false, progress: undefined, signal };
  const unread = download(pair.near, await wishes([SITE]), ends);
  await settles(assertRejects(() => unread, OutputGone));
});

pairTest("a terminal is spared what is binary", async (pair) => {
  serve(pair.far, (_, response) => response.end("\x7fELF\0\0"));
  const screen = new Screen();
  const signal = new AbortController().signal;
  const ends = { output: new Output(screen), isTerminal: true, progress: undefined, signal };
  const binary = download(pair.near, await wishes([SITE]), ends);
  await settles(assertRejects(() => binary, Error, "It is binary"));
  assertEquals(screen.length, 0);
});

Deno.test("progress has the share, a bar, the rate of late and the time that is left", () => {
  const bar = (done: number) => `[${`${"=".repeat(done)}>`.slice(0, 40).padEnd(40)}]`;
  const cases: [total: number | undefined, had: number, bytes: number, at: number, line: string][] =
    [
      [100e6, 0, 25e6, 5000, ` 25% ${bar(10)}  25 MB of 100 MB  5 MB/s  0:15 left`],
      [100e6, 50e6, 75e6, 5000, ` 75% ${bar(30)}  75 MB of 100 MB  5 MB/s  0:05 left`],
      [100e6, 0, 100e6, 5000, `100% ${bar(40)}  100 MB of 100 MB  20 MB/s  0:00 left`],
      [4e9, 0, 1e6, 1000, `  0% ${bar(0)}  1 MB of 4 GB  1 MB/s  1:06:39 left`],
      [100e6, 0, 0, 1000, `  0% ${bar(0)}  0 B of 100 MB  0 B/s  stalled`],
      [undefined, 0, 5e6, 61_000, "5 MB  82 kB/s  1:01"],
    ];
  for (const [total, had, bytes, at, want] of cases) {
    assertEquals(new Progress(total, had, 0).line(bytes, at, 200), want);
  }
  const late = new Progress(100e6, 0, 0);
  late.line(50e6, 1000, 80);
  late.line(50e6, 6000, 80);
  assertStringIncludes(late.line(51e6, 7000, 80), "  167 kB/s  4:54 left");
  const narrow = new Progress(100e6, 0, 0).line(50e6, 1000, 50);
  assertEquals(narrow, " 50%  50 MB of 100 MB  50 MB/s  0:01 left");
});

Deno.test("progress is shown of what takes longer than a second, and taken away", () => {
  const written: string[] = [];
  const terminal = { columns: 41, write: (text: string) => void written.push(text) };
  {
    using display = new ProgressDisplay(terminal, 100e6, 0, 0);
    display.update(1e6, 500);
    assertEquals(written, []);
    display.update(50e6, 1000);
    display.update(51e6, 1100);
    display.update(60e6, 1200);
  }
  assertEquals(written, [
    "\r 50%  50 MB of 100 MB  50 MB/s  0:01 lef\x1b[K",
    "\r 60%  60 MB of 100 MB  50 MB/s  0:01 lef\x1b[K",
    "\r\x1b[K",
  ]);
  using quick = new ProgressDisplay(terminal, 100, 0, 0);
  quick.update(100, 10);
  assertEquals(written.length, 3);
});
