/**
 * The client's half of a session as a pure state machine: frames in, events out; no clock, no sockets, no page.
 *
 * Generations: every message carries `gen`. `interrupt` carries the new one, and from then on nothing of an older one comes out, whatever the
 * order in which messages arrive. What belongs to the session rather than to an answer (hello, error, pong, clock, …) has no age.
 */
import type {
  ClientMessages,
  ClientMessage,
  ContextAck,
  Envelope,
  ErrorMessage,
  Clock,
  Line,
  MediaFp,
  PageRequest,
  PastCommand,
  Pong,
  ResumeSecret,
  RoundUpdate,
  ServerHello,
  ServerMessage,
  ServerMessages,
  State,
  TtsAudioChunk,
} from "../protocol.generated.js";
import { base64 } from "../base64.js";
import { decodeServer } from "./codec.js";
import { ProtocolError, VERSION, type Fault } from "./limits.js";
import { Joiner } from "./parts.js";
import { SequenceWindow } from "./sequence.js";
import { AnswerTexts, type AgentText } from "./texts.js";

export type MachineEvent =
  /** `fresh`: another session than before, or one that has forgotten where we were. `moved`: the same one, in other hands: nothing of what was under way goes on. */
  | { type: "hello"; hello: ServerHello; fresh: boolean; moved: boolean }
  | ({ type: "resume_secret" } & ResumeSecret)
  | ({ type: "restore" } & Restored)
  | ({ type: "page_request" } & PageRequest)
  | ({ type: "round" } & RoundUpdate)
  | { type: "state"; state: State; gen: number }
  | { type: "user_text"; id: string; text: string; final: boolean; language?: string; via: "voice" | "text" }
  | ({ type: "agent_text" } & AgentText)
  | { type: "generation_start"; gen: number; t0: number }
  | { type: "generation_end"; gen: number; t_end: number; interrupted: boolean }
  | { type: "hold"; gen: number; cut_t: number }
  | { type: "resume"; gen: number; t0: number; from_t: number }
  | { type: "interrupt"; gen: number; cut_t: number; reason: string }
  | { type: "visemes"; gen: number; t: number; ev: number[] }
  | { type: "emotion"; gen: number; t: number; name: string; intensity: number; fade_ms: number; ttl: number }
  | { type: "subtitle"; gen: number; t: number; id: string; text: string; words: number[][] }
  | ({ type: "control" } & ControlEvent)
  | { type: "audio"; gen: number; t: number; chunk: TtsAudioChunk }
  | ({ type: "clock" } & Clock)
  | ({ type: "media_fp" } & MediaFp)
  | ({ type: "pong" } & Pong)
  | ({ type: "context_ack" } & ContextAck)
  | ({ type: "error" } & ErrorMessage)
  /** Every accepted message, after the events that it caused. */
  | { type: "message"; message: Envelope };

/** A session that goes on: what was said, as it was heard, and the page of the front end. It takes the place of everything that was told before. */
export interface Restored {
  round: number;
  loop: number;
  /** The last of the conversation; `omitted` lines came before. */
  lines: Line[];
  omitted: number;
  /** The page that was reported last, where there is one. */
  snapshot?: { version: number; content: Uint8Array<ArrayBuffer> };
  /** What was commanded after that page, in answers that are not heard again. */
  commands: PastCommand[];
}

/** Something that happens beside the speech, at media sample `t`; it takes `dur` samples. */
export interface ControlEvent {
  id: string;
  name: string;
  args: Record<string, unknown>;
  late: "run" | "skip";
  max_late_ms: number;
  dur: number;
  gen: number;
  t: number;
}

export interface Counters {
  accepted: number;
  /** Of an older generation. */
  stale: number;
  duplicate: number;
  faults: Record<Fault, number>;
}

const OF_THE_SESSION: ReadonlySet<keyof ServerMessages> = new Set([
  "hello",
  "resume_secret",
  "restore",
  "page_request",
  "round_update",
  "error",
  "clock",
  "media_fp",
  "pong",
  "context_ack",
  "part",
]);
const OF_AN_ANSWER: ReadonlySet<keyof ServerMessages> = new Set([
  "assistant_text_delta",
  "assistant_text",
  "generation_start",
  "turn_stages",
  "generation_end",
  "hold",
  "resume",
  "viseme_timeline",
  "emotion_tag",
  "subtitle",
  "control",
  "tts_audio_chunk",
]);

export class SessionMachine {
  readonly counters: Counters = {
    accepted: 0,
    stale: 0,
    duplicate: 0,
    faults: { bad_json: 0, bad_envelope: 0, unknown_type: 0, bad_message: 0, bad_frame: 0, too_large: 0 },
  };
  #hello: ServerHello | undefined;
  #state: State = "idle";
  #gen = 0;
  /** Nothing older is let through. */
  #minGen = 0;
  /** No answer that is older is let through: the user pressed the button, and the server has not confirmed it yet. */
  #minAnswer = 0;
  /** Where the session went on in other hands: what is older comes from those before, who count otherwise. */
  #since = 0;
  #sent = 0;
  /** Counts fresh sessions and returns to one, so that ids of two of them never meet. */
  #sessions = 0;
  #sequence = new SequenceWindow();
  #joiner = new Joiner();
  #texts = new AnswerTexts();

  get hello(): ServerHello | undefined {
    return this.#hello;
  }
  get state(): State {
    return this.#state;
  }
  /** The newest generation that was seen. */
  get gen(): number {
    return this.#gen;
  }
  get minGen(): number {
    return this.#minGen;
  }
  /** Messages that are missing between those that came. */
  get missing(): number {
    return this.#sequence.missing;
  }

  /** The next message to send, with its place. */
  compose<T extends keyof ClientMessages>(type: T, d: ClientMessages[T]): Envelope<ClientMessage> {
    return { v: VERSION, type, gen: this.#gen, seq: this.#sent++, t: null, d } as unknown as Envelope<ClientMessage>;
  }

  /** A new connection: sequence numbers and unfinished parts of the old one mean nothing any more. The session may go on. */
  reconnected(): void {
    this.#sequence = new SequenceWindow();
    this.#joiner = new Joiner();
  }

  /** A text frame that came. Never throws: what cannot be understood is counted. */
  receive(json: string): MachineEvent[] {
    try {
      const envelope = decodeServer(json);
      if (envelope.type !== "part") return this.#take(envelope);
      const whole = this.#joiner.add(envelope.d);
      if (whole === undefined) return [];
      const joined = decodeServer(whole);
      if (joined.type === "part") throw new ProtocolError("bad_message", "a part may not hold a part");
      return this.#take(joined);
    } catch (error) {
      if (error instanceof ProtocolError) {
        this.counters.faults[error.code] += 1;
        return [];
      }
      throw error;
    }
  }

  /** Whether answer audio of generation `gen` may be played. */
  admits(gen: number): boolean {
    const fresh = gen >= this.#minGen && gen >= this.#minAnswer;
    if (!fresh) this.counters.stale += 1;
    return fresh;
  }

  /** The user wants silence: what is being said now ends here, without waiting for the server. */
  interrupt(): MachineEvent[] {
    this.#minAnswer = this.#gen + 1;
    return this.#cut(this.#minAnswer);
  }

  #take(envelope: Envelope): MachineEvent[] {
    if (envelope.type === "hello") return this.#greet(envelope);
    if (envelope.gen < this.#since) {
      this.counters.stale += 1;
      return [];
    }
    if (!this.#sequence.accept(envelope.seq)) {
      this.counters.duplicate += 1;
      return [];
    }
    if (!OF_THE_SESSION.has(envelope.type)) {
      const oldest = OF_AN_ANSWER.has(envelope.type) ? Math.max(this.#minGen, this.#minAnswer) : this.#minGen;
      if (envelope.gen < oldest) {
        this.counters.stale += 1;
        return [];
      }
      this.#gen = Math.max(this.#gen, envelope.gen);
    }
    return this.#accepted(envelope, this.#apply(envelope));
  }

  #apply({ gen, t, ...message }: Envelope): MachineEvent[] {
    const { type, d } = message as ServerMessage;
    switch (type) {
      case "state_update":
        this.#state = d.state;
        return [{ type: "state", state: d.state, gen }];
      case "asr_partial":
      case "asr_final": {
        const via = type === "asr_final" ? (d.via ?? "voice") : "voice";
        const language = d.language ? { language: d.language } : {};
        return [{ type: "user_text", id: this.#unique(d.id), text: d.text, final: type === "asr_final", ...language, via }];
      }
      case "assistant_text_delta": {
        const answer = this.#texts.delta(gen, { ...d, id: this.#unique(d.id) });
        return answer ? [{ type: "agent_text", ...answer }] : [];
      }
      case "assistant_text":
        return [{ type: "agent_text", ...this.#texts.whole(gen, { ...d, id: this.#unique(d.id) }) }];
      case "generation_start":
        return [{ type: "generation_start", gen, t0: d.t0 }];
      case "generation_end":
        return [{ type: "generation_end", gen, t_end: d.t_end, interrupted: d.interrupted ?? false }];
      case "hold":
        return [{ type: "hold", gen, cut_t: d.cut_t }];
      case "resume":
        return [{ type: "resume", gen, t0: d.t0, from_t: d.from_t ?? d.t0 }];
      case "interrupt":
        this.#minGen = Math.max(this.#minGen, gen);
        return [...this.#cut(this.#minGen), { type: "interrupt", gen, cut_t: d.cut_t, reason: d.reason }];
      case "viseme_timeline":
        return t === null ? [] : [{ type: "visemes", gen, t, ev: d.ev }];
      case "emotion_tag":
        return t === null ? [] : [{ type: "emotion", gen, t, name: d.name, intensity: d.intensity ?? 1, fade_ms: d.fade_ms ?? 300, ttl: d.ttl ?? 6000 }];
      case "subtitle":
        return t === null ? [] : [{ type: "subtitle", gen, t, id: this.#unique(d.id), text: d.text, words: d.words }];
      case "control": {
        const { id, name, args = {}, late = "run", max_late_ms = 500, dur = 0 } = d;
        return t === null ? [] : [{ type: "control", gen, t, id: this.#unique(id), name, args, late, max_late_ms, dur }];
      }
      case "tts_audio_chunk":
        return t === null ? [] : [{ type: "audio", gen, t, chunk: d }];
      case "clock":
        return [{ type: "clock", rtp: d.rtp, t: d.t }];
      case "media_fp":
        return [{ type: "media_fp", ...d }];
      case "pong":
        return [{ type: "pong", id: d.id, t: d.t }];
      case "context_ack":
        return [{ type: "context_ack", ...d }];
      case "error":
        return [{ type: "error", ...d }];
      case "resume_secret":
        return [{ type: "resume_secret", ...d }];
      case "page_request":
        return [{ type: "page_request", ...d }];
      case "round_update":
        return [{ type: "round", ...d }];
      case "restore":
        return this.#restore(d);
      case "turn_stages":
      case "hello":
      case "part":
        return [];
    }
  }

  /**
   * A hello of another session, or of one that has forgotten where we were, begins from nothing. One of the same session that has moved on without us makes
   * void what came before.
   */
  #greet(envelope: Extract<Envelope, { type: "hello" }>): MachineEvent[] {
    const { gen, seq, d: hello } = envelope;
    const known = this.#hello !== undefined;
    const fresh = this.#hello?.session_id !== hello.session_id || gen < this.#gen;
    const moved = !fresh && hello.resumed === true && gen > this.#gen;
    const ended = fresh ? this.#cut(Infinity) : moved ? this.#cut(gen) : [];
    if (moved) this.#minGen = this.#since = gen;
    if (fresh) {
      this.#minGen = this.#minAnswer = this.#since = 0;
      this.#state = "idle";
      this.#texts = new AnswerTexts();
      this.#sessions += 1;
    }
    this.#hello = hello;
    this.#gen = gen;
    // In a room another worker may speak now, who counts from the start.
    if ((known && (fresh || moved)) || !this.#sequence.accept(seq)) {
      this.#sequence = new SequenceWindow();
      this.#sequence.accept(seq);
    }
    return this.#accepted(envelope, [...ended, { type: "hello", hello, fresh, moved }]);
  }

  /** What follows is told from its start, under ids that may have been used before. */
  #restore({ round, loop, lines, omitted, version, content, commands }: ServerMessages["restore"]): MachineEvent[] {
    const ended = this.#cut(Infinity);
    this.#texts = new AnswerTexts();
    this.#sessions += 1;
    const page = content === undefined || version === undefined ? undefined : base64(content);
    const heard = lines.map((line) => ({ ...line, interrupted: line.interrupted ?? false }));
    const restored: Restored = { round, loop, lines: heard, omitted: omitted ?? 0, commands: commands ?? [] };
    if (page && version !== undefined) restored.snapshot = { version, content: page };
    return [...ended, { type: "restore", ...restored }];
  }

  #accepted(message: Envelope, events: MachineEvent[]): MachineEvent[] {
    this.counters.accepted += 1;
    return [...events, { type: "message", message }];
  }

  #cut(minGen: number): MachineEvent[] {
    return this.#texts.cut(minGen).map((answer) => ({ type: "agent_text", ...answer }));
  }

  #unique(id: string): string {
    return this.#sessions > 1 ? `${this.#sessions}.${id}` : id;
  }
}
