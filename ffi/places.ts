/**
 * Where memories are, for system calls that read from them.
 *
 * @module
 */

import { IOVEC } from "./libc.ts";

/** Most offsets of one memory that {@linkcode Place} has pointers ready for. */
const MAX_POINTERS = 8192;

/** A memory, and where it is. */
export class Place {
  readonly bytes: Uint8Array;
  /** Its address: below 2^53 wherever a user's memory may be, so a number holds it. */
  readonly address: number;
  readonly #base: Deno.PointerObject;
  readonly #byOffset = new Map<number, Deno.PointerValue>();

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#base = Deno.UnsafePointer.of(bytes as Uint8Array<ArrayBuffer>)!;
    this.address = Number(Deno.UnsafePointer.value(this.#base));
  }

  /** A pointer to an offset: made once, because making one allocates. */
  pointerTo(offset: number): Deno.PointerValue {
    return this.#byOffset.get(offset) ?? this.#make(offset);
  }

  #make(offset: number): Deno.PointerValue {
    // Packets start at a few offsets only; this is for a caller who does it differently.
    if (this.#byOffset.size === MAX_POINTERS) this.#byOffset.clear();
    const pointer = Deno.UnsafePointer.offset(this.#base, offset);
    this.#byOffset.set(offset, pointer);
    return pointer;
  }
}

/** The memories that have been asked for. */
export class Places {
  /** The last one first, and the one before: most often it is one of them. */
  #last: Place | undefined;
  #previous: Place | undefined;
  readonly #all = new WeakMap<Uint8Array, Place>();

  /** Where a memory is. It must not be moved: a small array is, unless somebody has its buffer. */
  of(bytes: Uint8Array): Place {
    const last = this.#last;
    if (last !== undefined && last.bytes === bytes) return last;
    const previous = this.#previous;
    this.#previous = last;
    return this.#last = previous !== undefined && previous.bytes === bytes
      ? previous
      : this.#find(bytes);
  }

  #find(bytes: Uint8Array): Place {
    let place = this.#all.get(bytes);
    if (place === undefined) this.#all.set(bytes, place = new Place(bytes));
    return place;
  }
}

/** In words of four bytes, of which an address has two, the lower one first. */
const WORD = 4;

/** An array of `struct iovec`, which `writev` gets. */
export class IoVectors {
  /** Where the array is. */
  readonly pointer: Deno.PointerValue;
  readonly #words: Uint32Array;

  constructor(count: number) {
    const memory = new ArrayBuffer(IOVEC.size * count);
    this.pointer = Deno.UnsafePointer.of(memory);
    this.#words = new Uint32Array(memory);
  }

  /** Has one of them tell of `length` bytes from an address on. */
  set(index: number, address: number, length: number): void {
    const at = index * IOVEC.size / WORD;
    this.#words[at + IOVEC.base / WORD] = address;
    this.#words[at + IOVEC.base / WORD + 1] = address / 0x1_0000_0000;
    this.#words[at + IOVEC.length / WORD] = length;
  }
}
