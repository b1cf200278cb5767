/** `tcpstack http`: a folder behind a stack, asked by raw requests of another stack. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createStack, memoryPair, type NetworkStack, serveHttp } from "../../mod.ts";
import { folderHandler } from "../../src/app/http/folder.ts";
import {
  checkPreconditions,
  isRangeValid,
  validatorsOf,
} from "../../src/app/http/preconditions.ts";
import { readRange } from "../../src/app/http/ranges.ts";
import { hearAll, pattern, say, settles, until } from "../stacks.ts";

const DATA = pattern(1_000_000);
const MODIFIED = new Date("2026-03-04T05:06:07.890Z");
const LAST_MODIFIED = "Wed, 04 Mar 2026 05:06:07 GMT";

/** An answer, as it came over the wire. */
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
  readonly text: string;
}

/** The folder, and beside it what must not be reached. */
async function makeFolder(): Promise<string> {
  const top = await Deno.makeTempDir();
  const write = async (path: string, data: string | Uint8Array<ArrayBuffer>) => {
    if (typeof data === "string") await Deno.writeTextFile(`${top}/${path}`, data);
    else await Deno.writeFile(`${top}/${path}`, data);
    await Deno.utime(`${top}/${path}`, MODIFIED, MODIFIED);
  };
  for (const name of ["site", "site/folder", "site/pages", "site-2"]) {
    await Deno.mkdir(`${top}/${name}`);
  }
  await write("secret.txt", "secret");
  await write("site-2/secret.txt", "secret");
  await write("site/data.bin", DATA);
  await write("site/empty.txt", "");
  await write("site/pages/index.html", "<h1>Pages</h1>");
  await write("site/folder/ü & <b>?#%.js", "script");
  await write("site/folder/no_type", "what");
  await Deno.mkdir(`${top}/site/folder/inner`);
  await Deno.symlink("data.bin", `${top}/site/inside.bin`);
  await Deno.symlink("../secret.txt", `${top}/site/outside.txt`);
  await Deno.symlink("../site-2", `${top}/site/beside`);
  await Deno.symlink("loop", `${top}/site/loop`);
  return top;
}

function folderTest(
  name: string,
  body: (ask: (request: string) => Promise<Answer>, site: string) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const top = await makeFolder();
    try {
      const [one, other] = memoryPair();
      await using client = createStack({ device: one, address: "10.0.0.1" });
      await using host = createStack({ device: other, address: "10.0.0.2" });
      const handler = await folderHandler(`${top}/site`);
      await using _server = serveHttp(host.listen({ port: 80 }), handler);
      await body((request) => settles(exchange(client, request), request), `${top}/site`);
    } finally {
      await Deno.remove(top, { recursive: true });
    }
  });
}

/** Sends a request line, with further header lines, and reads the answer to the end. */
async function exchange(client: NetworkStack, request: string): Promise<Answer> {
  const [line, ...lines] = request.split("\n");
  await using conn = await client.connect({ hostname: "10.0.0.2", port: 80 });
  await say(
    conn,
    [`${line} HTTP/1.1`, "Host: a", "Connection: close", ...lines, "", ""].join("\r\n"),
  );
  const bytes = await hearAll(conn);
  const text = new TextDecoder("latin1").decode(bytes);
  const at = text.indexOf("\r\n\r\n");
  const [first, ...rest] = text.slice(0, at).split("\r\n");
  const headers = new Headers(
    rest.map((line) => line.split(/: (.*)/).slice(0, 2) as [string, string]),
  );
  const body = bytes.subarray(at + 4);
  return {
    status: Number(first!.split(" ")[1]),
    headers,
    body,
    text: new TextDecoder().decode(body),
  };
}

folderTest("files come with their types, lengths and validators", async (ask) => {
  const cases: [path: string, type: string, length: number][] = [
    ["/data.bin", "application/octet-stream", DATA.length],
    ["/inside.bin", "application/octet-stream", DATA.length],
    ["/empty.txt", "text/plain; charset=utf-8", 0],
    ["/folder/no_type", "application/octet-stream", 4],
    ["/pages/index.html", "text/html; charset=utf-8", 14],
    ["/pages/", "text/html; charset=utf-8", 14],
    ["/pages/?a=b", "text/html; charset=utf-8", 14],
    ["//pages///index.html", "text/html; charset=utf-8", 14],
    ["/folder/%C3%BC%20%26%20%3Cb%3E%3F%23%25.js", "text/javascript; charset=utf-8", 6],
  ];
  for (const [path, type, length] of cases) {
    for (const method of ["GET", "HEAD"]) {
      const { status, headers, body } = await ask(`${method} ${path}`);
      const got = [status, headers.get("content-type"), headers.get("content-length"), body.length];
      assertEquals(
        got,
        [200, type, `${length}`, method === "GET" ? length : 0],
        `${method} ${path}`,
      );
      assertEquals(headers.get("last-modified"), LAST_MODIFIED);
      assertEquals(headers.get("accept-ranges"), "bytes");
    }
  }
  assertEquals((await ask("GET /data.bin")).body, DATA);
});

folderTest("a folder is listed, with links that lead to what is in it", async (ask) => {
  const { status, headers, text } = await ask("GET /folder/");
  assertEquals([status, headers.get("content-type")], [200, "text/html; charset=utf-8"]);
  const links = [...text.matchAll(/<a href="([^"]*)">([^]*?)<\/a>/g)].map((
    [, to, name],
  ) => [to, name]);
  assertEquals(links, [
    ["../", "../"],
    ["./inner/", "inner/"],
    ["./no_type", "no_type"],
    ["./%C3%BC%20%26%20%3Cb%3E%3F%23%25.js", "ü &amp; &lt;b&gt;?#%.js"],
  ]);
  for (const [to] of links) {
    const { pathname } = new URL(to!, "http://a/folder/");
    assertEquals((await ask(`GET ${pathname}`)).status, 200, pathname);
  }
  assert(!(await ask("GET /")).text.includes('"../"'));
});

folderTest(
  "a folder without the slash leads to the one with it, and never to another host",
  async (ask) => {
    const cases = [["/folder", "/folder/"], ["/folder?a=b", "/folder/?a=b"], [
      "//folder",
      "/folder/",
    ]];
    for (const [path, location] of cases) {
      const { status, headers } = await ask(`GET ${path}`);
      assertEquals([status, headers.get("location")], [301, location], path);
    }
  },
);

folderTest("what is not in the folder is not served, however it is called", async (ask) => {
  const cases: [path: string, status: number][] = [
    ["/nowhere", 404],
    ["/data.bin/", 404],
    ["/data.bin/x", 404],
    ["/../secret.txt", 404],
    ["/%2e%2e/secret.txt", 404],
    ["/folder/..%2f..%2fsecret.txt", 404],
    ["/..%5csecret.txt", 404],
    ["/../site-2/secret.txt", 404],
    ["/%252e%252e/secret.txt", 404],
    ["/data.bin%00.txt", 404],
    [`/${"a".repeat(5000)}`, 404],
    ["/outside.txt", 403],
    ["/beside/secret.txt", 403],
    ["/beside/", 403],
    ["/loop", 404],
    ["/%", 400],
    ["/%ff", 400],
  ];
  for (const [path, want] of cases) {
    const { status, text } = await ask(`GET ${path}`);
    assertEquals(status, want, path);
    assert(!text.includes("secret"), path);
  }
});

folderTest("what is no file is not opened", async (ask, site) => {
  new Deno.Command("mkfifo", { args: [`${site}/pipe`] }).outputSync();
  assertEquals((await ask("GET /pipe")).status, 403);
});

folderTest("only GET and HEAD are for files", async (ask) => {
  for (const method of ["PUT", "DELETE", "OPTIONS", "PROPFIND"]) {
    const { status, headers } = await ask(`${method} /data.bin`);
    assertEquals([status, headers.get("allow")], [405, "GET, HEAD"], method);
  }
  const posted = await ask(`POST /data.bin\nContent-Length: 5\n\nhello`);
  assertEquals(posted.status, 405);
});

folderTest("a part of a file comes with its place", async (ask) => {
  const n = DATA.length;
  const cases: [range: string, start: number, end: number][] = [
    ["bytes=0-0", 0, 1],
    ["bytes=999000-", 999_000, n],
    ["bytes=-7", n - 7, n],
    ["bytes=5-700000", 5, 700_001],
    ["bytes=-5000000", 0, n],
    ["bytes=999999-2000000", n - 1, n],
  ];
  for (const [range, start, end] of cases) {
    const { status, headers, body } = await ask(`GET /data.bin\nRange: ${range}`);
    assertEquals(
      [status, headers.get("content-range")],
      [206, `bytes ${start}-${end - 1}/${n}`],
      range,
    );
    assertEquals(headers.get("content-length"), `${end - start}`);
    assertEquals(body, DATA.subarray(start, end), range);
  }
  const beyond = await ask(`GET /data.bin\nRange: bytes=${n}-`);
  assertEquals([beyond.status, beyond.headers.get("content-range")], [416, `bytes */${n}`]);
  // The length of a HEAD is that of the whole: Range is for GET (RFC 9110 §14.2).
  assertEquals(
    (await ask("HEAD /data.bin\nRange: bytes=0-0")).headers.get("content-length"),
    `${n}`,
  );
});

folderTest("what the client has already does not come again", async (ask) => {
  const { headers } = await ask("HEAD /data.bin");
  const etag = headers.get("etag")!;
  for (const line of [`If-None-Match: "x", W/${etag}`, `If-Modified-Since: ${LAST_MODIFIED}`]) {
    const { status, headers, body } = await ask(`GET /data.bin\n${line}`);
    assertEquals([status, headers.get("etag"), body.length], [304, etag, 0], line);
  }
  const part = (condition: string) =>
    ask(`GET /data.bin\nRange: bytes=1-2\nIf-Range: ${condition}`);
  assertEquals((await part(etag)).status, 206);
  assertEquals((await part('"other"')).status, 200);
});

folderTest("a file that is written anew has another tag", async (ask, site) => {
  const before = (await ask("HEAD /empty.txt")).headers.get("etag");
  await Deno.writeTextFile(`${site}/empty.txt`, "full");
  const { status, text } = await ask(`GET /empty.txt\nIf-None-Match: ${before}`);
  assertEquals([status, text], [200, "full"]);
});

folderTest(
  "a file that becomes shorter on the way ends the connection, not the server",
  async (ask, site) => {
    await Deno.writeFile(`${site}/large`, new Uint8Array(50_000_000));
    const answer = ask("GET /large");
    await new Promise((resolve) => setTimeout(resolve, 5));
    await Deno.truncate(`${site}/large`, 1_000_000);
    const [outcome] = await Promise.allSettled([answer]);
    if (outcome!.status === "fulfilled") {
      assert((outcome as PromiseFulfilledResult<Answer>).value.body.length < 50_000_000);
    }
    assertEquals((await ask("GET /empty.txt")).status, 200);
  },
);

Deno.test({
  name: "a client that goes away in the middle leaves no file open",
  ignore: Deno.build.os !== "linux", // elsewhere nobody tells what is open
  async fn() {
    const top = await makeFolder();
    const openFiles = () =>
      [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
        try {
          return [Deno.readLinkSync(`/proc/self/fd/${name}`)];
        } catch {
          return []; // that of the folder itself
        }
      }).filter((path) => path.startsWith(top));
    try {
      await Deno.writeFile(`${top}/site/large`, new Uint8Array(50_000_000));
      const [one, other] = memoryPair();
      await using client = createStack({ device: one, address: "10.0.0.1" });
      await using host = createStack({ device: other, address: "10.0.0.2" });
      const handler = await folderHandler(`${top}/site`);
      await using server = serveHttp(host.listen({ port: 80 }), handler);
      for (const isReset of [false, true]) {
        const conn = await client.connect({ hostname: "10.0.0.2", port: 80 });
        await say(conn, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
        await settles(conn.read(new Uint8Array(1000)));
        // A read under way has a descriptor of its own.
        await until(() => openFiles().length === 1, "the file is open, once");
        if (isReset) conn.abort();
        conn.close();
        await until(() => openFiles().length === 0, "the file is closed");
        await until(() => server.connectionCount === 0, "the connection is over");
      }
    } finally {
      await Deno.remove(top, { recursive: true });
    }
  },
});

Deno.test("readRange() knows ranges, and leaves alone what it does not", () => {
  const cases: [header: string, want: ReturnType<typeof readRange>][] = [
    ["bytes=0-9", { start: 0, end: 10 }],
    ["Bytes = 0-9", { start: 0, end: 10 }],
    ["bytes=90-", { start: 90, end: 100 }],
    ["bytes=-1", { start: 99, end: 100 }],
    ["bytes=-0", null],
    ["bytes=100-", null],
    ["bytes=100-200", null],
    ["bytes=200-300,400-500", null],
    ["bytes=200-300,5-6", { start: 5, end: 7 }],
    ["bytes=0-1,5-6", undefined],
    [`bytes=${"0-1,".repeat(17)}`, undefined],
    ["bytes=5-4", undefined],
    ["bytes=-", undefined],
    ["bytes=", undefined],
    ["bytes=a-b", undefined],
    ["bytes=0-9,x", undefined],
    ["lines=0-9", undefined],
  ];
  for (const [header, want] of cases) assertEquals(readRange(header, 100), want, header);
  assertEquals(readRange("bytes=0-", 0), null);
  assertEquals(readRange("bytes=-5", 0), null);
});

Deno.test("preconditions are evaluated in the order of RFC 9110 §13.2.2", () => {
  const validators = validatorsOf(5, MODIFIED);
  const { etag } = validators;
  const [before, then, after] = [
    "Wed, 04 Mar 2026 05:06:06 GMT",
    LAST_MODIFIED,
    "Wed, 04 Mar 2026 05:06:08 GMT",
  ];
  const cases: [headers: Record<string, string>, want: number | undefined][] = [
    [{}, undefined],
    [{ "if-match": "*" }, undefined],
    [{ "if-match": `"x", ${etag}` }, undefined],
    [{ "if-match": '"x"' }, 412],
    [{ "if-match": `W/${etag}` }, 412],
    [{ "if-unmodified-since": before }, 412],
    [{ "if-unmodified-since": then }, undefined],
    [{ "if-match": etag, "if-unmodified-since": before }, undefined],
    [{ "if-none-match": "*" }, 304],
    [{ "if-none-match": etag }, 304],
    [{ "if-none-match": '"x"' }, undefined],
    [{ "if-none-match": '"x"', "if-modified-since": after }, undefined],
    [{ "if-modified-since": before }, undefined],
    [{ "if-modified-since": then }, 304],
    [{ "if-modified-since": "some day" }, undefined],
  ];
  for (const [headers, want] of cases) {
    assertEquals(
      checkPreconditions(new Headers(headers), validators),
      want,
      JSON.stringify(headers),
    );
  }
  const isValid = (value: string) => isRangeValid(new Headers({ "if-range": value }), validators);
  assertEquals([etag, `W/${etag}`, then, after].map(isValid), [true, false, true, false]);
});

Deno.test("folderHandler() wants a folder", async () => {
  const file = await Deno.makeTempFile();
  try {
    const errors = await Promise.all(
      [file, `${file}-nowhere`].map((path) => folderHandler(path).then(() => "", String)),
    );
    assertMatch(errors[0]!, /is not a folder/);
    assertStringIncludes(errors[1]!, "NotFound");
  } finally {
    await Deno.remove(file);
  }
});
