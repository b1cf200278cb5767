/**
 * The memory that packets lie in: one for the process, made once and never moved, so that what
 * works on packets finds them all in the same place. Untouched, it takes up addresses alone.
 *
 * @module
 */

import { KERNELS } from "./kernels.ts";

/**
 * Sizes to try, in bytes: systems may allow a process less than the first. With twice as much, V8
 * would collect its garbage at once, which takes milliseconds of every start.
 */
const SIZES = [0x2000_0000, 0x1000_0000, 0x400_0000];

/** Of WebAssembly's memory, in bytes. */
const PAGE = 0x10000;

/**
 * What WebAssembly does faster than JavaScript. Places are offsets in the memory. Sums are the
 * Internet checksum's, folded to 16 bits, of 512 KiB at most.
 */
export interface Kernels {
  /** The sum of the bytes `[at, end)` and of `initial`, a folded sum. */
  sum(at: number, end: number, initial: number): number;
  /** Copies `length` bytes. */
  copy(from: number, to: number, length: number): void;
  /** Copies `length` bytes, and sums as {@linkcode sum}. The ranges must not overlap. */
  copySum(from: number, to: number, length: number, initial: number): number;
}

/** Memory for packets. */
export interface PacketMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same memory. */
  readonly view: DataView<ArrayBuffer>;
  /** `null` where there are none. */
  readonly kernels: Kernels | null;
}

/** What of WebAssembly is needed. */
export type Wasm = Pick<typeof WebAssembly, "Memory" | "Module" | "Instance" | "validate">;

/** Makes memory, as large as may be, with kernels if `wasm` can have them. */
export function makeMemory(wasm: Wasm | undefined): PacketMemory {
  const memory = wasm === undefined ? null : allocate(wasm);
  const buffer = memory?.buffer as ArrayBuffer | undefined ?? new ArrayBuffer(SIZES.at(-1)!);
  return {
    bytes: new Uint8Array(buffer),
    view: new DataView(buffer),
    kernels: memory === null ? null : instantiate(wasm!, memory),
  };
}

function allocate(wasm: Wasm): WebAssembly.Memory | null {
  for (const size of SIZES) {
    try {
      return new wasm.Memory({ initial: size / PAGE, maximum: size / PAGE });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error; // not so much
    }
  }
  return null;
}

function instantiate(wasm: Wasm, memory: WebAssembly.Memory): Kernels | null {
  const code = Uint8Array.fromBase64(KERNELS);
  if (!wasm.validate(code)) return null; // processors without vectors
  const { exports } = new wasm.Instance(new wasm.Module(code), { packets: { memory } });
  return exports as unknown as Kernels;
}

/** The process's memory. Parts of it are given out by `src/base/chunks.ts`. */
export const memory: PacketMemory = makeMemory(globalThis.WebAssembly);
