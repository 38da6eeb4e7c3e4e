// Generated from the protocol's Python definition. Do not edit.

export type State = "idle" | "listening" | "thinking" | "speaking";
export type Language = "en" | "zh";
export type LanguageChoice = "auto" | "en" | "zh";
export type Codec = "pcm" | "opus";
export type InterruptReason = "voice" | "button" | "text" | "operator" | "context";

/** How a WebSocket client sends and wants audio. */
export interface AudioOptions {
  up?: Codec;
  down?: Codec;
}

/** Who answers. */
export interface PersonaInfo {
  id: string;
  name: string;
  language: LanguageChoice;
}

/** With `secret` the client may come back to the session for `ttl_ms`, from another connection or device. `number` is no secret: by it the client says that it has got this one. */
export interface ResumeTicket {
  secret: string;
  number: number;
  ttl_ms: number;
}

/** A part of the conversation as it was heard. `interrupted`: an answer that was cut; then `text` is what was heard of it. */
export interface Line {
  who: "user" | "agent";
  text: string;
  interrupted: boolean;
}

/** A command of an answer that is not heard again. */
export interface PastCommand {
  id: string;
  name: string;
  args: Record<string, unknown>;
}

/** The first message at every door. With `session_id` and the newest `resume` secret of that session it goes on; without them a new one begins.  `wants` may name `stages` (when each stage of an answer was reached), `binary` (sound in binary frames, at the WebSocket), `blendshapes` (frames of the whole face), `page_state` (the front end reports its page at the end of each round) and `echo_cancellation`: the client has no echo canceller of its own, so the server takes the digital human's voice out of what the microphone sends, up to 0.4 s late. */
export interface ClientHello {
  session_id?: string;
  resume?: string;
  persona?: string;
  language?: LanguageChoice;
  wants?: string[];
  sdk?: string;
  audio?: AudioOptions;
}

/** The microphone is open: what it sends is heard. */
export type StartListen = Record<string, never>;

/** The microphone is closed (muted, or the button of push-to-talk was released): what was said until now is answered. */
export type StopListen = Record<string, never>;

/** 20–40 ms of the microphone, 16 kHz mono, little-endian 16-bit PCM in base64. WebSocket only; binary frames of kind 1 carry the same without base64. */
export interface AudioChunk {
  seq: number;
  format?: "pcm";
  sample_rate?: number;
  data: string;
}

/** The user typed instead of speaking. It interrupts an answer that is being spoken. */
export interface TextInput {
  text: string;
  id?: string;
}

/** The user wants silence, now. */
export type ClientInterrupt = Record<string, never>;

/** What the user changes in mid-conversation. `interrupt`: whether a voice stops an answer at once and is then judged (`auto`), only words that were understood do (`strict`), or the voice never does (`off`). */
export interface Settings {
  language?: LanguageChoice;
  interrupt?: "auto" | "strict" | "off";
}

/** Something happened on the user's screen: a page turned, a picture clicked. */
export interface UiEvent {
  name: string;
  data?: Record<string, unknown>;
}

/** The text of the page or paragraph on the user's screen. It shapes the next answers; it is data, never an instruction. `version` only grows.  An answer that is being given goes on, unless `interrupt` asks to end it. */
export interface ContextUpdate {
  version: number;
  text: string;
  ttl_ms?: number;
  source?: string;
  interrupt?: boolean;
}

/** What was heard: the media sample now at the user's ear. Every 500 ms while sound plays, and on an interrupt. */
export interface Playout {
  gen: number;
  t_heard: number;
}

/** The secret of this number has arrived and is kept: those before it are good no more. */
export interface ResumeConfirm {
  number: number;
}

/** The front end's page at the end of round `round`, asked for by `page_request`: up to 1 MiB of its own, in base64, given back byte for byte when a client comes back. `version` is the front end's own number of the form in which it is written. */
export interface PageState {
  round: number;
  version: number;
  content: string;
}

/** The user has ended the session: nobody will come back to it. A connection that is lost, or a page that is reloaded, says nothing. */
export type Goodbye = Record<string, never>;

/** Asks for a `pong`: the time there and back, and the server's media time. */
export interface Ping {
  id: number;
}

/** A slice of a message that is larger than one frame: the JSON text of the whole envelope, cut into `n` slices. Both directions, not in LiveKit rooms. */
export interface Part {
  id: string;
  i: number;
  n: number;
  data: string;
}

/** The answer to the client's `hello`: the session is open. `stored` tells whether words are written down beyond the session, `recorded` whether the sound is. `resumed`: this is the session that the client named, and `restore` follows. `resume` is there when the session can be resumed. `blendshapes`: the names of what frames of the face hold, in their order, for a client that wants `blendshapes`. */
export interface ServerHello {
  session_id: string;
  rate: 48000;
  features: string[];
  persona: PersonaInfo;
  ai: true;
  stored: boolean;
  recorded: boolean;
  resumed: boolean;
  resume?: ResumeTicket;
  blendshapes?: string[];
}

/** A newer secret, in the place of the one in `hello`, which is good until this one is confirmed or used. */
export interface ResumeSecret {
  secret: string;
  number: number;
  ttl_ms: number;
}

/** After the `hello` of a session that goes on: what was said, as it was heard (the last of it, where it is long; `omitted` lines came before), the round in which it goes on, the page that the front end reported last, and the commands that came after that page. An answer that was not heard to its end follows from its start. */
export interface Restore {
  round: number;
  loop: number;
  lines: Line[];
  omitted: number;
  version?: number;
  content?: string;
  commands: PastCommand[];
}

/** A round is over: let the front end report its page with `page_state`. */
export interface PageRequest {
  round: number;
}

/** How it goes with a question and its answer. `loop` counts them. `confirmed`: the answer begins; `rolled_back`: there is none, and the counter is as it was; `heard` or `cut`: it will never be heard again; `closed`: its page has been reported, or there is none. */
export interface RoundUpdate {
  round: number;
  loop: number;
  status: "confirmed" | "rolled_back" | "heard" | "cut" | "closed";
  reason?: string;
}

/** What the digital human is doing, at each change. */
export interface StateUpdate {
  state: State;
  reason?: string;
}

/** What the user is understood to be saying, so far. Replaces the earlier text of the same `id`. */
export interface AsrPartial {
  id: string;
  text: string;
  language?: Language;
}

/** What the user was understood to say; it will be answered. */
export interface AsrFinal {
  id: string;
  text: string;
  language?: Language;
  via: "voice" | "text";
}

/** The next piece of the answer's text, as it is spoken. */
export interface AssistantTextDelta {
  id: string;
  text: string;
}

/** The whole text of an answer that has ended; of an interrupted one, what was said. */
export interface AssistantText {
  id: string;
  text: string;
  final: true;
  interrupted: boolean;
}

/** The first sound of generation `gen` is at media sample `t0`. */
export interface GenerationStart {
  t0: number;
}

/** Sent with `generation_start` to a client that wants `stages`: when each stage of this answer was reached, in ms after the user fell silent.  `silence` the pause was noticed, `transcript` the words were known, `asked` the model got them, `first_token` and `first_chunk` of its answer, `first_sound` of the voice, `commit` the turn was the digital human's, `out` the first sound was sent. What is smaller than `commit` was done ahead. */
export interface TurnStages {
  stages: Record<string, number>;
}

/** The last sample of generation `gen` was before `t_end` (its closing blank included). */
export interface GenerationEnd {
  t_end: number;
  interrupted: boolean;
}

/** Stop: everything older than this envelope's `gen` is void, and media after `cut_t` of the older generation is not to be played. */
export interface ServerInterrupt {
  cut_t: number;
  reason: InterruptReason;
}

/** Somebody speaks: the answer `gen` falls silent at `cut_t`, for now. Mute at once; nothing fires until `resume`, or an `interrupt` ends it for good. */
export interface Hold {
  cut_t: number;
}

/** It was no interruption: the answer goes on at `t0`, from the beginning of the word that was broken off, whose sound came at `from_t` before. What was still to happen from there on has moved by as much. */
export interface Resume {
  t0: number;
  from_t?: number;
}

/** Shapes of the mouth from media sample `t` of the envelope on, for `dur` samples: what was told before from `t` on is void.  `ev` is flat: for each shape its samples after `t`, its id (0..14 of `set`, Oculus' order) and how far it is formed, in hundredths. A shape lasts until the next one. Shapes come 25 ms before their sound, as mouths do. `src`: how the times are known, from the voice (`tts`), by laying text over sound (`align`), from a model (`model`), or from loudness alone (`energy`). */
export interface VisemeTimeline {
  set: "oculus15";
  dur: number;
  ev: number[];
  src: "tts" | "align" | "model" | "energy";
}

/** From media sample `t` of the envelope on the face shows this emotion; after `ttl` milliseconds it is neutral again. An unknown name is neutral. */
export interface EmotionTag {
  name: string;
  intensity: number;
  fade_ms: number;
  ttl: number;
}

/** A piece of the answer's text, to be shown from media sample `t` of the envelope on. `words`: for each word (of Chinese: each character) the samples after `t` at which it is said, its first character in `text`, and how many. A later message of the same `id` replaces it: what was held has moved, and it holds the words that are still to come. */
export interface Subtitle {
  id: string;
  text: string;
  final: boolean;
  words: number[][];
}

/** At media sample `t` of the envelope something happens beside the speech: an expression, a page of courseware, the recording of a reply; any name, with what it needs in `args`. It takes `dur` samples, and the answer lasts as long. Commands come in order, and the same `id` is obeyed once. One that would be more than `max_late_ms` late is left out if `late` is `skip`, and carried out all the same if it is `run`. What hangs behind a hold happens after it. */
export interface Control {
  id: string;
  name: string;
  args: Record<string, unknown>;
  late: "run" | "skip";
  max_late_ms: number;
  dur: number;
}

/** Answer audio for WebSocket clients that take JSON; binary frames of kind 2 carry the same without base64. The envelope's `t` is the first sample's media time. */
export interface TtsAudioChunk {
  codec: Codec;
  sample_rate: number;
  seq: number;
  data: string;
}

/** A `context_update` was taken, or why not. */
export interface ContextAck {
  version: number;
  accepted: boolean;
  reason?: string;
}

/** Something went wrong. `code` is one of the table of codes; `message` says what to do; a recoverable error leaves the session open. */
export interface ErrorMessage {
  code: string;
  message: string;
  recoverable: boolean;
  retry_ms?: number;
}

/** The peer door's anchor: the RTP timestamp of media sample `t`. */
export interface Clock {
  rtp: number;
  t: number;
}

/** In a LiveKit room, while the voice sounds: its loudness, so that a client can find out which media sample it hears (through an SFU the sound carries no clock). Byte `k` of `b64` is for the `hop` media samples from `hop · (i0 + k)` on: every 8 samples (−1 … 1) are averaged, of the 60 averages X is the discrete Fourier transform, and the level is round(20 · log10(√(2 · Σ|X_b|², b = 2 … 18) / 60 + 1e-5) + 100), within 0 … 255. */
export interface MediaFp {
  i0: number;
  hop: 480;
  b64: string;
}

/** The answer to `ping`; `t` is the media sample being sent now. */
export interface Pong {
  id: number;
  t: number;
}

/** The `d` of each message from the client, by its `type`. */
export interface ClientMessages {
  hello: ClientHello;
  start_listen: StartListen;
  stop_listen: StopListen;
  audio_chunk: AudioChunk;
  text_input: TextInput;
  interrupt: ClientInterrupt;
  settings: Settings;
  ui_event: UiEvent;
  context_update: ContextUpdate;
  playout: Playout;
  resume_confirm: ResumeConfirm;
  page_state: PageState;
  goodbye: Goodbye;
  ping: Ping;
  part: Part;
}

/** The `d` of each message from the server, by its `type`. */
export interface ServerMessages {
  hello: ServerHello;
  resume_secret: ResumeSecret;
  restore: Restore;
  page_request: PageRequest;
  round_update: RoundUpdate;
  state_update: StateUpdate;
  asr_partial: AsrPartial;
  asr_final: AsrFinal;
  assistant_text_delta: AssistantTextDelta;
  assistant_text: AssistantText;
  generation_start: GenerationStart;
  turn_stages: TurnStages;
  generation_end: GenerationEnd;
  interrupt: ServerInterrupt;
  hold: Hold;
  resume: Resume;
  viseme_timeline: VisemeTimeline;
  emotion_tag: EmotionTag;
  subtitle: Subtitle;
  control: Control;
  tts_audio_chunk: TtsAudioChunk;
  context_ack: ContextAck;
  error: ErrorMessage;
  clock: Clock;
  media_fp: MediaFp;
  pong: Pong;
  part: Part;
}

export type ClientMessage = { [T in keyof ClientMessages]: { type: T; d: ClientMessages[T] } }[keyof ClientMessages];

export type ServerMessage = { [T in keyof ServerMessages]: { type: T; d: ServerMessages[T] } }[keyof ServerMessages];

/** The codes of `error` messages. */
export type ErrorCode = "bad_json" | "bad_envelope" | "unknown_type" | "bad_message" | "bad_frame" | "bad_audio" | "too_large" | "hello_expected" | "unknown_persona" | "unauthorized" | "forbidden" | "busy" | "not_ready" | "resume_refused" | "resume_taken" | "taken_over" | "slow_reader" | "rate_limited" | "asr_failed" | "llm_failed" | "tts_failed" | "internal";

/** A message with its place: `gen` is the generation id, `seq` counts the sender's messages, `t` is media time (samples at 48 kHz) or null for now. */
export type Envelope<M extends ClientMessage | ServerMessage = ServerMessage> = M & { v: 1; gen: number; seq: number; t: number | null };
