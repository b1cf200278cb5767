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
  /** The time by which the heap holds it: for {@linkcode Deadlines} alone. */
  heapKey: number;
}

/**
 * A binary heap of deadlines. A deadline that moves to a later time stays where it is until its
 * old time comes, so that pushing back a timer with each acknowledgement costs nothing.
 */
export class Deadlines<T extends Timed> {
  #heap: T[] = [];

  /** Items that wait, those included whose deadline has meanwhile been taken off. */
  get size(): number {
    return this.#heap.length;
  }

  /** To be called whenever `item.deadline` has changed. */
  update(item: T): void {
    if (item.heapIndex >= 0) {
      if (item.deadline >= item.heapKey) return;
      item.heapKey = item.deadline;
      this.#up(item.heapIndex, item);
    } else if (item.deadline !== Infinity) {
      item.heapKey = item.deadline;
      this.#heap.push(item);
      this.#up(this.#heap.length - 1, item);
    }
  }

  /** Takes an item out, due or not. */
  remove(item: T): void {
    const index = item.heapIndex;
    if (index < 0) return;
    item.heapIndex = -1;
    const last = this.#heap.pop()!;
    if (last === item) return;
    if (index > 0 && last.heapKey < this.#heap[(index - 1) >> 1]!.heapKey) this.#up(index, last);
    else this.#down(index, last);
  }

  /** The time of the earliest deadline; `Infinity` when there is none. */
  next(): number {
    this.#settle();
    return this.#heap.length > 0 ? this.#heap[0]!.heapKey : Infinity;
  }

  /** Takes out one item whose deadline is at or before `now`; `undefined` when none is due. */
  due(now: number): T | undefined {
    this.#settle();
    const first = this.#heap[0];
    if (first === undefined || first.heapKey > now) return undefined;
    this.remove(first);
    return first;
  }

  /** Puts items that have meanwhile got a later deadline where they belong. */
  #settle(): void {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.deadline === first.heapKey) return;
      if (first.deadline === Infinity) {
        this.remove(first);
      } else {
        first.heapKey = first.deadline;
        this.#down(0, first);
      }
    }
  }

  #up(index: number, item: T): void {
    const heap = this.#heap;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex]!;
      if (parent.heapKey <= item.heapKey) break;
      heap[index] = parent;
      parent.heapIndex = index;
      index = parentIndex;
    }
    heap[index] = item;
    item.heapIndex = index;
  }

  #down(index: number, item: T): void {
    const heap = this.#heap;
    for (;;) {
      let childIndex = 2 * index + 1;
      if (childIndex >= heap.length) break;
      const right = heap[childIndex + 1];
      if (right !== undefined && right.heapKey < heap[childIndex]!.heapKey) childIndex++;
      const child = heap[childIndex]!;
      if (child.heapKey >= item.heapKey) break;
      heap[index] = child;
      child.heapIndex = index;
      index = childIndex;
    }
    heap[index] = item;
    item.heapIndex = index;
  }
}
