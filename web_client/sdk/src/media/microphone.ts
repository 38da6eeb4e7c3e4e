import { MicrophoneError, type MicrophoneErrorCode } from "../errors.js";
import { closeContext, streamSource } from "./context.js";
import { Meter } from "./level.js";

const CONSTRAINTS: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: { ideal: 1 } };

const CODES: Readonly<Record<string, MicrophoneErrorCode>> = {
  NotAllowedError: "refused",
  SecurityError: "refused",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "in_use",
  AbortError: "in_use",
};

const TEXTS: Readonly<Record<MicrophoneErrorCode, string>> = {
  insecure_origin: "the browser gives the microphone only to pages from https or from this machine; this page's address is the cause",
  refused: "the microphone was refused; allow it for this page in the browser's settings",
  missing: "no microphone was found; plug one in",
  in_use: "the microphone could not be started; another program may be using it",
  unsupported: "this browser cannot record sound; use a current one",
};

/** The user's microphone, or a track that the caller brought (which we mute and never stop). */
export class Microphone {
  /** What is sent: `enabled` is our switch. */
  readonly track: MediaStreamTrack;
  readonly #source: MediaStreamAudioSourceNode;
  readonly #context: AudioContext;
  readonly #meter: Meter;
  readonly #owned: boolean;

  /** Asks for the device; the browser may ask the user. Rejects with `MicrophoneError`. */
  static async open(choice: true | MediaStreamTrack, context: AudioContext): Promise<Microphone> {
    if (choice !== true) return new Microphone(choice, context, false);
    if (!globalThis.isSecureContext) throw new MicrophoneError("insecure_origin", TEXTS.insecure_origin);
    if (!navigator.mediaDevices?.getUserMedia) throw new MicrophoneError("unsupported", TEXTS.unsupported);
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: CONSTRAINTS });
      return new Microphone(stream.getAudioTracks()[0]!, context, true);
    } catch (error) {
      const code = (error instanceof DOMException && CODES[error.name]) || "unsupported";
      throw new MicrophoneError(code, TEXTS[code], error);
    }
  }

  private constructor(track: MediaStreamTrack, context: AudioContext, owned: boolean) {
    this.track = track;
    this.#owned = owned;
    this.#context = context;
    this.#source = streamSource(new MediaStream([track]), context);
    this.#meter = new Meter(this.#source);
  }

  /** For nodes that listen; its context may be another one than was given. */
  get source(): MediaStreamAudioSourceNode {
    return this.#source;
  }

  get live(): boolean {
    return this.track.readyState === "live";
  }

  level(): number {
    return this.track.enabled && this.live ? this.#meter.level() : 0;
  }

  close(): void {
    this.#meter.close();
    this.#source.disconnect();
    if (this.#source.context !== this.#context) void closeContext(this.#source.context);
    if (this.#owned) this.track.stop();
  }
}
