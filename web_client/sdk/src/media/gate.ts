/** Sound of the new answer is let in this much before its first sample, in samples: the clock may be a little late. */
const EARLY = 480;
/** Without a clock: how long sound of the old answer may still be on its way. */
const TAIL_MS = 300;
/** With a clock that does not reach the new answer: how long it is trusted. */
const DISTRUST_MS = 600;

/**
 * Mutes after an interrupt, until the new answer is at the ear, and while an answer is held. For doors where old sound is still on its way and cannot be taken back.
 * Times in milliseconds on any steady clock; media time in samples, null where the door does not know it.
 */
export class Gate {
  #minGen = 0;
  #shutAt: number | undefined;
  #next: { gen: number; t0: number; at: number } | undefined;

  shut(minGen: number, now: number): void {
    if (this.#next && this.#next.gen < minGen) this.#next = undefined;
    this.#minGen = Math.max(this.#minGen, minGen);
    this.#shutAt = now;
  }

  /** Whatever comes next opens it: the same answer going on, or another one. */
  hold(now: number): void {
    this.#next = undefined;
    this.#shutAt = now;
  }

  /** The first sound of generation `gen` is at media sample `t0`. */
  begin(gen: number, t0: number, now: number): void {
    if (gen >= this.#minGen) this.#next = { gen, t0, at: now };
  }

  /** Whether sound may be heard. */
  open(now: number, heard: number | null): boolean {
    if (this.#shutAt === undefined) return true;
    if (this.#next === undefined) return false;
    const arrived = heard !== null && heard >= this.#next.t0 - EARLY;
    const waited = heard === null ? now - this.#shutAt >= TAIL_MS : now - this.#next.at >= DISTRUST_MS;
    if (arrived || waited) this.#shutAt = undefined;
    return arrived || waited;
  }
}
