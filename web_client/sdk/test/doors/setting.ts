import { vi } from "vitest";
import type { DoorSetting } from "../../src/doors/door.js";
import { SessionMachine, type ClientMessages } from "../../src/protocol/index.js";
import { FakeContext } from "./browser.js";

/** What a session hands to a door, and what the door told. */
export function setting(overrides: Partial<DoorSetting> = {}) {
  const context = new FakeContext();
  const told: unknown[][] = [];
  const tell =
    (name: string) =>
    (...values: unknown[]): void =>
      void told.push([name, ...values]);
  const given: DoorSetting = {
    base: new URL("http://127.0.0.1:8080/"),
    token: vi.fn(() => Promise.resolve({ server_url: "ws://127.0.0.1:7880", participant_token: "a.b.c" })),
    dispatch: {},
    returning: false,
    microphone: undefined,
    context: context as unknown as AudioContext,
    events: { text: tell("text"), face: tell("face"), status: tell("status"), trouble: tell("trouble"), closed: tell("closed") },
    admits: () => true,
    signal: new AbortController().signal,
    ...overrides,
  };
  return { given, told, context };
}

/** A microphone with a track that is switched by `enabled`. */
export function microphone(context: FakeContext): NonNullable<DoorSetting["microphone"]> {
  const track = { enabled: true, readyState: "live" };
  return { track, live: true, source: context.createMediaStreamSource() } as unknown as NonNullable<DoorSetting["microphone"]>;
}

const machine = new SessionMachine();
export const envelope = <T extends keyof ClientMessages>(type: T, d: ClientMessages[T]) => machine.compose(type, d);
