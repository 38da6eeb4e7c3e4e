export type ConnectErrorCode =
  | "unreachable" // nothing answers at that address
  | "timeout" // something answers, too late
  | "unauthorized" // no token, or a wrong or expired one
  | "no_route" // WebRTC found no way through the network
  | "unsupported" // this browser lacks what the door needs
  | "no_agent" // the room has no agent, and none came
  | "livekit_client_missing" // door `livekit` without the livekit-client package
  | "bad_server" // what answered is no Visavis server
  | "aborted"; // by the caller

/** The session could not be opened. `code` is one of `ConnectErrorCode` or a code of the protocol's `error` message (`busy`, `not_ready`, `unknown_persona`, …). */
export class ConnectError extends Error {
  override readonly name = "ConnectError";
  readonly code: ConnectErrorCode | (string & {});
  /** When it is worth trying again, where the server said so. */
  readonly retryMs: number | undefined;

  constructor(code: ConnectError["code"], message: string, options: { retryMs?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryMs = options.retryMs;
  }
}

export type MicrophoneErrorCode =
  | "insecure_origin" // the page came neither by https nor from this machine: browsers hide the microphone
  | "refused" // by the user, the browser or a policy of the page
  | "missing" // there is none
  | "in_use" // by another program, or the device failed
  | "unsupported"; // this browser cannot record

/** No microphone. `cause` is the browser's own error, where there is one. */
export class MicrophoneError extends Error {
  override readonly name = "MicrophoneError";
  readonly code: MicrophoneErrorCode;

  constructor(code: MicrophoneErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
