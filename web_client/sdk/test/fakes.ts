import { vi } from "vitest";
import type { Door, DoorEvents, DoorSetting } from "../src/doors/door.js";
import type { Microphone } from "../src/media/microphone.js";
import type { Speaker } from "../src/media/speaker.js";
import type { ClientMessage, ClientMessages, Envelope, ServerHello, ServerMessages } from "../src/protocol/index.js";
import type { DoorKind } from "../src/types.js";
import { HELLO, message } from "./protocol/messages.js";

/** A context that does nothing, with the two things that a session asks of it. */
export function fakeContext(): AudioContext {
  const context = { state: "running", close: vi.fn(() => Promise.resolve(void (context.state = "closed"))) };
  return context as unknown as AudioContext;
}

export class FakeSpeaker implements Speaker {
  at: number | null = null;
  begin = vi.fn<Speaker["begin"]>();
  hold = vi.fn<Speaker["hold"]>();
  goOn = vi.fn<Speaker["goOn"]>();
  purge = vi.fn<Speaker["purge"]>();
  heard = (): number | null => this.at;
  level = (): number => 0.5;
  resume = vi.fn(() => Promise.resolve(true));
  close = vi.fn();
}

/** A server behind a door: what the session sent, and what it is to be told. */
export class FakeDoor implements Door {
  readonly speaker = new FakeSpeaker();
  readonly sent: Envelope<ClientMessage>[] = [];
  readonly events: DoorEvents;
  readonly close = vi.fn(() => Promise.resolve());
  readonly flush = vi.fn(() => Promise.resolve());
  #seq = 0;

  /** `answer`: whether it greets, and as which session. */
  constructor(
    readonly setting: DoorSetting,
    readonly kind: DoorKind,
    readonly answer: (Partial<ServerHello> & { session_id: string; gen?: number }) | null,
  ) {
    this.events = setting.events;
  }

  send(envelope: Envelope<ClientMessage>): void {
    this.sent.push(envelope);
    if (envelope.type !== "hello" || !this.answer) return;
    const { gen = 0, ...answer } = this.answer;
    this.tell("hello", { ...HELLO, ...answer }, gen);
  }

  /** Another server counts its messages from the start. */
  restart(): void {
    this.#seq = 0;
  }

  tell<T extends keyof ServerMessages>(type: T, d: ServerMessages[T], gen = 0): void {
    this.events.text(message(type, d, { gen, seq: ++this.#seq }));
  }

  /** The `d` of all messages of a type. */
  of<T extends keyof ClientMessages>(type: T): ClientMessages[T][] {
    return this.sent.filter((envelope) => envelope.type === type).map((envelope) => envelope.d as ClientMessages[T]);
  }
}

export function fakeMicrophone(): Microphone {
  const track = Object.assign(new EventTarget(), { enabled: true, readyState: "live" });
  const microphone = { track, level: () => 0.25, close: vi.fn(), live: true };
  return microphone as unknown as Microphone;
}
