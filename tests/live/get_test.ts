/** `tcpstack get` and servers of the kernel's side: Python's, OpenSSL's, and of `nc`. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Folder, memoryOf, programBetween, sha256, untilListening } from "./files.ts";
import { liveTest, Namespace } from "./namespace.ts";
import { SOURCE } from "./program.ts";
import { CERTIFICATE, KEY } from "../node/certificate.ts";

const SERVER = ["-u", "-m", "http.server", "--bind", "::", "--directory"];

/** A line that is written again and again, and taken away in the end. */
const SHOWN = new RegExp("^(\\r +\\d+% .*/s {2}0:\\d\\d left\x1b\\[K)+\r\x1b\\[K$");

/** A test with Python's server of a folder on port 8000, by both families. */
function getTest(
  name: string,
  body: (ns: Namespace, folder: Folder) => Promise<void>,
  programs: string[] = [],
): void {
  liveTest(`get: ${name}`, ["python3", "ss", ...programs], async () => {
    await using ns = await Namespace.create();
    await using folder = new Folder();
    await Deno.mkdir(folder.file("site"));
    const options = { stdin: "null", stdout: "null", stderr: "null" } as const;
    await using _server = ns.command("python3", [...SERVER, folder.file("site"), "8000"], options)
      .spawn();
    await untilListening(ns, 8000);
    await body(ns, folder);
  });
}

getTest(
  "50 MB from Python's server, by both families, to the output and to a file",
  async (ns, folder) => {
    const file = await folder.random("site/data.bin", 50_000_000);
    const to = folder.file("got");
    for (const host of ["10.0.0.1", "[fd00::1]"]) {
      const url = `http://${host}:8000/data.bin`;
      const { code, stderr } = await programBetween(ns, { to }, ["get", url]);
      assertEquals([stderr, code], ["", 0]);
      assertEquals(await sha256(to), await sha256(file));
      await Deno.remove(to);
      const saved = await SOURCE.run(ns, ["get", "-o", to, url]);
      assertEquals([saved.stdout, saved.stderr, saved.code], ["", "", 0]);
      assertEquals(await sha256(to), await sha256(file));
    }
  },
);

getTest("1 GB passes in the memory that 200 MB take", async (ns, folder) => {
  const used: number[] = [];
  for (const size of [200_000_000, 1_000_000_000]) {
    // Of zeros, which take no room.
    const path = folder.file("site/zeros");
    await Deno.writeFile(path, new Uint8Array());
    await Deno.truncate(path, size);
    const command = ["get", "http://10.0.0.1:8000/zeros"];
    const { memory, outcome } = await memoryOf(ns, { to: "/dev/null" }, command);
    assertEquals(outcome.code, 0, outcome.stderr);
    used.push(memory / 1e6);
  }
  assert(used[1]! < used[0]! + 60, `${used[0]} MB, then ${used[1]} MB`);
});

getTest("the header, what is not there, and what is asked wrong", async (ns, folder) => {
  await Deno.writeTextFile(folder.file("site/hello.txt"), "hello, world\n");
  const site = "http://10.0.0.1:8000";
  const head = await SOURCE.run(ns, ["get", "-I", `${site}/hello.txt`]);
  assertMatch(head.stdout, /^200 OK\n/);
  assertStringIncludes(head.stdout, "\ncontent-length: 13\n");
  const page = await SOURCE.run(ns, ["get", `${site}/missing`]);
  assertEquals(page.code, 0);
  assertStringIncludes(page.stdout, "File not found");
  const cases: [args: string[], code: number, message: string][] = [
    [["-f", `${site}/missing`], 1, `tcpstack: ${site}/missing answers 404 File not found\n`],
    [
      ["http://10.0.0.1:9/"],
      1,
      "tcpstack: Cannot fetch http://10.0.0.1:9/: Connection refused by 10.0.0.1:9\n",
    ],
    [["http://nobody.test/"], 2, "To look up nobody.test, name a server for names: --dns IP"],
    [
      ["--dns", "10.0.0.1", "http://nobody.test/"],
      1,
      "tcpstack: Cannot fetch http://nobody.test/: ",
    ],
    [["-o", "/nowhere/x", `${site}/hello.txt`], 1, "tcpstack: Cannot write to /nowhere/x: "],
    [["ftp://10.0.0.1/"], 2, "Only http and https are spoken here"],
    [["-m", "0.2", "http://10.77.0.1/"], 1, ""],
    [[], 2, "Missing argument URL"],
  ];
  for (const [args, code, message] of cases) {
    const outcome = await SOURCE.run(ns, ["get", ...args]);
    assertStringIncludes(outcome.stderr, message);
    assertEquals([outcome.code, outcome.stdout], [code, ""], args.join(" "));
  }
});

getTest("HTTPS from OpenSSL's server, when its certificate is trusted", async (ns, folder) => {
  const [key, cert, own] = ["key.pem", "cert.pem", "own.pem"].map((name) => folder.file(name));
  await Deno.writeTextFile(folder.file("site/hello.txt"), "hello, world\n");
  await ns.check("openssl", [
    ..."req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1".split(" "),
    ..."-subj /CN=kernel.test -addext subjectAltName=IP:10.0.0.1 -keyout".split(" "),
    key!,
    "-out",
    cert!,
  ]);
  const options = {
    stdin: "null",
    stdout: "null",
    stderr: "null",
    cwd: folder.file("site"),
  } as const;
  const args = ["s_server", "-quiet", "-WWW", "-accept", "4433", "-key", key!, "-cert", cert!];
  await using _server = ns.command("openssl", args, options).spawn();
  await untilListening(ns, 4433);
  const url = "https://10.0.0.1:4433/hello.txt";
  const trusted = await SOURCE.run(ns, ["get", "--cacert", cert!, url]);
  assertEquals([trusted.stdout, trusted.stderr, trusted.code], ["hello, world\n", "", 0]);
  const careless = await SOURCE.run(ns, ["get", "-k", url]);
  assertEquals([careless.stdout, careless.code], ["hello, world\n", 0]);
  await Deno.writeTextFile(own!, `${CERTIFICATE}\n${KEY}\n`);
  for (const more of [[], ["--cacert", own!]]) {
    const refused = await SOURCE.run(ns, ["get", ...more, url]);
    assertEquals([refused.stdout, refused.code], ["", 1]);
    assertStringIncludes(refused.stderr, `tcpstack: Cannot fetch ${url}: `);
  }
}, ["openssl"]);

getTest("a server that ends too early is told of, with what has come", async (ns) => {
  const script =
    "printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nhello' | nc -N -l 9000";
  await using _server = ns.command("sh", ["-c", script], { stdout: "null" }).spawn();
  await untilListening(ns, 9000);
  const { code, stdout, stderr } = await SOURCE.run(ns, ["get", "http://10.0.0.1:9000/x"]);
  assertEquals([code, stdout], [1, "hello"]);
  assertStringIncludes(stderr, "http://10.0.0.1:9000/x has ended after 5 of 10 bytes");
}, ["nc"]);

getTest("a terminal shows the progress of what takes long, -s does not", async (ns, folder) => {
  // 2 MB in two seconds.
  const script = "(printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 2000000\\r\\n\\r\\n'\n" +
    "for i in $(seq 20); do head -c 100000 /dev/zero; sleep 0.1; done) | nc -N -l $0";
  const to = folder.file("got");
  for (const [port, option] of [[9000, "-o"], [9001, "-so"]] as const) {
    await using _server = ns.command("sh", ["-c", script, `${port}`], { stdout: "null" }).spawn();
    await untilListening(ns, port);
    const command = await SOURCE.commandLine(["get", option, to, `http://10.0.0.1:${port}/`]);
    const { code, stdout } = await ns.run("script", ["-qec", command.join(" "), "/dev/null"]);
    assertEquals(code, 0, stdout);
    assertEquals((await Deno.stat(to)).size, 2_000_000);
    if (option === "-so") assertEquals(stdout, "");
    else assertMatch(stdout, SHOWN);
  }
}, ["script", "nc"]);

getTest("Ctrl-C ends a download at once", async (ns) => {
  await using server = ns.command("sh", ["-c", "sleep 30 | nc -l 9000"], { stdout: "piped" })
    .spawn();
  await untilListening(ns, 9000);
  await using get = await SOURCE.start(ns, ["get", "http://10.0.0.1:9000/"]);
  const { value } = await server.stdout.getReader().read();
  assertMatch(new TextDecoder().decode(value), /^GET \/ HTTP\/1\.1\r\n/);
  get.signal("SIGINT");
  const { code, took } = await get.end();
  assertEquals([code, get.stderr], [1, ""]);
  assert(took < 2000, `${took} ms`);
});
