/** Finds the server's marks of loudness in what is heard, by correlation. No clock, no audio. */

/** A mark is so many samples; what is heard is measured four times as often. */
const MARK = 480;
const PER_MARK = 4;
const HOP = MARK / PER_MARK;
/** Marks that are compared at once: 0.8 s. */
const WINDOW = 80;
/** What is heard is kept this long: 3 s. */
const KEPT = 3 * 400;
const FLOOR_DB = 45;
const SURE = 0.85;
/** A voice that does not change says nothing about time. */
const LEAST_DEVIATION_DB = 4;

/** Media sample `t` was measured at frame `frame` of the audio context (fractional). */
export interface Match {
  readonly frame: number;
  readonly t: number;
}

export class FingerprintMatcher {
  /** The marks told last, without a gap; `#end` is the index behind the last. */
  #marks: number[] = [];
  #end = 0;
  /** What was heard, oldest first; `#last` is the frame at which the newest ends. */
  #levels: number[] = [];
  #last = 0;
  /** The marks up to this index were found. */
  #found = 0;

  /** Marks from index `first` on. A gap, or an older index, begins anew. */
  told(first: number, marks: Uint8Array): void {
    if (first !== this.#end) this.#marks = [];
    this.#marks.push(...Array.from(marks, (level) => Math.max(FLOOR_DB, level)));
    this.#marks.splice(0, this.#marks.length - WINDOW);
    this.#end = first + marks.length;
  }

  /** What is heard: `levels[k]` ends at frame `frame + 120 k`. A gap begins anew. */
  heard(frame: number, levels: readonly number[]): void {
    if (frame !== this.#last + HOP) this.#levels = [];
    this.#levels.push(...levels.map((level) => Math.max(FLOOR_DB, level)));
    this.#levels.splice(0, this.#levels.length - KEPT);
    this.#last = frame + (levels.length - 1) * HOP;
  }

  /** Where the newest marks are in what was heard: once for each, and null while that is not sure. */
  match(): Match | null {
    const marks = this.#marks;
    const span = (WINDOW - 1) * PER_MARK;
    if (this.#found === this.#end || marks.length < WINDOW || this.#levels.length <= span) return null;
    const mean = marks.reduce((sum, level) => sum + level, 0) / WINDOW;
    const shape = marks.map((level) => level - mean);
    const power = shape.reduce((sum, x) => sum + x * x, 0);
    if (power / WINDOW < LEAST_DEVIATION_DB ** 2) return null;
    const places = this.#levels.length - span;
    const likeness = new Float64Array(places);
    let best = 0;
    for (let place = 0; place < places; place++) {
      likeness[place] = this.#likeness(place, shape, power);
      if (likeness[place]! > likeness[best]!) best = place;
    }
    // At the edge the likeness may still grow: more has to be heard.
    if (likeness[best]! < SURE || best === places - 1) return null;
    this.#found = this.#end;
    const ends = best + span + between(likeness, best);
    return { frame: this.#last - (this.#levels.length - 1 - ends) * HOP, t: this.#end * MARK };
  }

  #likeness(place: number, shape: readonly number[], power: number): number {
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
function between(values: Float64Array, peak: number): number {
  const [before, at, after] = [values[peak - 1], values[peak], values[peak + 1]];
  if (before === undefined || at === undefined || after === undefined) return 0;
  const bend = before - 2 * at + after;
  return bend < 0 ? (0.5 * (before - after)) / bend : 0;
}
