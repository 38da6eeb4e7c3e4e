import type { Playout } from "../protocol.generated.js";
import { PlayoutReports } from "./playout.js";

const REPORT_MS = 500;
const SAMPLES_A_MS = 48;
/** The clock is asked again at least so much later: it may stand. */
const LEAST_WAIT_MS = 20;
/** How often it is looked whether the sound of a new connection has arrived. */
const ARRIVAL_MS = 50;

/** Tells the server what was heard: every 500 ms while an answer sounds, and as soon as its end was heard. */
export class Reporter {
  readonly #heard: () => number | null;
  readonly #guess: () => number | null;
  readonly #send: (playout: Playout) => void;
  #reports = new PlayoutReports();
  #regular: ReturnType<typeof setInterval> | undefined;
  #end: ReturnType<typeof setTimeout> | undefined;
  #arrival: ReturnType<typeof setTimeout> | undefined;

  /** `heard`: the media sample at the ear, null where the door cannot know it; then `guess` has to do, for the end of an answer alone. */
  constructor(heard: () => number | null, guess: () => number | null, send: (playout: Playout) => void) {
    this.#heard = heard;
    this.#guess = guess;
    this.#send = send;
  }

  start(): void {
    this.#regular = setInterval(() => this.report(), REPORT_MS);
  }

  /** A connection begins, in generation `gen`: tells once when its sound is at the ear. A server that goes on where it was waits for that. */
  arrive(gen: number): void {
    clearTimeout(this.#arrival);
    const ear = this.#heard();
    if (ear === null) this.#arrival = setTimeout(() => this.arrive(gen), ARRIVAL_MS);
    else this.#send({ gen, t_heard: Math.round(ear) });
  }

  /** Generation `gen` begins at media sample `t0`. */
  begin(gen: number, t0: number): void {
    this.#reports.begin(gen, t0);
  }

  /** The last sample of generation `gen` is before `tEnd`. */
  end(gen: number, tEnd: number): void {
    this.#reports.end(gen, tEnd);
    this.#aim();
  }

  /** What was heard by now. */
  report(): void {
    this.#tell(this.#heard());
  }

  /** Everything older than `minGen` is void. Returns the last report of the answer that was being heard. */
  cut(minGen: number): Playout | undefined {
    const last = this.#reports.interrupt(minGen, this.#heard());
    this.#aim();
    return last;
  }

  /** Other generations are counted from now on. */
  reset(): void {
    this.#reports = new PlayoutReports();
    this.#aim();
  }

  close(): void {
    clearInterval(this.#regular);
    clearTimeout(this.#end);
    clearTimeout(this.#arrival);
  }

  #tell(ear: number | null): void {
    const playout = this.#reports.tick(ear);
    if (playout) {
      clearTimeout(this.#arrival);
      this.#send(playout);
    }
    this.#aim();
  }

  /** Wakes when the end of the answer is at the ear. */
  #aim(): void {
    clearTimeout(this.#end);
    this.#end = undefined;
    const ear = this.#ear();
    const end = this.#reports.endAfter(ear);
    if (ear === null || end === undefined) return;
    const ms = Math.max(LEAST_WAIT_MS, (end - ear) / SAMPLES_A_MS + 1);
    this.#end = setTimeout(() => {
      const now = this.#ear();
      if (now !== null && now >= end) this.#tell(now);
      else this.#aim();
    }, ms);
  }

  #ear(): number | null {
    return this.#heard() ?? this.#guess();
  }
}
