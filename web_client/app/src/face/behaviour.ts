/** How the digital human holds itself: breath, blinks, glances, the tilt of someone who listens. Levels and moods in, a pose out; no drawing, no clock. */

import { CALM, type Expression } from "./emotions.ts";
import { Blink, random, Spring } from "./motion.ts";
import { clamp01 } from "./visemes.ts";

/** `asleep` while the models are fetched, `sorry` when something failed. */
export type Mood = "asleep" | "idle" | "listening" | "thinking" | "speaking" | "sorry";

export interface Senses {
  readonly mood: Mood;
  /** Loudness of the microphone and of what is heard, 0..1, linear in dB over 45 dB. */
  readonly input: number;
  readonly output: number;
  /** Where on the screen something draws the eye, −1..1 from the face's middle, or null: the viewer. */
  readonly look: { readonly x: number; readonly y: number } | null;
  /** The viewer asked for less motion: blinks, lids and mouth stay, the body is still. */
  readonly calm: boolean;
  /** What is felt beside the mood. */
  readonly expression?: Expression;
}

/** −1..1 unless said otherwise; positive is the viewer's right, and down. */
export interface Pose {
  yaw: number;
  pitch: number;
  /** Degrees. */
  roll: number;
  /** Towards the viewer; 0 upright. */
  lean: number;
  /** −1 out, 1 in. */
  breath: number;
  gazeX: number;
  gazeY: number;
  /** 0 shut, 1 at ease, 1.25 wide. */
  lids: number;
  squint: number;
  browLeft: number;
  browRight: number;
  worry: number;
  smile: number;
}

interface Manner {
  lids: number;
  smile: number;
  brow: number;
  worry: number;
  lean: number;
  roll: number;
  pitch: number;
  /** Seconds between glances, on average. */
  glance: number;
}

const MANNERS: Record<Mood, Manner> = {
  asleep: { lids: 0, smile: 0.4, brow: -0.12, worry: 0.1, lean: -0.2, roll: 4.2, pitch: 0.55, glance: Infinity },
  idle: { lids: 0.96, smile: 0.72, brow: 0.02, worry: 0.14, lean: 0, roll: 0.6, pitch: 0, glance: 2.8 },
  listening: { lids: 1.05, smile: 0.5, brow: 0.28, worry: 0.14, lean: 0.55, roll: -2.6, pitch: 0.1, glance: 3.4 },
  thinking: { lids: 0.98, smile: 0.16, brow: 0.12, worry: 0.05, lean: -0.1, roll: 2.4, pitch: -0.16, glance: 1.3 },
  speaking: { lids: 1, smile: 0.42, brow: 0.08, worry: 0.05, lean: 0.2, roll: 0, pitch: 0, glance: 2.1 },
  sorry: { lids: 0.92, smile: -0.22, brow: 0.1, worry: 0.85, lean: 0, roll: -3, pitch: 0.2, glance: 2.6 },
};

/** Heard for this long before a silence, someone's phrase deserves a nod. */
const PHRASE_SECONDS = 0.7;
const PAUSE_SECONDS = 0.28;
const VOICE = 0.42;

export class Behaviour {
  private readonly next: () => number;
  private readonly blink: Blink;
  private readonly eyeX = new Spring(0, 0.03);
  private readonly eyeY = new Spring(0, 0.03);
  private readonly yaw = new Spring(0, 0.2);
  private readonly pitch = new Spring(0.5, 0.17);
  private readonly roll = new Spring(4, 0.32);
  private readonly lean = new Spring(0, 0.4);
  private readonly lids = new Spring(0, 0.11);
  private readonly smile = new Spring(0.2, 0.24);
  private readonly brow = new Spring(0, 0.13);
  private readonly worry = new Spring(0, 0.25);
  private readonly quirk = new Spring(0, 0.2);
  private readonly accent = new Spring(0, 0.1);
  private mood: Mood = "asleep";
  private time = 0;
  private untilGlance = 1;
  private glance = { x: 0, y: 0 };
  private drift = 0;
  private spoken = 0;
  private silent = 0;
  private average = 0;

  constructor(seed = 7) {
    this.next = random(seed);
    this.blink = new Blink(this.next);
  }

  step(senses: Senses, seconds: number): Pose {
    const { mood, calm, expression: felt = CALM } = senses;
    const manner = MANNERS[mood];
    this.time += seconds;
    if (mood !== this.mood) this.enter(mood);

    this.untilGlance -= seconds;
    if (this.untilGlance <= 0) this.chooseGlance(manner);
    if (mood === "listening") this.nodAfterPhrase(senses.input, seconds, calm);
    const beat = this.beat(mood === "speaking" ? senses.output : 0, seconds);

    const look = senses.look;
    const still = calm ? 0 : 1;
    const gazeX = this.eyeX.step(look ? look.x * 0.8 : this.glance.x * (calm && mood !== "thinking" ? 0 : 1), seconds);
    const gazeY = this.eyeY.step(look ? look.y * 0.8 : this.glance.y * (calm && mood !== "thinking" ? 0 : 1), seconds);
    const t = this.time;
    const swayX = still * (0.1 * Math.sin(t * 0.43) + 0.06 * Math.sin(t * 1.01 + 2));
    const swayY = still * (0.06 * Math.sin(t * 0.59 + 1) + 0.04 * Math.sin(t * 1.31));
    const breath = still * Math.sin((t * 2 * Math.PI) / (mood === "asleep" ? 5.4 : 4.1));

    const yaw = this.yaw.step(still * (gazeX * 0.5 + this.drift) + swayX, seconds);
    const pitch = this.pitch.step(still * (manner.pitch + felt.pitch + gazeY * 0.35 + 0.42 * beat) + swayY, seconds);
    const roll = this.roll.step(still * (manner.roll + felt.roll + this.drift * 2.4) + swayX * 5, seconds);
    const input = mood === "listening" ? clamp01((senses.input - 0.3) / 0.45) : 0;
    const lean = this.lean.step(still * (manner.lean + 0.25 * input), seconds);
    const brow = this.brow.step(manner.brow + felt.brow + 0.3 * input, seconds) + this.accent.step(0, seconds);
    const quirk = this.quirk.step(mood === "thinking" ? 0.34 : 0, seconds);
    const lids = this.lids.step(manner.lids + felt.lids - Math.max(0, gazeY) * 0.28 + Math.max(0, brow - 0.2) * 0.1, seconds);
    const smile = this.smile.step(Math.max(-1, Math.min(1, manner.smile + felt.smile)), seconds);
    return {
      yaw, pitch, roll, lean, breath, gazeX, gazeY,
      lids: lids * (mood === "asleep" ? 1 : this.blink.step(seconds, calm ? 0.6 : mood === "speaking" ? 1.2 : 1)),
      squint: clamp01(smile * 0.62),
      browLeft: brow - quirk * 0.35,
      browRight: brow + quirk,
      worry: this.worry.step(Math.max(-1, Math.min(1, manner.worry + felt.worry)), seconds),
      smile,
    };
  }

  /** Something moves that the eye would see stutter at half the frame rate. */
  get lively(): boolean {
    return this.blink.blinking || this.mood === "speaking" || this.eyeX.moving || this.eyeY.moving || this.lids.moving || this.pitch.moving;
  }

  private enter(mood: Mood): void {
    const before = this.mood;
    this.mood = mood;
    this.untilGlance = 0;
    this.spoken = 0;
    this.silent = 0;
    if (before === "thinking" || mood === "thinking") this.blink.start();
  }

  /** Mostly at the viewer, who is looked in one eye or the other; at times aside; while thinking up and away, as people do. */
  private chooseGlance(manner: Manner): void {
    const { next } = this;
    this.untilGlance = Number.isFinite(manner.glance) ? manner.glance * (0.4 + 1.2 * next()) : 1;
    if (this.mood === "thinking") {
      this.glance = { x: (next() < 0.75 ? 1 : -0.7) * (0.5 + 0.2 * next()), y: -0.45 - 0.25 * next() };
      this.drift = 0.1;
    } else if (this.mood === "asleep") {
      this.glance = { x: 0, y: 0.3 };
      this.drift = 0;
    } else if (next() < (this.mood === "listening" ? 0.1 : 0.2)) {
      this.glance = { x: (next() - 0.5) * 0.9, y: (next() - 0.35) * 0.4 };
    } else {
      this.glance = { x: (next() < 0.5 ? -1 : 1) * 0.05, y: (next() - 0.5) * 0.06 };
      this.drift = (next() - 0.5) * (this.mood === "speaking" ? 0.5 : 0.24);
    }
  }

  private nodAfterPhrase(input: number, seconds: number, calm: boolean): void {
    if (input > VOICE) {
      this.spoken += seconds;
      this.silent = 0;
      return;
    }
    this.silent += seconds;
    if (this.silent > PAUSE_SECONDS) {
      if (this.spoken > PHRASE_SECONDS && !calm) this.pitch.push(14);
      this.spoken = 0;
    }
  }

  /** The voice's stress above its running average: heads and brows fall and rise with it. */
  private beat(output: number, seconds: number): number {
    this.average += (output - this.average) * (1 - Math.exp(-seconds / 0.45));
    const stress = clamp01((output - this.average - 0.04) / 0.22);
    if (stress > 0.75) this.accent.push(70 * seconds * stress);
    return stress;
  }
}
