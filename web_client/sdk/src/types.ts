import type { Room } from "livekit-client";
import type { ControlEvent, Restored } from "./protocol/machine.js";
import type { EmotionEvent, SubtitleEvent, VisemeEvent, WordEvent } from "./driving/driver.js";
import type { Envelope, LanguageChoice, PageRequest, RoundUpdate, ServerHello, State } from "./protocol.generated.js";

export type Language = LanguageChoice;
export type DoorKind = "peer" | "livekit" | "ws";
export type { State };

/** What coming back asks a token endpoint for: the same person, in the same room. */
export interface TokenRequest {
  participant_identity?: string;
  room_name?: string;
}

/** With it whoever holds it comes back to a session. */
export interface Ticket {
  session_id: string;
  secret: string;
  /** Of the secret; grows with each newer one. */
  number: number;
  /** Milliseconds since the epoch: the secret is good until then. */
  expires: number;
  /** Whom the session's access token named, and where. */
  identity?: string;
  room?: string;
}

/** Where the newest ticket is kept, so that it outlives the page. */
export interface ResumeStore {
  load(): Ticket | undefined;
  save(ticket: Ticket | undefined): void;
}

/** What the standard token endpoint answers. */
export interface TokenResponse {
  server_url: string;
  participant_token: string;
}

export interface ConnectOptions {
  /** `auto` (default): WebRTC to the server itself; the WebSocket when that has not connected within 4 s. */
  door?: "auto" | DoorKind | undefined;
  /** Base address of the server. Default: the page's own origin. */
  url?: string | undefined;
  /** Address of a token endpoint, or a function that returns its answer. Default: `/api/token` under `url`. To come back, a token must name the same person. */
  tokenSource?: string | ((wanted: TokenRequest) => Promise<TokenResponse>) | undefined;
  /**
   * Where the ticket is kept with which a reloaded page comes back to its session. Default `true`: `tabStore(url, persona)`. With `false` nothing is kept, and a
   * new session begins; a connection that is lost comes back all the same.
   */
  resume?: boolean | ResumeStore | undefined;
  /** The caller's own livekit-client Room (implies door `livekit`). It is connected if it is not yet, and never closed by us. */
  room?: Room | undefined;
  persona?: string | undefined;
  language?: Language | undefined;
  wants?: string[] | undefined;
  /** Default true: the device's microphone with echo cancellation, noise suppression and gain control. A track is used as it is, and left running at the end. */
  microphone?: boolean | MediaStreamTrack | undefined;
  /** Called with a `MicrophoneError` when there is no microphone to be had; the session goes on without one. */
  onMicrophoneError?: ((error: Error) => void) | undefined;
  /** The `connection` events from the very first one, before there is a session to listen on. */
  onConnection?: ((event: ConnectionEvent) => void) | undefined;
  /** Gives up connecting, and closes a session that has begun. */
  signal?: AbortSignal | undefined;
}

export interface ConnectionEvent {
  status: "connecting" | "connected" | "reconnecting" | "closed" | "failed";
  door?: DoorKind;
  /** A plain code (see README), or an error code of the protocol. */
  reason?: string;
}

export interface SessionEvents {
  state: { state: State; gen: number };
  /** What the user said or typed: the whole text so far. A later event of the same `id` replaces it. */
  user_text: { id: string; text: string; final: boolean; language?: string; via: "voice" | "text" };
  /** What the digital human says: the whole text so far. A later event of the same `id` replaces it. */
  agent_text: { id: string; gen: number; text: string; final: boolean; interrupted?: boolean };
  /** Somebody speaks: the answer is silent for now; nothing moves until `resume`, or an `interrupt` ends it. */
  hold: { gen: number; cut_t: number };
  resume: { gen: number; t0: number };
  interrupt: { gen: number; cut_t: number; reason: string };
  /** The mouth takes a shape, when its sample is at the ear. An interrupt, or a hold, brings it to rest at once. */
  viseme: VisemeEvent;
  /** A command of the answer: its sample is heard now. */
  control: ControlEvent;
  /** The face takes on an emotion. */
  emotion: EmotionEvent;
  /** The next piece of the answer's text begins to be heard. */
  subtitle: SubtitleEvent;
  /** The next word of a subtitle (of Chinese: the next character) is being heard. */
  word: WordEvent;
  /** The session goes on, on this page or on a reloaded one: what was said, in the place of all that was told before. An answer that was not heard follows anew. */
  restored: Restored;
  /** The session that was to go on could not; this is a new one. `reason`: the server's code, or `not_kept`. */
  session_lost: { session_id: string; reason: string };
  /** A round is over: answer with `reportPage`, if the session `wants` `"page_state"`. */
  page_request: PageRequest;
  /** How it goes with a question and its answer. */
  round: RoundUpdate;
  error: { code: string; message: string; recoverable: boolean; retry_ms?: number };
  connection: ConnectionEvent;
  /** Every message that was accepted, after the events above. */
  message: Envelope;
}

export interface LogEntry {
  /** Arrival, in milliseconds since the epoch (fractional). */
  readonly at: number;
  readonly message: Envelope;
}

export interface Session {
  readonly id: string;
  /** Whether it went on, when it was connected last, where it had been left. */
  readonly resumed: boolean;
  readonly door: DoorKind;
  readonly state: State;
  readonly hello: ServerHello;
  /** The last 1,000 messages that were accepted. */
  readonly log: readonly LogEntry[];
  /** Listens; the returned function stops listening. */
  on<K extends keyof SessionEvents>(event: K, fn: (e: SessionEvents[K]) => void): () => void;
  /** Says something in writing: 1 to 8,000 characters (RangeError otherwise; nothing happens for blank text). */
  sendText(text: string): void;
  /** Silence, now. */
  interrupt(): void;
  setMuted(muted: boolean): void;
  readonly muted: boolean;
  readonly hasMicrophone: boolean;
  setLanguage(language: Language): void;
  /** Tells what is on the user's screen; `version` only grows. */
  updateContext(context: { version: number; text: string; ttl_ms?: number; source?: string }): void;
  uiEvent(name: string, data?: object): void;
  /**
   * Reports the page at the end of a round (event `page_request`): bytes or text of the front end's own, at most 1 MiB (RangeError), given back as
   * `restored.snapshot`. `version` is the front end's number of the form in which they are written.
   */
  reportPage(round: number, version: number, content: Uint8Array | string): void;
  /** Media sample (48 kHz) that is at the ear now; null while unknown. */
  heardMedia(): number | null;
  /**
   * The whole face at the ear, by the names and in the order of `hello.blendshapes` (0..1), for a session that `wants` `"blendshapes"`; null while it is not
   * known. The array is the same each time.
   */
  blendshapes(): Float32Array | null;
  /** Loudness of what is heard now, 0 (−55 dBFS and below) to 1 (−10 dBFS and above), linear in dB. */
  outputLevel(): number;
  /** Loudness of the microphone, on the same scale; 0 while muted. */
  inputLevel(): number;
  /** Call it inside a user's gesture after the error `autoplay_blocked`. */
  resume(): Promise<void>;
  /** Ends the session for good: nobody comes back to it. May be called twice. */
  close(): Promise<void>;
  /** Leaves the session: the next `connect` comes back to it. A page that is unloaded does the same by itself. */
  leave(): Promise<void>;
}
