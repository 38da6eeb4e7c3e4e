/** Envelope version. */
export const VERSION = 1;
/** Samples of media time a second, at every door. */
export const RATE = 48_000;
/** A larger message (UTF-8) travels in parts or, in a LiveKit room, as a text stream. */
export const MAX_FRAME_BYTES = 14 * 1024;
/** A larger message (UTF-8) is refused, whole or in parts. */
export const MAX_MESSAGE_BYTES = 1536 * 1024;
/** Bytes of the front end's page in one `page_state`, before base64. */
export const MAX_PAGE_BYTES = 1024 * 1024;
/** Characters of one `text_input`. */
export const MAX_TEXT = 8_000;
/** Characters of one `context_update`. */
export const MAX_CONTEXT = 64_000;

export type Fault = "bad_json" | "bad_envelope" | "unknown_type" | "bad_message" | "bad_frame" | "too_large";

/** What came, or was to be sent, breaks the protocol. The text says what was expected. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";

  constructor(
    readonly code: Fault,
    message: string,
  ) {
    super(message);
  }
}
