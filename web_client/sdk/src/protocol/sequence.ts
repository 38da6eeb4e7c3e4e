/** How far back a message may come late and still be told from a duplicate. */
const WINDOW = 1024;

/** Remembers which `seq` numbers have come, within a bounded window. */
export class SequenceWindow {
  /** `seq` stands in slot `seq % WINDOW`: one number of the window never overwrites another. */
  readonly #slots = new Float64Array(WINDOW).fill(-1);
  #lowest = Infinity;
  #highest = -1;
  #received = 0;

  /** False for a duplicate, and for what is too old to tell. */
  accept(seq: number): boolean {
    if (seq <= this.#highest - WINDOW || this.#slots[seq % WINDOW] === seq) return false;
    this.#slots[seq % WINDOW] = seq;
    this.#received += 1;
    this.#lowest = Math.min(this.#lowest, seq);
    this.#highest = Math.max(this.#highest, seq);
    return true;
  }

  /** Numbers between the lowest and the highest that have not come (yet). */
  get missing(): number {
    return this.#received === 0 ? 0 : this.#highest - this.#lowest + 1 - this.#received;
  }
}
