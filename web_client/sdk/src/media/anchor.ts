/** From single, noisy estimates of where a stream's RTP clock stands to one that holds still. */

/** Ten seconds of speech. */
const KEPT = 65;
/** Estimates that are all this far from the rest are a new truth: the server moved the stream. */
const JUMP = 60 * 48;
const JUMPS = 3;
/** Later ones may be a queue that will be gone with the next answer: so many are believed. */
const LATE_JUMPS = 12;

/** Estimates of the RTP time of media sample 0 in, their median out. One a stream (SSRC). */
export class AnchorEstimate {
  #reference: number | undefined;
  /** Differences from the reference, newest last. */
  #estimates: number[] = [];
  #jumps: number[] = [];

  get count(): number {
    return this.#estimates.length;
  }

  /** One more: at RTP time `rtp` media sample `t` was decoded. Returns by how many samples the median differs from it. */
  add(rtp: number, t: number): number {
    const zero = (rtp - t) % 2 ** 32;
    this.#reference ??= zero;
    const offset = (zero - this.#reference) | 0;
    const median = this.#median() ?? offset;
    if (Math.abs(offset - median) > JUMP) {
      this.#jumps.push(offset);
      if (this.#jumps.length < (offset > median ? LATE_JUMPS : JUMPS)) return median - offset;
      this.#estimates = this.#jumps;
    } else this.#estimates.push(offset);
    this.#jumps = [];
    if (this.#estimates.length > KEPT) this.#estimates.shift();
    return (this.#median() ?? offset) - offset;
  }

  #median(): number | undefined {
    const sorted = this.#estimates.toSorted((a, b) => a - b);
    return sorted[sorted.length >> 1];
  }
}
