import { VISEMES } from "../driving/visemes.js";

/** Lips close faster than a jaw opens. Time for most (63 %) of a change. */
const ATTACK_SECONDS = 0.035;
const RELEASE_SECONDS = 0.06;
const LONGEST_STEP_SECONDS = 0.1;

/** From shapes that come one after the other to weights that flow into each other: what a renderer asks for once a frame. */
export class MouthWeights {
  /** By viseme id, 0..1; `sil` is not among what moves. */
  readonly weights = new Float32Array(VISEMES.length);
  #id = 0;
  #weight = 0;

  /** The mouth takes a shape (the session's `viseme` event). */
  set(event: { id: number; weight: number }): void {
    this.#id = event.id;
    this.#weight = event.weight;
  }

  /** So many seconds later. The same path at any frame rate. */
  step(seconds: number): Float32Array {
    const dt = Math.min(LONGEST_STEP_SECONDS, Math.max(0, seconds));
    for (let id = 1; id < this.weights.length; id++) {
      const target = id === this.#id ? this.#weight : 0;
      const now = this.weights[id]!;
      const tau = target > now ? ATTACK_SECONDS : RELEASE_SECONDS;
      this.weights[id] = now + (target - now) * (1 - Math.exp(-dt / tau));
    }
    return this.weights;
  }
}

/** A part of a mouth for each shape, by viseme id: how much of it when the shape is fully formed. */
export type Recipe<Part extends string> = readonly Readonly<Partial<Record<Part, number>>>[];

/** Adds up the parts of the shapes that are formed, each at most 1. */
export function mixed<Part extends string>(recipe: Recipe<Part>, weights: Float32Array, out: Record<Part, number>): Record<Part, number> {
  for (const part in out) out[part] = 0;
  for (let id = 1; id < weights.length; id++) {
    const weight = weights[id]!;
    if (weight < 0.001) continue;
    const parts = recipe[id]!;
    for (const part in parts) out[part] = Math.min(1, out[part] + weight * parts[part]!);
  }
  return out;
}
