/** Everything the screen shows, as one value. */

import type { ConnectionEvent, State } from "@visavis/sdk";
import type { Line } from "./captions.ts";
import type { Mood } from "./face/behaviour.ts";
import type { Locale } from "./i18n/index.ts";
import { personaName, type Info } from "./info.ts";
import type { LanguageChoice } from "./options.ts";
import type { Problem } from "./problems.ts";
import type { Turn } from "./turns.ts";

/** waiting: the server is not ready; over: a conversation has ended, and another may begin. */
export type Phase = "waiting" | "ready" | "connecting" | "talking" | "over";

export interface Model {
  readonly phase: Phase;
  readonly info: Info | null;
  readonly unreachable: boolean;
  readonly persona: string | undefined;
  /** Who answers, as the server said when it answered; empty before. */
  readonly answering: string;
  readonly stored: boolean | null;
  readonly recorded: boolean | null;
  readonly language: LanguageChoice;
  readonly locale: Locale;
  readonly state: State;
  readonly connection: ConnectionEvent | null;
  readonly problem: Problem | null;
  /** The browser would open a microphone at this page's address. */
  readonly microphonePossible: boolean;
  readonly hasMicrophone: boolean;
  readonly muted: boolean;
  readonly lines: readonly Line[];
  /** There is a conversation to come back to. */
  readonly returning: boolean;
  /** What became of the conversation that was left: it goes on, or this is another one. */
  readonly news: "back" | "anew" | null;
  /** Lines of this conversation that came before those that are shown. */
  readonly omitted: number;
  /** The last spoken questions with their times; `waterfall`: the view of them is open. */
  readonly turns: readonly Turn[];
  readonly waterfall: boolean;
}

export const nameOf = (model: Model): string => model.answering || personaName(model.info, model.persona);

/** What is said of storage: by the session, before it by the server, null while nobody has said. */
export function storedOf(model: Model): "recorded" | "stored" | "notStored" | null {
  if (model.recorded ?? model.info?.recorded) return "recorded";
  const stored = model.stored ?? model.info?.stored ?? null;
  return stored === null ? null : stored ? "stored" : "notStored";
}

export function moodOf(model: Model): Mood {
  const failed = model.problem !== null && !model.problem.key.startsWith("microphone_");
  switch (model.phase) {
    case "waiting":
      return "asleep";
    case "connecting":
      return "listening";
    case "talking":
      if (model.connection?.status === "reconnecting") return "sorry";
      return failed && model.state === "idle" ? "sorry" : model.state;
    default:
      return failed ? "sorry" : "idle";
  }
}
