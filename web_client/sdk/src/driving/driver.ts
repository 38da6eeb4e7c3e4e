import type { ControlEvent } from "../protocol/machine.js";
import { EstimatedClock } from "./estimate.js";
import { Schedule, type Cue } from "./schedule.js";
import { VISEMES, type VisemeName } from "./visemes.js";

const SAMPLES_A_MS = 48;
/** The clock is asked again at least so often while something waits: it may have moved. */
const LONGEST_WAIT_MS = 40;
/** Timers wake late rather than early; a cue that is due within this is due. */
const EARLY = 1 * SAMPLES_A_MS;

export interface VisemeEvent {
  /** 0..14, Oculus' order. */
  id: number;
  name: VisemeName;
  /** 0..1 */
  weight: number;
  gen: number;
  /** Media sample. */
  t: number;
}

export interface SubtitleEvent {
  id: string;
  gen: number;
  t: number;
  text: string;
  /** Places are code points of `text`. */
  words: { t: number; start: number; length: number }[];
}

export interface WordEvent {
  /** Of the subtitle that it is a word of. */
  id: string;
  gen: number;
  t: number;
  start: number;
  length: number;
}

export interface EmotionEvent {
  /** One of the server's 21; unknown ones are neutral. */
  name: string;
  /** 0..1 */
  intensity: number;
  fade_ms: number;
  /** Milliseconds until it has passed. */
  ttl: number;
  gen: number;
  t: number;
}

export interface DriverEvents {
  control(event: ControlEvent): void;
  emotion(event: EmotionEvent): void;
  viseme(event: VisemeEvent): void;
  subtitle(event: SubtitleEvent): void;
  word(event: WordEvent): void;
}

type Line = { subtitle: SubtitleEvent } | { word: WordEvent };
type Happening = { control: ControlEvent } | { emotion: EmotionEvent };

/** Commands that are remembered, so that none is obeyed twice. */
const REMEMBERED = 256;

/** Fires what the server told ahead when its sample is at the ear. */
export class Driver {
  readonly #visemes = new Schedule<{ id: number; weight: number }>();
  readonly #lines = new Schedule<Line>();
  /** What is told once and waits for its moment: a hold moves it. */
  readonly #happenings = new Schedule<Happening>();
  readonly #obeyed: string[] = [];
  #heldAt: number | undefined;
  readonly #estimate = new EstimatedClock();
  readonly #heard: () => number | null;
  readonly #events: DriverEvents;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #shown = 0;
  #closed = false;

  /** `heard`: media sample now at the ear, or null while unknown; then the time of arrival has to do. */
  constructor(heard: () => number | null, events: DriverEvents) {
    this.#heard = heard;
    this.#events = events;
  }

  /** Cues that were passed over. */
  get skipped(): number {
    return this.#visemes.skipped + this.#lines.skipped + this.#happenings.skipped;
  }

  /** The sound of media sample `t` has left the server. */
  begin(t: number): void {
    this.#estimate.begin(t, performance.now());
  }

  /** The answer goes on at sample `t0`, with what was or would have been heard at `from`. */
  resume(t0: number, from: number): void {
    this.begin(t0);
    if (this.#heldAt !== undefined) this.#happenings.move(this.#heldAt, t0 - from);
    this.#heldAt = undefined;
    this.#plan();
  }

  /** Shapes from sample `t` on, flat: samples after `t`, id, hundredths. */
  visemes(gen: number, t: number, ev: readonly number[]): void {
    const cues: Cue<{ id: number; weight: number }>[] = [];
    for (let i = 0; i + 2 < ev.length; i += 3) {
      const id = ev[i + 1]!;
      if (id < VISEMES.length) cues.push({ t: t + ev[i]!, gen, value: { id, weight: Math.min(1, ev[i + 2]! / 100) } });
    }
    this.#visemes.replace(t, cues);
    this.#plan();
  }

  /** A line of text from sample `t` on; it takes the place of the one of the same id. */
  subtitle(gen: number, t: number, id: string, text: string, words: readonly (readonly number[])[]): void {
    this.#lines.remove(({ value }) => ("word" in value && value.word.id === id) || ("subtitle" in value && value.subtitle.id === id));
    const timed = words.map(([dt = 0, start = 0, length = 0]) => ({ t: t + dt, start, length }));
    this.#lines.add([
      { t, gen, value: { subtitle: { id, gen, t, text, words: timed } } },
      ...timed.map((word) => ({ t: word.t, gen, value: { word: { id, gen, ...word } } })),
    ]);
    this.#plan();
  }

  emotion(event: EmotionEvent): void {
    this.#happenings.add([{ t: event.t, gen: event.gen, value: { emotion: event } }]);
    this.#plan();
  }

  control(event: ControlEvent): void {
    if (this.#obeyed.includes(event.id)) return;
    this.#obeyed.push(event.id);
    if (this.#obeyed.length > REMEMBERED) this.#obeyed.shift();
    this.#happenings.add([{ t: event.t, gen: event.gen, value: { control: event } }]);
    this.#plan();
  }

  /** The answer is silent from sample `t` on: nothing fires, the mouth is at rest. Shapes and words are told again; what happens is moved when it goes on. */
  hold(t: number): void {
    this.#heldAt = Math.min(t, this.now() ?? t);
    this.#visemes.cut(t);
    this.#lines.cut(t);
    this.#rest();
  }

  /** Nothing of a generation older than `minGen` fires any more; the mouth is at rest. */
  purge(minGen: number): void {
    this.#visemes.purge(minGen);
    this.#lines.purge(minGen);
    this.#happenings.purge(minGen);
    this.#heldAt = undefined;
    this.#rest();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #rest(): void {
    if (this.#shown !== 0) this.#show({ t: this.now() ?? 0, gen: 0, value: { id: 0, weight: 0 } });
    this.#plan();
  }

  /** Media sample now at the ear, as well as it is known, or null. */
  now(): number | null {
    return this.#heard() ?? this.#estimate.heard(performance.now());
  }

  #plan(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const next = Math.min(this.#visemes.next ?? Infinity, this.#lines.next ?? Infinity, this.#happenings.next ?? Infinity);
    if (this.#closed || next === Infinity) return;
    const now = this.now();
    const wait = now === null ? LONGEST_WAIT_MS : (next - now) / SAMPLES_A_MS;
    this.#timer = setTimeout(() => this.#fire(), Math.max(0, Math.min(LONGEST_WAIT_MS, wait)));
  }

  #fire(): void {
    const now = this.now();
    if (now !== null) {
      for (const cue of this.#visemes.due(now + EARLY, true)) this.#show(cue);
      for (const { value } of this.#lines.due(now + EARLY, false)) {
        if ("word" in value) this.#events.word(value.word);
        else this.#events.subtitle(value.subtitle);
      }
      for (const cue of this.#happenings.due(Math.min(now + EARLY, (this.#heldAt ?? Infinity) - 1), false)) this.#happen(cue, now);
    }
    this.#plan();
  }

  #happen({ t, value }: Cue<Happening>, now: number): void {
    if ("emotion" in value) this.#events.emotion({ ...value.emotion, t });
    else if (value.control.late === "skip" && now - t > value.control.max_late_ms * SAMPLES_A_MS) this.#happenings.skipped += 1;
    else this.#events.control({ ...value.control, t });
  }

  #show({ t, gen, value: { id, weight } }: Cue<{ id: number; weight: number }>): void {
    this.#shown = id;
    this.#events.viseme({ id, name: VISEMES[id]!, weight, gen, t });
  }
}
