/** Talk with a Visavis digital human from a web page. */
import { ConnectError } from "./errors.js";
export { ConnectError, MicrophoneError, type ConnectErrorCode, type MicrophoneErrorCode } from "./errors.js";
export type * from "./protocol.generated.js";
export type * from "./types.js";
export type { Language } from "./types.js";
import type { ConnectOptions, Session } from "./types.js";

/** Opens a session. Call it inside a user's gesture, so that sound may play. Rejects with a `ConnectError`. */
export async function connect(options: ConnectOptions = {}): Promise<Session> {
  throw new ConnectError("unsupported", `door ${options.door ?? "auto"} is not built yet`);
}
