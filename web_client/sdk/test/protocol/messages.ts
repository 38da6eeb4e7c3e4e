import type { Envelope, ServerMessages } from "../../src/protocol/index.js";

export const HELLO: ServerMessages["hello"] = {
  session_id: "s-1",
  rate: 48000,
  features: ["text_input"],
  persona: { id: "default", name: "Vera", language: "auto" },
  ai: true,
  stored: false,
  recorded: false,
  resumed: false,
};

/** What a server would send. */
export function message<T extends keyof ServerMessages>(type: T, d: ServerMessages[T], { gen = 0, seq = 0, t = null as number | null } = {}): string {
  return JSON.stringify({ v: 1, type, gen, seq, t, d });
}

/** A server that numbers its messages. */
export class Numbered {
  seq = 0;
  next<T extends keyof ServerMessages>(type: T, d: ServerMessages[T], gen = 0): string {
    return message(type, d, { gen, seq: this.seq++ });
  }
}

export type Of<T extends keyof ServerMessages> = Extract<Envelope, { type: T }>;
