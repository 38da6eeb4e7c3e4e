/** The face on the page: senses in, frames out. One loop of animation frames; none while the page is hidden. */

import { Behaviour, type Mood } from "./behaviour.ts";
import type { CharacterName } from "./characters.ts";
import { Feeling } from "./emotions.ts";
import { LoudnessMouth, type Viseme } from "./loudness.ts";
import { drawsInSoftware, Pace } from "./pace.ts";
import { Portrait } from "./portrait.ts";
import { approach, REST, visemeShape, type MouthShape } from "./visemes.ts";

/** Where the face learns what it hears and what is heard of it; asked once a frame. */
export interface Ears {
  /** Loudness 0..1. */
  input(): number;
  output(): number;
}

const DEAF: Ears = { input: () => 0, output: () => 0 };

/** After a pause (a hidden page, a busy machine) motion goes on, it does not catch up. */
const LONGEST_STEP_SECONDS = 0.2;
const LOOK_SECONDS = 2.5;

export class Face {
  readonly element: HTMLElement;
  mood: Mood = "asleep";
  ears: Ears = DEAF;
  /** Called with each whole frame that is drawn: the microphone's loudness, and the seconds since the last. */
  onFrame: ((input: number, seconds: number) => void) | null = null;

  private readonly portrait: Portrait;
  private readonly behaviour = new Behaviour();
  private readonly pace = new Pace(drawsInSoftware());
  private readonly loudness = new LoudnessMouth();
  private readonly feeling = new Feeling();
  private readonly reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
  private mouth: MouthShape = REST;
  private driven: Viseme | null = null;
  private look: { x: number; y: number } | null = null;
  private lookUntil = 0;
  private drawnAt = 0;
  private wholeAt = 0;
  private frame = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(character: CharacterName = "vera") {
    this.portrait = new Portrait(character);
    this.element = document.createElement("div");
    this.element.className = "face";
    this.element.dataset["testid"] = "face";
    this.element.dataset["viseme"] = "0";
    this.element.setAttribute("role", "img");
    this.element.append(this.portrait.element);
    document.addEventListener("visibilitychange", this.watchVisibility);
    this.watchVisibility();
  }

  /** Shows viseme `id` (0..14) at `weight` (0..1) until the next call; null gives the mouth back to the loudness of the voice. */
  setViseme(viseme: Viseme | null): void {
    this.driven = viseme;
  }

  /** Shows an emotion (see `emotions.ts`) at `intensity` (0..1) for so many seconds. */
  feel(name: string, intensity: number, seconds: number): void {
    this.feeling.feel(name, intensity, seconds);
  }

  /** Draws the eyes to a point of the window, in pixels, for a moment. */
  lookAt(clientX: number, clientY: number): void {
    const box = this.element.getBoundingClientRect();
    if (box.width === 0) return;
    const reach = Math.max(innerWidth, innerHeight) / 2;
    const bound = (x: number): number => Math.max(-1, Math.min(1, x));
    this.look = { x: bound((clientX - box.left - box.width / 2) / reach), y: bound((clientY - box.top - box.height * 0.41) / reach) };
    this.lookUntil = performance.now() + LOOK_SECONDS * 1000;
  }

  destroy(): void {
    document.removeEventListener("visibilitychange", this.watchVisibility);
    this.stop();
  }

  private readonly watchVisibility = (): void => {
    this.stop();
    if (document.visibilityState === "visible") this.ask();
  };

  private readonly ask = (): void => {
    this.frame = requestAnimationFrame(this.tick);
  };

  private stop(): void {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
  }

  private readonly tick = (now: number): void => {
    const output = this.ears.output();
    const lively = this.behaviour.lively || output > 0 || this.driven !== null;
    const frame = this.pace.due(now / 1000, lively);
    const rest = frame === null ? 0 : this.pace.rest(lively);
    if (rest > 0) this.timer = setTimeout(this.ask, rest * 1000);
    else this.ask();
    if (frame === null) return;
    const seconds = Math.min(LONGEST_STEP_SECONDS, (now - this.drawnAt) / 1000);
    this.drawnAt = now;

    const viseme = this.driven ?? this.loudness.step(output, seconds);
    this.mouth = approach(this.mouth, visemeShape(viseme.id, viseme.weight), seconds);
    if (now > this.lookUntil) this.look = null;
    const input = this.ears.input();
    const pose = this.behaviour.step({ mood: this.mood, input, output, look: this.look, calm: this.reducedMotion.matches, expression: this.feeling.step(seconds) }, seconds);
    if (frame === "whole") {
      this.portrait.draw(pose, this.mouth);
      this.onFrame?.(input, Math.min(LONGEST_STEP_SECONDS, (now - this.wholeAt) / 1000));
      this.wholeAt = now;
    } else this.portrait.drawFeatures(pose, this.mouth);
    const shown = String(viseme.id);
    if (this.element.dataset["viseme"] !== shown) this.element.dataset["viseme"] = shown;
  };
}
