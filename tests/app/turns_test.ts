import { assertEquals, assertRejects } from "@std/assert";
import { folderHandler } from "../../src/app/http/folder.ts";
import { Turns } from "../../src/app/http/turns.ts";

Deno.test("Turns lets as many work at once as it is told, the others in their order", async () => {
  const turns = new Turns(2);
  const log: string[] = [];
  const ends: PromiseWithResolvers<void>[] = [];
  const done = [0, 1, 2, 3].map((i) => {
    const end = Promise.withResolvers<void>();
    ends.push(end);
    return turns.take(async () => {
      log.push(`begin ${i}`);
      await end.promise;
      log.push(`end ${i}`);
      return i;
    });
  });
  for (const end of ends) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    end.resolve();
  }
  assertEquals(await Promise.all(done), [0, 1, 2, 3]);
  assertEquals(log, [
    ...["begin 0", "begin 1"],
    ...["end 0", "begin 2", "end 1", "begin 3", "end 2", "end 3"],
  ]);
});

Deno.test("Turns goes on after work that has failed, and when nobody has waited", async () => {
  const turns = new Turns(1);
  const failing = turns.take(() => Promise.reject(new Error("failed")));
  const next = turns.take(() => Promise.resolve("next"));
  await assertRejects(() => failing, Error, "failed");
  assertEquals(await next, "next");
  assertEquals(await turns.take(() => Promise.resolve("later")), "later");
});

Deno.test("a folder asked for 200 files at once has to do with 64 of them at a time", async () => {
  const folder = await Deno.makeTempDir();
  const { realPath } = Deno;
  let now = 0;
  let most = 0;
  try {
    await Deno.writeTextFile(`${folder}/file`, "hello");
    const handler = await folderHandler(folder);
    Deno.realPath = async (path) => {
      most = Math.max(most, ++now);
      try {
        return await realPath(path);
      } finally {
        now--;
      }
    };
    const address = { transport: "tcp", hostname: "10.0.0.1", port: 1 } as const;
    const info = { remoteAddr: address, localAddr: address };
    const texts = await Promise.all(Array.from({ length: 200 }, async () => {
      return await (await handler(new Request("http://10.0.0.2/file"), info)).text();
    }));
    assertEquals(new Set(texts), new Set(["hello"]));
    assertEquals(most, 64);
  } finally {
    Deno.realPath = realPath;
    await Deno.remove(folder, { recursive: true });
  }
});
