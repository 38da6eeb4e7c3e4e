/** What happens when a media sample is heard: cues in, due cues out. No clock, no timers. */

/** Something that belongs to media sample `t` of generation `gen`. */
export interface Cue<T> {
  readonly t: number;
  readonly gen: number;
  readonly value: T;
}

/** A state (a shape of the mouth) that is later than this is passed over when a newer one is due, in samples. */
const LATE = 80 * 48;
/** Cues that wait at most; a hostile or broken server cannot fill the memory. */
const MAX_CUES = 10_000;

/** Cues of one kind, in the order of their samples. */
export class Schedule<T> {
  #cues: Cue<T>[] = [];
  /** Cues that were passed over: too late, or too many. */
  skipped = 0;

  get size(): number {
    return this.#cues.length;
  }

  /** The sample of the next cue, or null. */
  get next(): number | null {
    return this.#cues[0]?.t ?? null;
  }

  /** These cues take the place of all that were to come from sample `t` on. */
  replace(t: number, cues: readonly Cue<T>[]): void {
    this.cut(t);
    this.add(cues);
  }

  /** More cues. Of those for the same sample, the one that came first fires first. */
  add(cues: readonly Cue<T>[]): void {
    const room = MAX_CUES - this.#cues.length;
    if (cues.length > room) this.skipped += cues.length - room;
    this.#cues = [...this.#cues, ...cues.slice(0, room)].sort((a, b) => a.t - b.t);
  }

  /** Forgets what was to come from sample `t` on. */
  cut(t: number): void {
    this.#cues = this.#cues.filter((cue) => cue.t < t);
  }

  /** What was to come from sample `t` on comes so many samples later. */
  move(t: number, samples: number): void {
    this.#cues = this.#cues.map((cue) => (cue.t < t ? cue : { ...cue, t: cue.t + samples }));
  }

  /** Forgets what fits. */
  remove(unwanted: (cue: Cue<T>) => boolean): void {
    this.#cues = this.#cues.filter((cue) => !unwanted(cue));
  }

  /** Forgets what belongs to a generation older than `minGen`. */
  purge(minGen: number): void {
    this.remove((cue) => cue.gen < minGen);
  }

  /** Cues whose sample is heard by now. Of `states`, each replaces the one before, so those that are late are passed over, except for the last. */
  due(heard: number, states: boolean): Cue<T>[] {
    let n = 0;
    while (n < this.#cues.length && this.#cues[n]!.t <= heard) n += 1;
    const due = this.#cues.splice(0, n);
    if (!states) return due;
    const fired = due.filter((cue, i) => i === due.length - 1 || heard - cue.t <= LATE);
    this.skipped += due.length - fired.length;
    return fired;
  }
}
