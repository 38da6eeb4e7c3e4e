import { MouthWeights, mixed, type Recipe } from "./mouth.js";
import type { FaceSource } from "./source.js";

/** What is needed of a Cubism model (`model.internalModel.coreModel` of pixi-live2d-display). */
export interface CoreModel {
  setParameterValueById(id: string, value: number): void;
}

type Part = "open" | "wide" | "round";

const RECIPE: Recipe<Part> = [
  {},
  {},
  { open: 0.12, wide: 0.1 },
  { open: 0.25 },
  { open: 0.22, wide: 0.15 },
  { open: 0.3 },
  { open: 0.25, round: 0.5 },
  { open: 0.15, wide: 0.4 },
  { open: 0.22 },
  { open: 0.25, round: 0.4 },
  { open: 1, wide: 0.1 },
  { open: 0.55, wide: 0.45 },
  { open: 0.3, wide: 0.8 },
  { open: 0.65, round: 0.7 },
  { open: 0.3, round: 1 },
];

/**
 * Moves the mouth of a Live2D model: `ParamMouthOpenY` 0..1, `ParamMouthForm` −1 (round) to 1 (wide). Call `update` where the model lets its parameters be
 * overridden.
 *
 *     const face = driveLive2D(session);
 *     model.internalModel.on("beforeModelUpdate", () => face.update(model.internalModel.coreModel));
 */
export function driveLive2D(source: FaceSource, now: () => number = () => performance.now()): { update(model: CoreModel): void; stop(): void } {
  const mouth = new MouthWeights();
  const parts: Record<Part, number> = { open: 0, wide: 0, round: 0 };
  const stop = source.on("viseme", (event) => mouth.set(event));
  let last = now();
  return {
    update(model) {
      const at = now();
      mixed(RECIPE, mouth.step((at - last) / 1000), parts);
      last = at;
      model.setParameterValueById("ParamMouthOpenY", parts.open);
      model.setParameterValueById("ParamMouthForm", parts.wide - parts.round);
    },
    stop,
  };
}
