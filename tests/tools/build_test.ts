/**
 * Builds the small program in build/ the way that needs nothing from the network, and starts the result
 * under all sorts of circumstances. Root gives up its rights for that: to root everything is its own.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

const ROOT = new URL("../../", import.meta.url).pathname;
const NOBODY = 65534;
const uid = Deno.uid() === 0 ? NOBODY : Deno.uid()!;

interface Result {
  code: number;
  out: string;
  err: string;
}

async function result(command: Deno.Command): Promise<Result> {
  const { code, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

function build(...args: string[]): Promise<Result> {
  const task = ["run", "-A", "--no-config", `${ROOT}tools/build.ts`];
  return result(
    new Deno.Command(Deno.execPath(), {
      args: [...task, "--entry", `${ROOT}tests/tools/build/main.ts`, ...args],
      env: { DENORT_BIN: "" },
    }),
  );
}

/** The program, started by a user who has nothing but `env`. */
function command(program: string, args: string[], env: Record<string, string>): Deno.Command {
  return new Deno.Command(program, {
    args,
    env: { PATH: "/usr/bin:/bin", ...env },
    clearEnv: true,
    cwd: "/",
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...(uid === Deno.uid() ? {} : { uid, gid: NOBODY }),
  });
}

/** Makes a directory of the user's. */
async function own(path: string, mode = 0o700): Promise<string> {
  await Deno.mkdir(path);
  await Deno.chmod(path, mode);
  await Deno.chown(path, uid, uid === Deno.uid() ? null : NOBODY);
  return path;
}

function names(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

Deno.test("the packed executable", async (t) => {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  const program = `${folder}/tcp stack`;
  try {
    await t.step("is made of the deno binary, the program and its worker", async () => {
      const worker = `${ROOT}tests/tools/build/echo_worker.ts`;
      const { code, out, err } = await build("--pack", "--worker", worker, "--output", program);
      assertEquals(code, 0, err);
      assertMatch(out, /^Made .*\/tcp stack for \S+, \d+ MB\n$/);
    });

    const home = await own(`${folder}/home`);
    const unpacked = `${home}/.cache/tcpstack`;

    await t.step("passes on arguments and exit code, and starts the worker", async () => {
      const args = ["fail", "two words", "$HOME;'\"", ""];
      const { code, out, err } = await result(command(program, args, { HOME: home }));
      assertEquals(err, "");
      assertEquals(code, 7);
      const { answer, umask } = JSON.parse(out);
      assertEquals(answer, `the worker says: ${args.join(" ")}`);
      assertEquals(umask, Deno.umask());
    });

    await t.step("unpacks itself once, for its user alone", async () => {
      const [key, ...more] = names(unpacked);
      assertEquals(more, []);
      assertEquals(Deno.statSync(unpacked).mode! & 0o777, 0o700);
      const before = Deno.statSync(`${unpacked}/${key}/tcpstack`).ino;
      assertEquals((await result(command(program, [], { HOME: home }))).code, 0);
      assertEquals(names(unpacked), [key]);
      assertEquals(Deno.statSync(`${unpacked}/${key}/tcpstack`).ino, before);
    });

    await t.step("keeps its process id, so that signals reach the program", async () => {
      const child = command(program, ["serve"], { HOME: home }).spawn();
      const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const { value } = await lines.read();
      assertEquals(JSON.parse(value!).pid, child.pid);
      child.kill("SIGINT");
      assertEquals((await lines.read()).value, "stopped\n");
      assertEquals((await child.status).code, 0);
      await lines.cancel();
      await child.stderr.cancel();
    });

    await t.step("may be started several times at once on a fresh machine", async () => {
      const cache = await own(`${folder}/crowded`);
      const starts = ["a", "b", "c"].map((arg) =>
        result(command(program, [arg], { XDG_CACHE_HOME: cache }))
      );
      for (const { code, out, err } of await Promise.all(starts)) {
        assertEquals(code, 0, err);
        assertStringIncludes(out, "the worker says: ");
      }
      assertEquals(names(`${cache}/tcpstack`), names(unpacked));
      assertEquals(names(`${cache}/tcpstack/${names(unpacked)[0]}`).join().includes("new."), false);
    });

    const key = names(unpacked)[0]!;
    /** Puts a program of somebody's where ours would be. */
    const plant = async (directory: string) => {
      await own(`${directory}/${key}`, 0o755);
      await Deno.writeTextFile(`${directory}/${key}/tcpstack`, "#!/bin/sh\necho stolen\n");
      await Deno.chmod(`${directory}/${key}/tcpstack`, 0o755);
    };
    const traps: [name: string, lay: (cache: string) => Promise<void>][] = [
      ["that others may write to", async (cache) => {
        await plant(await own(`${cache}/tcpstack`, 0o777));
      }],
      ["behind a symbolic link", async (cache) => {
        await plant(await own(`${cache}/elsewhere`));
        await Deno.symlink(`${cache}/elsewhere`, `${cache}/tcpstack`);
      }],
      ["inside one that others may write to", async (cache) => {
        await plant(await own(`${cache}/tcpstack`));
        await Deno.chmod(cache, 0o777);
      }],
      ...(uid === Deno.uid() ? [] : [
        ["that is somebody else's", async (cache) => {
          await plant(await own(`${cache}/tcpstack`));
          await Deno.chown(`${cache}/tcpstack`, NOBODY - 1, NOBODY);
        }],
      ] as [string, (cache: string) => Promise<void>][]),
    ];
    for (const [index, [name, lay]] of traps.entries()) {
      await t.step(`does not trust a cache directory ${name}`, async () => {
        const cache = await own(`${folder}/trap${index}`);
        await lay(cache);
        const env = { HOME: home, XDG_CACHE_HOME: cache };
        const { code, out, err } = await result(command(program, ["safe"], env));
        assertEquals(code, 0, err);
        assertStringIncludes(out, "the worker says: safe");
      });
    }

    await t.step("does without a home, and leaves nothing in the temporary directory", async () => {
      const temporary = await own(`${folder}/tmp`);
      const env = { HOME: "/nonexistent", TMPDIR: temporary };
      const { code, out, err } = await result(command(program, ["guest"], env));
      assertEquals(code, 0, err);
      assertStringIncludes(out, "the worker says: guest");
      for (let turn = 0; turn < 100 && names(temporary).length > 0; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assertEquals(names(temporary), []);
    });

    await t.step("says so when there is no place to unpack to", async () => {
      const env = { HOME: "/nonexistent", TMPDIR: "/nonexistent", PATH: `${folder}/bin` };
      await Deno.mkdir(env.PATH);
      // Every tool but the one that makes the directory.
      for (const tool of ["ls", "mkdir", "uname", "tail", "gzip", "tar", "rm", "mv", "mkfifo"]) {
        const there = ["/usr/bin", "/bin"].map((directory) => `${directory}/${tool}`)
          .find(exists);
        await Deno.symlink(there!, `${env.PATH}/${tool}`);
      }
      const { code, err } = await result(command(program, [], env));
      assertEquals(code, 1);
      assertStringIncludes(err, "No directory to unpack into: give TMPDIR one");
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the build refuses what it cannot do, and says what it could", async () => {
  const other = Deno.build.target === "aarch64-apple-darwin"
    ? "x86_64-unknown-linux-gnu"
    : "aarch64-apple-darwin";
  const cases: [args: string[], code: number, message: string][] = [
    [["--pack", "--target", other], 1, `not one for ${other}`],
    [["--target", "m68k-amiga"], 2, "it is one of x86_64-apple-darwin"],
    [["--fast"], 2, "Try deno task build --help"],
  ];
  for (const [args, code, message] of cases) {
    const { code: got, err } = await build(...args);
    assertEquals(got, code, err);
    assertStringIncludes(err, message);
    assert(err.startsWith("error: "), err);
  }
});
