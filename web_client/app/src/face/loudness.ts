/** A mouth driven by nothing but loudness. It cannot know the sounds; it finds the syllables' rhythm, opens as wide as the voice is loud, and closes between. */

import { clamp01, VISEMES, type VisemeName } from "./visemes.ts";

export interface Viseme {
  /** 0..14, an index of `VISEMES`. */
  readonly id: number;
  /** 0..1 */
  readonly weight: number;
}

const LOUD: readonly VisemeName[] = ["aa", "E", "aa", "O", "aa", "I"];
const SOFT: readonly VisemeName[] = ["E", "I", "O", "I", "U", "E"];
const BETWEEN: readonly VisemeName[] = ["nn", "DD", "SS", "PP", "kk", "nn", "FF", "CH"];

/** Levels are linear in dB, 45 dB from 0 to 1. Below the floor is silence; this far below the loudest of late, a mouth is shut. */
const FLOOR = 0.14;
const RANGE = 0.5;
const LEAST_PEAK = 0.55;
const SILENCE_SECONDS = 0.12;
const SHORTEST_SECONDS = 0.075;

export class LoudnessMouth {
  private peak = LEAST_PEAK;
  private quiet = 0;
  private held = 0;
  private crest = 0;
  private valley = 0;
  private syllable = 0;
  private between = 0;
  private name: VisemeName = "sil";
  private vowel = false;

  /** `level`: loudness of what is heard now, as `Session.outputLevel()` tells it; the loudest of the last seconds counts as wide open. */
  step(level: number, seconds: number): Viseme {
    const heard = clamp01(level);
    this.peak = Math.max(heard, LEAST_PEAK, this.peak - seconds * 0.06);
    this.held += seconds;
    this.quiet = heard < FLOOR ? this.quiet + seconds : 0;
    const strength = clamp01(1 - (this.peak - heard) / RANGE);

    if (this.quiet > SILENCE_SECONDS || (this.name === "sil" && heard < FLOOR)) {
      this.show("sil", false, 0);
      return { id: 0, weight: 0 };
    }
    if (this.vowel) {
      this.crest = Math.max(this.crest, strength);
      if (strength < this.crest - 0.24 && this.held > SHORTEST_SECONDS) this.show(next(BETWEEN, this.between++), false, strength);
    } else {
      this.valley = Math.min(this.valley, strength);
      if (strength > Math.max(0.2, this.valley + 0.12) && (this.name === "sil" || this.held > SHORTEST_SECONDS * 0.7)) {
        this.show(next(strength > 0.5 ? LOUD : SOFT, this.syllable++), true, strength);
      }
    }
    return { id: VISEMES.indexOf(this.name), weight: this.vowel ? clamp01(0.12 + 0.95 * strength ** 1.4) : clamp01(0.4 + strength) };
  }

  private show(name: VisemeName, vowel: boolean, strength: number): void {
    if (name !== this.name) this.held = 0;
    this.name = name;
    this.vowel = vowel;
    this.crest = strength;
    this.valley = strength;
  }
}

const next = (list: readonly VisemeName[], i: number): VisemeName => list[i % list.length] ?? "sil";
