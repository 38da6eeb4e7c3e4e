/** What each server message must look like before anything trusts it. Unknown fields are ignored, so that an older client understands a newer server. */
import type { ServerMessages } from "../protocol.generated.js";

export type Check = (value: unknown) => boolean;
type Shape<D> = { readonly [K in keyof D]-?: Check };

const text: Check = (value) => typeof value === "string";
const flag: Check = (value) => typeof value === "boolean";
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const share: Check = (value) => typeof value === "number" && value >= 0 && value <= 1;
const identifier: Check = (value) => typeof value === "string" && value.length >= 1 && value.length <= 64;
const either =
  (...allowed: unknown[]): Check =>
  (value) =>
    allowed.includes(value);
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null || check(value);
const record =
  (shape: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) && wrongField(shape, value) === undefined;

const ticket: Readonly<Record<string, Check>> = { secret: text, number: count, ttl_ms: count };
const numbers: Check = (value) => isObject(value) && Object.values(value).every(Number.isSafeInteger);

export const SERVER_SHAPES: { readonly [T in keyof ServerMessages]: Shape<ServerMessages[T]> } = {
  hello: {
    session_id: identifier,
    rate: either(48_000),
    features: list(text),
    persona: record({ id: text, name: text, language: text }),
    ai: either(true),
    stored: flag,
    recorded: maybe(flag),
    resumed: maybe(flag),
    resume: maybe(record(ticket)),
    blendshapes: maybe(list(text)),
  },
  resume_secret: { secret: text, number: count, ttl_ms: count },
  restore: {
    round: count,
    loop: count,
    lines: list(record({ who: either("user", "agent"), text, interrupted: maybe(flag) })),
    omitted: maybe(count),
    version: maybe(count),
    content: maybe(text),
    commands: maybe(list(record({ id: identifier, name: text, args: isObject }))),
  },
  page_request: { round: count },
  round_update: { round: count, loop: count, status: either("confirmed", "rolled_back", "heard", "cut", "closed"), reason: maybe(text) },
  state_update: { state: either("idle", "listening", "thinking", "speaking"), reason: maybe(text) },
  asr_partial: { id: identifier, text, language: maybe(text) },
  asr_final: { id: identifier, text, language: maybe(text), via: maybe(text) },
  assistant_text_delta: { id: identifier, text },
  assistant_text: { id: identifier, text, final: maybe(flag), interrupted: maybe(flag) },
  generation_start: { t0: count },
  turn_stages: { stages: numbers },
  generation_end: { t_end: count, interrupted: maybe(flag) },
  hold: { cut_t: count },
  resume: { t0: count, from_t: maybe(count) },
  interrupt: { cut_t: count, reason: text },
  viseme_timeline: { set: either("oculus15"), dur: count, ev: list(count), src: text },
  emotion_tag: { name: text, intensity: maybe(share), fade_ms: maybe(count), ttl: maybe(count) },
  subtitle: { id: identifier, text, final: maybe(flag), words: list(list(Number.isSafeInteger)) },
  control: { id: identifier, name: text, args: maybe(isObject), late: maybe(either("run", "skip")), max_late_ms: maybe(count), dur: maybe(count) },
  media_fp: { i0: count, hop: either(480), b64: text },
  tts_audio_chunk: { codec: either("pcm", "opus"), sample_rate: count, seq: count, data: text },
  context_ack: { version: count, accepted: flag, reason: maybe(text) },
  error: { code: text, message: text, recoverable: flag, retry_ms: maybe(count) },
  clock: { rtp: count, t: count },
  pong: { id: count, t: count },
  part: { id: identifier, i: count, n: count, data: text },
};

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The first field that is missing or wrong, or undefined. */
export function wrongField(shape: Readonly<Record<string, Check>>, value: Record<string, unknown>): string | undefined {
  return Object.keys(shape).find((field) => !shape[field]!(Object.hasOwn(value, field) ? value[field] : undefined));
}
