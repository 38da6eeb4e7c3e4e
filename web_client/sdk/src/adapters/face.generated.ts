// Written by `python -m infra.face_tables`.
/** Every mood that a server names. */
export const EMOTIONS = [
  "neutral", "happy", "laughing", "funny", "sad", "angry",
  "crying", "loving", "embarrassed", "surprised", "shocked", "thinking",
  "winking", "cool", "relaxed", "delicious", "kissy", "confident",
  "sleepy", "silly", "confused",
] as const;

export type Emotion = (typeof EMOTIONS)[number];

/** ARKit's 52 blend shapes, in Apple's order. */
export const ARKIT = [
  "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
  "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
  "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft", "jawRight", "jawOpen",
  "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft",
  "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft",
  "mouthStretchRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft",
  "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft",
  "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft",
  "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
] as const;

export type ArkitName = (typeof ARKIT)[number];

/** By viseme id, each fully formed. */
export const MOUTHS: readonly Readonly<Partial<Record<ArkitName, number>>>[] = [
  {},
  { mouthClose: 0.06, mouthRollLower: 0.35, mouthRollUpper: 0.3, mouthPressLeft: 0.6, mouthPressRight: 0.6 },
  { jawOpen: 0.08, mouthRollLower: 0.7, mouthUpperUpLeft: 0.25, mouthUpperUpRight: 0.25 },
  { jawOpen: 0.16, tongueOut: 0.25, mouthLowerDownLeft: 0.2, mouthLowerDownRight: 0.2 },
  { jawOpen: 0.14, mouthLowerDownLeft: 0.25, mouthLowerDownRight: 0.25, mouthStretchLeft: 0.15, mouthStretchRight: 0.15 },
  { jawOpen: 0.2, mouthLowerDownLeft: 0.15, mouthLowerDownRight: 0.15 },
  { jawOpen: 0.12, mouthFunnel: 0.55, mouthUpperUpLeft: 0.15, mouthUpperUpRight: 0.15 },
  { jawOpen: 0.06, mouthStretchLeft: 0.35, mouthStretchRight: 0.35, mouthLowerDownLeft: 0.2, mouthLowerDownRight: 0.2 },
  { jawOpen: 0.14, mouthLowerDownLeft: 0.2, mouthLowerDownRight: 0.2 },
  { jawOpen: 0.15, mouthFunnel: 0.35, mouthPucker: 0.2 },
  { jawOpen: 0.62, mouthLowerDownLeft: 0.3, mouthLowerDownRight: 0.3, mouthUpperUpLeft: 0.15, mouthUpperUpRight: 0.15 },
  { jawOpen: 0.32, mouthStretchLeft: 0.35, mouthStretchRight: 0.35, mouthLowerDownLeft: 0.3, mouthLowerDownRight: 0.3 },
  { jawOpen: 0.14, mouthSmileLeft: 0.3, mouthSmileRight: 0.3, mouthStretchLeft: 0.4, mouthStretchRight: 0.4 },
  { jawOpen: 0.36, mouthFunnel: 0.55, mouthPucker: 0.25 },
  { jawOpen: 0.14, mouthPucker: 0.75, mouthFunnel: 0.25 },
];
