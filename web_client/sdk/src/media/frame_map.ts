/** From `frame` on (of the audio context), media runs from sample `t`. */
export interface Mark {
  frame: number;
  t: number;
}

const MAX_MARKS = 64;

/** From frames of a 48 kHz audio context to media samples: exact, because the player tells every change. */
export class FrameMap {
  readonly #marks: Mark[] = [];

  add(mark: Mark): void {
    this.#marks.push(mark);
    if (this.#marks.length > MAX_MARKS) this.#marks.shift();
  }

  /** Media sample that is rendered at `frame`, or null before the first sound. */
  at(frame: number): number | null {
    const mark = this.#marks.findLast((candidate) => candidate.frame <= frame);
    return mark === undefined ? null : mark.t + (frame - mark.frame);
  }
}
