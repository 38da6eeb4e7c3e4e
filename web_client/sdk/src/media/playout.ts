import type { Playout } from "../protocol.generated.js";

const MAX_GENERATIONS = 8;

interface Generation {
  gen: number;
  t0: number;
  tEnd: number;
  /** Its last report has gone out: it was heard to its end, or cut. */
  done: boolean;
}

/** Decides what to tell the server about what was heard. Media samples are passed in; null means that the door cannot know. */
export class PlayoutReports {
  #generations: Generation[] = [];

  begin(gen: number, t0: number): void {
    this.#generations.push({ gen, t0, tEnd: Infinity, done: false });
    if (this.#generations.length > MAX_GENERATIONS) this.#generations.shift();
  }

  end(gen: number, tEnd: number): void {
    const generation = this.#generations.find((candidate) => candidate.gen === gen);
    if (generation) generation.tEnd = tEnd;
  }

  /** The regular report: while an answer is heard, and once more when its end was heard. */
  tick(heard: number | null): Playout | undefined {
    const generation = this.#sounding(heard);
    if (!generation || heard === null) return undefined;
    generation.done = heard >= generation.tEnd;
    return { gen: generation.gen, t_heard: Math.round(heard) };
  }

  /** Everything older than `minGen` is void: the last report of the answer that was being heard. */
  interrupt(minGen: number, heard: number | null): Playout | undefined {
    const generation = this.#sounding(heard);
    const report = generation && heard !== null && generation.gen < minGen ? { gen: generation.gen, t_heard: Math.round(heard) } : undefined;
    this.#generations = this.#generations.filter((candidate) => candidate.gen >= minGen);
    return report;
  }

  /** Where the answer that is being heard ends, if that is known and was not reported yet. */
  endAfter(heard: number | null): number | undefined {
    const { tEnd = Infinity } = this.#sounding(heard) ?? {};
    return tEnd === Infinity ? undefined : tEnd;
  }

  #sounding(heard: number | null): Generation | undefined {
    const generation = heard === null ? undefined : this.#generations.findLast((candidate) => candidate.t0 <= heard);
    return generation?.done ? undefined : generation;
  }
}
