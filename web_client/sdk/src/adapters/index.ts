/** The session's shapes for faces that others have drawn. None of them needs its library here. */
export { ARKIT, driveArkit, type ArkitName } from "./arkit.js";
export { EMOTIONS, type Emotion } from "./face.generated.js";
export { driveLive2D, type CoreModel } from "./live2d.js";
export { MouthWeights } from "./mouth.js";
export type { FaceSource } from "./source.js";
export { driveTalkingHead, type Head } from "./talkinghead.js";
export { driveVrm, type ExpressionManager } from "./vrm.js";
