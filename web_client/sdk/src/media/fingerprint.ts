/** Finds the server's marks of loudness in what is heard, by correlation. No clock, no audio. */

/** A mark is so many samples; what is heard is measured four times as often. */
const MARK = 480;
const PER_MARK = 4;
const HOP = MARK / PER_MARK;
/** Marks that are compared at once: 0.8 s. */
const WINDOW = 80;
const SPAN = (WINDOW - 1) * PER_MARK;
/** What was heard is kept this long: marks may come late. 2 s, in hops. */
const KEPT = SPAN + 800;
/** Marks are looked for as long as this: jitter buffers grow. 1.5 s, in hops. */
const SOUGHT = 600;
const FLOOR_DB = 45;
const SURE = 0.85;
/** A voice that does not change says nothing about time. */
const LEAST_DEVIATION_DB = 4;

/** Media sample `t` was measured at frame `frame` of the audio context (fractional). */
export interface Match {
  readonly frame: number;
  readonly t: number;
}

/** Marks up to index `end` that are looked for, and how like them the places are that were seen. */
interface Sought {
  readonly end: number;
  readonly shape: readonly number[];
  readonly power: number;
  /** The next place to look at, counted from `#begin`. */
  next: number;
  /** Likeness of the best place, of the one before it and of the one behind it. */
  peak: [before: number, best: number, after: number | undefined];
  place: number;
  last: number;
  left: number;
}

export class FingerprintMatcher {
  /** The marks told last, without a gap; `#end` is the index behind the last. */
  #marks: number[] = [];
  #end = 0;
  /** What was heard, oldest first; `#last` is the frame at which the newest ends. */
  #levels: number[] = [];
  #last = 0;
  #sought: Sought[] = [];

  /** Marks from index `first` on. A gap, or an older index, begins anew. */
  told(first: number, marks: Uint8Array): void {
    if (first !== this.#end) {
      this.#marks = [];
      this.#sought = [];
    }
    this.#marks.push(...Array.from(marks, (level) => Math.max(FLOOR_DB, level)));
    this.#marks.splice(0, this.#marks.length - WINDOW);
    this.#end = first + marks.length;
    if (this.#marks.length < WINDOW) return;
    const mean = this.#marks.reduce((sum, level) => sum + level, 0) / WINDOW;
    const shape = this.#marks.map((level) => level - mean);
    const power = shape.reduce((sum, x) => sum + x * x, 0);
    if (power / WINDOW < LEAST_DEVIATION_DB ** 2) return;
    this.#sought.push({ end: this.#end, shape, power, next: 0, peak: [0, 0, undefined], place: 0, last: 0, left: SOUGHT });
  }

  /** What is heard: `levels[k]` ends at frame `frame + 120 k`. A gap begins anew. Returns where the newest marks are that were found in it, if any. */
  heard(frame: number, levels: readonly number[]): Match | null {
    if (frame !== this.#last + HOP) this.#forget();
    this.#levels.push(...levels.map((level) => Math.max(FLOOR_DB, level)));
    this.#last = frame + (levels.length - 1) * HOP;
    let match: Match | null = null;
    for (const sought of this.#sought) match = this.#look(sought) ?? match;
    const found = match === null ? 0 : match.t / MARK;
    this.#sought = this.#sought.filter((sought) => sought.end > found && (sought.left -= levels.length) > 0);
    this.#drop(this.#levels.length - KEPT);
    return match;
  }

  #forget(): void {
    this.#levels = [];
    for (const sought of this.#sought) Object.assign(sought, { next: 0, peak: [0, 0, undefined], last: 0 });
  }

  #drop(n: number): void {
    if (n <= 0) return;
    this.#levels.splice(0, n);
    for (const sought of this.#sought) {
      sought.next = Math.max(0, sought.next - n);
      sought.place -= n;
    }
  }

  /** The places that are new. A top is known when it has been passed. */
  #look(sought: Sought): Match | null {
    for (; sought.next + SPAN < this.#levels.length; sought.next++) {
      const likeness = this.#likeness(sought);
      if (likeness > sought.peak[1]) {
        sought.peak = [sought.last, likeness, undefined];
        sought.place = sought.next;
      } else sought.peak[2] ??= likeness;
      sought.last = likeness;
    }
    const [before, best, after] = sought.peak;
    if (best < SURE || after === undefined) return null;
    const ends = sought.place + SPAN + between(before, best, after);
    return { frame: this.#last - (this.#levels.length - 1 - ends) * HOP, t: sought.end * MARK };
  }

  #likeness({ next: place, shape, power }: Sought): number {
    let sum = 0;
    let squares = 0;
    let product = 0;
    for (let k = 0; k < WINDOW; k++) {
      const level = this.#levels[place + k * PER_MARK]!;
      sum += level;
      squares += level * level;
      product += level * shape[k]!;
    }
    return product / Math.sqrt(power * (squares - (sum * sum) / WINDOW) + 1e-9);
  }
}

/** Where the top of the parabola through a peak and its neighbours is, −0.5 to 0.5. */
function between(before: number, at: number, after: number): number {
  const bend = before - 2 * at + after;
  return bend < 0 ? Math.max(-0.5, Math.min(0.5, (0.5 * (before - after)) / bend)) : 0;
}
