import { assertEquals, assertRejects } from "@std/assert";
import { LineReader, MAX_LINE } from "../../src/app/services/line_reader.ts";

/** Gives these texts, one a read or in pieces that fit, then the end. */
function reader(...texts: string[]): LineReader {
  const waiting = texts.map((text) => new TextEncoder().encode(text));
  return new LineReader({
    read(target) {
      const next = waiting.shift();
      if (next === undefined) return Promise.resolve(null);
      const n = Math.min(next.length, target.length);
      target.set(next.subarray(0, n));
      if (n < next.length) waiting.unshift(next.subarray(n));
      return Promise.resolve(n);
    },
  });
}

async function all(lines: LineReader): Promise<string[]> {
  const list: string[] = [];
  for (let line = await lines.next(); line !== null; line = await lines.next()) list.push(line);
  return list;
}

Deno.test("LineReader takes a stream apart into lines, however it is cut", async () => {
  const long = "x".repeat(MAX_LINE - 1);
  const cases: [texts: string[], want: string[]][] = [
    [[], []],
    [["one\n"], ["one"]],
    [["one\ntwo\n"], ["one", "two"]],
    [["o", "n", "e", "\n"], ["one"]],
    [["one\nt", "wo\nthree"], ["one", "two", "three"]],
    [["\n\n"], ["", ""]],
    [["one\r\n"], ["one\r"]],
    [["no end"], ["no end"]],
    [["é\n", "\xff€"], ["é", "ÿ€"]],
    [[long + "\n"], [long]],
    [[long + "x\n"], [long + "x", ""]],
    [[long + "xyz\nafter\n"], [long + "x", "yz", "after"]],
    [[long, "x", "y"], [long + "x", "y"]],
  ];
  for (const [texts, want] of cases) assertEquals(await all(reader(...texts)), want);
});

Deno.test("peek() leaves the line where it is, and rest() has all that was read", async () => {
  const lines = reader("first\nsec", "ond\n");
  assertEquals(lines.hasStarted, false);
  assertEquals(await lines.peek(), "first");
  assertEquals(await lines.peek(), "first");
  assertEquals(lines.hasStarted, true);
  assertEquals(new TextDecoder().decode(lines.rest()), "first\nsec");
  assertEquals(await lines.next(), "first");
  assertEquals(new TextDecoder().decode(lines.rest()), "sec");
  assertEquals(await lines.peek(), "second");
  assertEquals(await lines.next(), "second");
  assertEquals(lines.rest().length, 0);
  assertEquals([await lines.peek(), await lines.next(), await lines.next()], [null, null, null]);
});

Deno.test("LineReader has started as soon as a byte is there", async () => {
  const { promise, resolve } = Promise.withResolvers<null>();
  let reads = 0;
  const lines = new LineReader({
    read(target) {
      if (++reads > 1) return promise;
      target[0] = 0x47;
      return Promise.resolve(1);
    },
  });
  const line = lines.peek();
  await Promise.resolve();
  await Promise.resolve();
  assertEquals(lines.hasStarted, true);
  resolve(null);
  assertEquals(await line, "G");
});

Deno.test("LineReader passes on what goes wrong", async () => {
  const lines = new LineReader({ read: () => Promise.reject(new Deno.errors.ConnectionReset()) });
  await assertRejects(() => lines.next(), Deno.errors.ConnectionReset);
});
