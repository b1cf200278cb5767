import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { currentModule, kernelsModule } from "../../tools/kernels.ts";
import { copyAndSum, finish, sum } from "../../src/wire/checksum.ts";
import { type Kernels, makeMemory, memory, type Wasm } from "../../src/wire/memory.ts";
import { Packet } from "../../src/wire/packet.ts";

/** WebAssembly with something else in place of a part. */
function wasmWith(parts: Partial<Wasm>): Wasm {
  const { Memory, Module, Instance, validate } = WebAssembly;
  return { Memory, Module, Instance, validate, ...parts };
}

/** Memory of at most so many pages; more is refused as the system does. */
function memoryUpTo(pages: number): Wasm["Memory"] {
  return class extends WebAssembly.Memory {
    constructor(wanted: WebAssembly.MemoryDescriptor) {
      if (wanted.initial > pages) throw new RangeError("Out of memory: Cannot allocate");
      super(wanted);
    }
  };
}

const MIB = 0x10_0000;

const packet = new Packet(memory.bytes);
const kernels = memory.kernels!;

/** Lays `bytes` at `at`, between bytes that must not be summed. */
function lay(bytes: Uint8Array, at: number): void {
  memory.bytes.fill(0xa5, at - 70, at + bytes.length + 70);
  memory.bytes.set(bytes, at);
}

/** The plain loop's sum of the same bytes. */
function plainSum(bytes: Uint8Array, initial: number): number {
  return sum(new DataView(bytes.slice().buffer), 0, bytes.length, initial);
}

/** Both kernels' sums, and what the second one has copied, beside the plain loop's. */
function assertKernels(bytes: Uint8Array, at: number, shift: number, initial: number): void {
  lay(bytes, at);
  const { length } = bytes;
  const want = plainSum(bytes, initial);
  const of = `${length} bytes at ${at}`;
  assertEquals(kernels.sum(at, at + length, initial), want, `sum() of ${of}`);
  const to = 4 * MIB + shift;
  memory.bytes.fill(0x5a, to - 1, to + length + 1);
  assertEquals(kernels.copySum(at, to, length, initial), want, `copySum() of ${of}`);
  assertEquals(memory.bytes.subarray(to, to + length), bytes, of);
  assertEquals([memory.bytes[to - 1], memory.bytes[to + length]], [0x5a, 0x5a], of);
}

Deno.test("the kernels are what their source is assembled to", async () => {
  assertEquals(await currentModule(), await kernelsModule(), "Run: deno task kernels");
});

Deno.test("the kernels' sums are the plain loop's at every length and alignment", () => {
  for (let length = 0; length <= 200; length++) {
    for (let shift = 0; shift < 8; shift++) {
      const bytes = Uint8Array.from({ length }, (_, i) => 37 * i + length + shift);
      assertKernels(bytes, MIB + shift, (3 * shift) & 7, length * 300 & 0xffff);
    }
  }
});

Deno.test("the kernels' sums are the plain loop's for any bytes, place and partial sum", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 2000, size: "max" }),
      fc.nat(63),
      fc.nat(63),
      fc.nat(0xffff),
      (bytes, at, shift, initial) => assertKernels(bytes, MIB + at, shift, initial),
    ),
    { numRuns: 500 },
  );
});

Deno.test("the kernels don't overflow, whatever they get at once", () => {
  for (const length of [1460, 65_160, 65_535, 0x20000, 0x7ffff, 0x80000]) {
    for (const byte of [0xff, 0, 0x80]) {
      assertKernels(new Uint8Array(length).fill(byte), MIB + (length & 7), 1, 0xffff);
    }
  }
});

Deno.test("sum() and copyAndSum() are the same in the packet memory and elsewhere", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 0x1fff8, 0x20000, 0x60001),
      fc.nat(600),
      fc.nat(255),
      fc.nat(7),
      fc.nat(0xffff_ffff),
      (least, more, step, shift, initial) => {
        const long = Uint8Array.from({ length: least + more }, (_, i) => step * i + (i >> 8));
        const at = MIB + shift;
        lay(long, at);
        const want = plainSum(long, initial);
        assertEquals(sum(memory.view, at, at + long.length, initial), want);
        const elsewhere = new Packet(new Uint8Array(long.length + 9));
        for (const [from, fromAt] of [[memory.bytes, at], [long, 0]] as const) {
          for (const [target, to] of [[packet, 4 * MIB + 1], [elsewhere, 9]] as const) {
            target.bytes.fill(0, to, to + long.length);
            assertEquals(copyAndSum(from, fromAt, target, to, long.length, initial), want);
            assertEquals(finish(sum(target.view, to, to + long.length, initial)), finish(want));
            assertEquals(target.bytes.subarray(to, to + long.length), long);
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("a packet in the packet memory has that memory's view", () => {
  assertStrictEquals(new Packet(memory.bytes).view, memory.view);
  const part = memory.bytes.subarray(8, 16);
  assertEquals(new Packet(part).view.byteOffset, 8);
});

Deno.test("memory is as large as the system lets it be, with kernels where vectors are", () => {
  const cases: [what: string, wasm: Wasm | undefined, size: number, hasKernels: boolean][] = [
    ["all there", WebAssembly, 512 * MIB, true],
    ["a limit", wasmWith({ Memory: memoryUpTo(8191) }), 256 * MIB, true],
    ["a low limit", wasmWith({ Memory: memoryUpTo(1024) }), 64 * MIB, true],
    ["none for it", wasmWith({ Memory: memoryUpTo(0) }), 64 * MIB, false],
    ["no vectors", wasmWith({ validate: () => false }), 512 * MIB, false],
    ["no WebAssembly", undefined, 64 * MIB, false],
  ];
  for (const [what, wasm, size, hasKernels] of cases) {
    const { bytes, view, kernels } = makeMemory(wasm);
    assertEquals(bytes.length, size, what);
    assertStrictEquals(view.buffer, bytes.buffer, what);
    assertEquals(kernels !== null, hasKernels, what);
    if (kernels !== null) assertWorks(kernels, bytes);
  }
});

function assertWorks(kernels: Kernels, bytes: Uint8Array): void {
  bytes.set([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7], bytes.length - 8); // RFC 1071 §3
  assertEquals(kernels.sum(bytes.length - 8, bytes.length, 0), 0xddf2);
}
