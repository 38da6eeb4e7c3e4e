import { MouthWeights, mixed, type Recipe } from "./mouth.js";
import type { FaceSource } from "./source.js";

/** ARKit's 52 blend shapes, in Apple's order. */
export const ARKIT = [
  "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft", "eyeWideLeft",
  "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight", "eyeSquintRight", "eyeWideRight",
  "jawForward", "jawLeft", "jawRight", "jawOpen",
  "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
  "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
  "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight",
  "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
  "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
] as const;

export type ArkitName = (typeof ARKIT)[number];

/** The same on both sides. */
function both<N extends string>(name: N, weight: number): Record<`${N}Left` | `${N}Right`, number> {
  return { [`${name}Left`]: weight, [`${name}Right`]: weight } as Record<`${N}Left` | `${N}Right`, number>;
}

const RECIPE: Recipe<ArkitName> = [
  {},
  { mouthClose: 0.06, mouthRollLower: 0.35, mouthRollUpper: 0.3, ...both("mouthPress", 0.6) },
  { jawOpen: 0.08, mouthRollLower: 0.7, ...both("mouthUpperUp", 0.25) },
  { jawOpen: 0.16, tongueOut: 0.25, ...both("mouthLowerDown", 0.2) },
  { jawOpen: 0.14, ...both("mouthLowerDown", 0.25), ...both("mouthStretch", 0.15) },
  { jawOpen: 0.2, ...both("mouthLowerDown", 0.15) },
  { jawOpen: 0.12, mouthFunnel: 0.55, ...both("mouthUpperUp", 0.15) },
  { jawOpen: 0.06, ...both("mouthStretch", 0.35), ...both("mouthLowerDown", 0.2) },
  { jawOpen: 0.14, ...both("mouthLowerDown", 0.2) },
  { jawOpen: 0.15, mouthFunnel: 0.35, mouthPucker: 0.2 },
  { jawOpen: 0.62, ...both("mouthLowerDown", 0.3), ...both("mouthUpperUp", 0.15) },
  { jawOpen: 0.32, ...both("mouthStretch", 0.35), ...both("mouthLowerDown", 0.3) },
  { jawOpen: 0.14, ...both("mouthSmile", 0.3), ...both("mouthStretch", 0.4) },
  { jawOpen: 0.36, mouthFunnel: 0.55, mouthPucker: 0.25 },
  { jawOpen: 0.14, mouthPucker: 0.75, mouthFunnel: 0.25 },
];

/**
 * Frames of ARKit's names, polled by a renderer.
 *
 *     const face = driveArkit(session);
 *     // once a frame:
 *     for (const [name, weight] of Object.entries(face.frame(seconds))) mesh.morphTargetInfluences[mesh.morphTargetDictionary[name]] = weight;
 */
export function driveArkit(source: FaceSource): { frame(seconds: number): Record<ArkitName, number>; stop(): void } {
  const mouth = new MouthWeights();
  const out = Object.fromEntries(ARKIT.map((name) => [name, 0])) as Record<ArkitName, number>;
  const stop = source.on("viseme", (event) => mouth.set(event));
  return { frame: (seconds) => mixed(RECIPE, mouth.step(seconds), out), stop };
}
