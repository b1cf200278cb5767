import { assertEquals, assertLess } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import map from "../../tools/offline/import_map.json" with { type: "json" };
import { answers, jsrModules } from "../../tools/std.ts";

const STD = new URL("../../tools/std.ts", import.meta.url).pathname;

Deno.test("jsrModules() names each JSR module that has a stand-in", () => {
  const online = {
    imports: {
      "@std/assert": "jsr:@std/assert@^1.0.19",
      "@std/fmt": "jsr:@std/fmt@^1.0.10",
      "fast-check": "npm:fast-check@4.10.2",
    },
  };
  const offline = {
    imports: {
      "@std/assert": "./assert.ts",
      "@std/fmt/colors": "./fmt_colors.ts",
      "fast-check": "npm:fast-check@4.10.2",
    },
  };
  assertEquals(jsrModules(online, offline), [
    "jsr:@std/assert@^1.0.19",
    "jsr:@std/fmt@^1.0.10/colors",
  ]);
});

/** A registry on loopback that answers with `body`, or not at all. */
async function withRegistry(
  body: string | undefined,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const paths: string[] = [];
  const held = Promise.withResolvers<void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    paths.push(new URL(request.url).pathname);
    if (body === undefined) await held.promise;
    return new Response(body);
  });
  try {
    await use(`http://127.0.0.1:${server.addr.port}`);
    assertEquals(paths, ["/@std/assert/meta.json"]);
  } finally {
    held.resolve();
    await server.shutdown();
  }
}

const META = JSON.stringify({ scope: "std", name: "assert", latest: "1.0.19", versions: {} });

Deno.test("answers() tells a registry from what is none, and does not wait for long", async () => {
  await withRegistry(META, async (url) => assertEquals(await answers(url, 1000), true));
  await withRegistry(META, async (url) => assertEquals(await answers(`${url}/`, 1000), true));
  await withRegistry("<h1>Log in</h1>", async (url) => {
    assertEquals(await answers(url, 1000), false);
  });
  await withRegistry(undefined, async (url) => {
    const start = performance.now();
    assertEquals(await answers(url, 100), false);
    assertLess(performance.now() - start, 1000);
  });
  // Port 1 on loopback: nobody listens there.
  assertEquals(await answers("http://127.0.0.1:1/", 1000), false);
});

Deno.test("tools/std.ts prints the flag where JSR is out of reach, and nothing where it answers", async () => {
  const cache = await Deno.makeTempDir();
  const run = async (env: Record<string, string>): Promise<string> => {
    const { stdout, success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-config", STD],
      // A cache of its own: nothing from JSR is in it.
      env: { DENO_DIR: cache, TCPSTACK_OFFLINE: "", ...env },
    }).output();
    assertEquals(success, true);
    return new TextDecoder().decode(stdout);
  };
  const flag = "--import-map=tools/offline/import_map.json\n";
  try {
    await withRegistry(META, async (url) => assertEquals(await run({ JSR_URL: url }), ""));
    assertEquals(await run({ JSR_URL: "http://127.0.0.1:1/" }), flag);
    assertEquals(await run({ TCPSTACK_OFFLINE: "1" }), flag);
    assertEquals(await run({ TCPSTACK_OFFLINE: "0", JSR_URL: "http://127.0.0.1:1/" }), "");
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
});

/** A registry on loopback in which every package of `modules` is, with empty modules. */
function serveRegistry(modules: string[]): Deno.HttpServer<Deno.NetAddr> {
  const packages = new Map<string, { version: string; exports: Record<string, string> }>();
  for (const module of modules) {
    const [, name, version, path = ""] = /^jsr:(@std\/[^@]+)@\^([^/]+)(\/.*)?$/.exec(module)!;
    const entry = packages.get(name!) ?? { version: version!, exports: {} };
    entry.exports[`.${path}`] = "./mod.js";
    packages.set(name!, entry);
  }
  const code = "export {};";
  // SHA-256 of the code.
  const checksum = "sha256-2e29cd9a98755c46896f7a2d56524db2d6d96b248e36db46de14c30bf47c8d05";
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const [, name, file] = /^\/(@std\/[^/]+)\/(.*)$/.exec(new URL(request.url).pathname) ?? [];
    const entry = packages.get(name ?? "");
    if (!entry) return new Response(null, { status: 404 });
    switch (file) {
      case "meta.json":
        return Response.json({
          scope: "std",
          name: name!.slice("@std/".length),
          latest: entry.version,
          versions: { [entry.version]: {} },
        });
      case `${entry.version}_meta.json`:
        return Response.json({
          manifest: { "/mod.js": { size: code.length, checksum } },
          exports: entry.exports,
        });
      case `${entry.version}/mod.js`:
        return new Response(code, { headers: { "content-type": "text/javascript" } });
      default:
        return new Response(null, { status: 404 });
    }
  });
}

Deno.test("tools/std.ts prints nothing once everything is in Deno's cache", async () => {
  const modules = jsrModules(config, map);
  const cache = await Deno.makeTempDir();
  const server = serveRegistry(modules);
  const env = {
    DENO_DIR: cache,
    JSR_URL: `http://127.0.0.1:${server.addr.port}/`,
    TCPSTACK_OFFLINE: "",
  };
  const deno = async (...args: string[]): Promise<string> => {
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), { args, env })
      .output();
    assertEquals(success, true, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  };
  try {
    await deno("cache", "--no-config", ...modules);
    await server.shutdown();
    assertEquals(await deno("run", "-A", "--no-config", STD), "");
    // Without them the registry is asked, and it is gone.
    await Deno.remove(`${cache}/remote`, { recursive: true });
    assertEquals(
      await deno("run", "-A", "--no-config", STD),
      "--import-map=tools/offline/import_map.json\n",
    );
  } finally {
    await server.shutdown();
    await Deno.remove(cache, { recursive: true });
  }
});
