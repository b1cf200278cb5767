/**
 * Which of many things is due next.
 *
 * @module
 */

/** Something with a deadline. */
export interface Timed {
  /** When it is due, in milliseconds; `Infinity` when never. */
  deadline: number;
  /** Its place in the heap, or -1: for {@linkcode Deadlines} alone. */
  heapIndex: number;
}

/** Children of a place in the heap: four, whose keys lie side by side, make it half as deep as two. */
const BRANCHES = 4;
/** For how many items there is memory at first. */
const SMALLEST = 16;

/**
 * A heap of deadlines. A deadline that moves to a later time stays where it is until its old time
 * comes, so that pushing back a timer with each acknowledgement costs nothing.
 */
export class Deadlines<T extends Timed> {
  #heap: T[] = [];
  /** The times by which the heap holds them: looking for a place touches no item. */
  #keys = new Float64Array(SMALLEST);

  /** Items that wait, those included whose deadline has meanwhile been taken off. */
  get size(): number {
    return this.#heap.length;
  }

  /** To be called whenever `item.deadline` has changed. */
  update(item: T): void {
    const { deadline, heapIndex } = item;
    if (heapIndex >= 0) {
      if (deadline < this.#keys[heapIndex]!) this.#up(heapIndex, item, deadline);
    } else if (deadline !== Infinity) {
      if (this.#heap.length === this.#keys.length) this.#makeRoom();
      this.#heap.push(item);
      this.#up(this.#heap.length - 1, item, deadline);
    }
  }

  /** Takes an item out, due or not. */
  remove(item: T): void {
    const index = item.heapIndex;
    if (index < 0) return;
    item.heapIndex = -1;
    const last = this.#heap.pop()!;
    if (last === item) return;
    const key = this.#keys[this.#heap.length]!;
    if (key < this.#keys[index]!) this.#up(index, last, key);
    else this.#down(index, last, key);
  }

  /** The time of the earliest deadline; `Infinity` when there is none. */
  next(): number {
    this.#settle();
    return this.#heap.length > 0 ? this.#keys[0]! : Infinity;
  }

  /** Takes out one item whose deadline is at or before `now`; `undefined` when none is due. */
  due(now: number): T | undefined {
    this.#settle();
    const first = this.#heap[0];
    if (first === undefined || this.#keys[0]! > now) return undefined;
    this.remove(first);
    return first;
  }

  /** Puts items that have meanwhile got a later deadline where they belong. */
  #settle(): void {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.deadline === this.#keys[0]) return;
      if (first.deadline === Infinity) this.remove(first);
      else this.#down(0, first, first.deadline);
    }
  }

  #up(index: number, item: T, key: number): void {
    const keys = this.#keys;
    while (index > 0) {
      const parent = ((index - 1) / BRANCHES) | 0;
      if (keys[parent]! <= key) break;
      this.#put(index, this.#heap[parent]!, keys[parent]!);
      index = parent;
    }
    this.#put(index, item, key);
  }

  #down(index: number, item: T, key: number): void {
    const keys = this.#keys;
    const { length } = this.#heap;
    for (;;) {
      const first = BRANCHES * index + 1;
      if (first >= length) break;
      const end = Math.min(first + BRANCHES, length);
      let least = first;
      for (let child = first + 1; child < end; child++) {
        if (keys[child]! < keys[least]!) least = child;
      }
      if (keys[least]! >= key) break;
      this.#put(index, this.#heap[least]!, keys[least]!);
      index = least;
    }
    this.#put(index, item, key);
  }

  #put(index: number, item: T, key: number): void {
    this.#heap[index] = item;
    this.#keys[index] = key;
    item.heapIndex = index;
  }

  #makeRoom(): void {
    const old = this.#keys;
    this.#keys = new Float64Array(2 * old.length);
    this.#keys.set(old);
  }
}
