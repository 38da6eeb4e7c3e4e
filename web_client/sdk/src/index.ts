/** Talk with a Visavis digital human from a web page. */
export { connect } from "./connect.js";
export { ConnectError, MicrophoneError, type ConnectErrorCode, type MicrophoneErrorCode } from "./errors.js";
export { VISEMES, type VisemeName } from "./driving/visemes.js";
export { tabStore } from "./tickets.js";
export type { ControlEvent, Restored } from "./protocol/machine.js";
export type { EmotionEvent, SubtitleEvent, VisemeEvent, WordEvent } from "./driving/driver.js";
export type * from "./protocol.generated.js";
export type * from "./types.js";
export type { Language } from "./types.js";
