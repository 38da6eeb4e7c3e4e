/** The protocol without user interface or media: types, codec, binary frames, parts, and the client's half of a session as a pure state machine. */
export type * from "../protocol.generated.js";
export * from "./codec.js";
export * from "./frames.js";
export * from "./limits.js";
export * from "./machine.js";
export * from "./parts.js";
export { SequenceWindow } from "./sequence.js";
export { AnswerTexts, type AgentText } from "./texts.js";
