/** What can go wrong, named by its cause, with what helps. The words are in the dictionaries under `problem.KEY` and `advice.KEY`. */

import { ConnectError, MicrophoneError } from "@visavis/sdk";
import { en, type Key } from "./i18n/en.ts";
import type { Words } from "./i18n/index.ts";

export type ProblemKey = Key extends infer K ? (K extends `problem.${infer Name}` ? Name : never) : never;

/** What the button beside the words does. */
export type Remedy = "reload" | "sound" | "microphone";

export interface Problem {
  readonly key: ProblemKey;
  readonly words: Words;
  /** The technical text, only where the cause has no words of its own. */
  readonly detail: string | null;
  readonly remedy: Remedy | null;
  /** The next answer shows that it is over. */
  readonly passing: boolean;
}

const RELOAD: ReadonlySet<ProblemKey> = new Set<ProblemKey>(["bad_json", "bad_envelope", "unknown_type"]);
const MICROPHONE: ReadonlySet<ProblemKey> = new Set<ProblemKey>(["microphone_refused", "microphone_missing", "microphone_in_use", "microphone_asleep"]);
const PASSING: ReadonlySet<ProblemKey> = new Set<ProblemKey>(["bad_message", "bad_frame", "bad_audio", "too_large", "rate_limited", "asr_failed", "llm_failed"]);

export const isProblemKey = (code: string): code is ProblemKey => Object.hasOwn(en, `problem.${code}`);

export function problem(key: ProblemKey, words: Words = {}, detail: string | null = null): Problem {
  return { key, words, detail, remedy: remedyOf(key), passing: PASSING.has(key) };
}

function remedyOf(key: ProblemKey): Remedy | null {
  if (key === "autoplay_blocked") return "sound";
  if (RELOAD.has(key)) return "reload";
  return MICROPHONE.has(key) ? "microphone" : null;
}

/** Of an `error` message, or of any code with a technical text. */
export function problemOfCode(code: string, message: string): Problem {
  return isProblemKey(code) ? problem(code) : problem("other", {}, message || code);
}

/** Of what `connect` threw; null when it was our own doing. */
export function problemOfError(error: unknown): Problem | null {
  if (error instanceof ConnectError) return error.code === "aborted" ? null : problemOfCode(error.code, error.message);
  return problem("other", {}, error instanceof Error ? error.message : String(error));
}

/** Of what the microphone did; `origin` is the page's own address, for it may be the cause. */
export function problemOfMicrophone(error: Error, origin: string): Problem {
  const key = `microphone_${error instanceof MicrophoneError ? error.code : "unsupported"}`;
  return isProblemKey(key) ? problem(key, { origin }) : problem("microphone_unsupported", {}, error.message);
}
