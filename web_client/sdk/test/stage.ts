import { vi } from "vitest";
import type { Dial } from "../src/dial.js";
import { ConnectError } from "../src/errors.js";
import { LiveSession } from "../src/session.js";
import type { ConnectOptions, ConnectionEvent, DoorKind, ResumeStore, SessionEvents, Ticket } from "../src/types.js";
import { FakeDoor, fakeContext, fakeMicrophone } from "./fakes.js";

/** What the token endpoint answers: for ann, in the room hall. */
export const token = { server_url: "ws://a", participant_token: `e30.${btoa(JSON.stringify({ sub: "ann", video: { room: "hall" } }))}.sig` };

/** What becomes of an attempt to connect: a session's id or hello, nobody who greets, an error, or what the server says while the door is being opened. */
export type Plan = string | NonNullable<FakeDoor["answer"]> | null | ConnectError | ((door: FakeDoor) => void);

interface Options extends ConnectOptions {
  withMicrophone?: boolean;
  store?: ResumeStore;
}

export function scene(...plan: Plan[]) {
  return stage("ws", plan);
}

export function stage(kind: DoorKind, plan: Plan[]) {
  const doors: FakeDoor[] = [];
  const connections: ConnectionEvent[] = [];
  const context = fakeContext();
  const microphone = fakeMicrophone();
  const dial: Dial = async (_, setting, trying) => {
    trying(kind);
    await setting.token();
    const next = plan.length > 0 ? plan.shift()! : "s-1";
    if (next instanceof ConnectError) throw next;
    const door = new FakeDoor(setting, kind, typeof next === "string" ? { session_id: next } : typeof next === "object" ? next : null);
    doors.push(door);
    if (typeof next === "function") next(door);
    return door;
  };
  /** As a caller sees it. */
  const connect = ({ withMicrophone = true, store, ...options }: Options = {}): Promise<LiveSession> =>
    LiveSession.open({
      base: new URL("http://127.0.0.1/"),
      context,
      microphone: withMicrophone ? microphone : undefined,
      options: { tokenSource: () => Promise.resolve(token), onConnection: (event) => connections.push(event), ...options },
      dial,
      store,
    });
  /** And a moment later. */
  const open = async (options?: Options): Promise<LiveSession> => {
    const session = await connect(options);
    await vi.advanceTimersByTimeAsync(0);
    return session;
  };
  return { doors, connect, open, connections, context, microphone, last: () => doors.at(-1)! };
}

export function record<K extends keyof SessionEvents>(session: LiveSession, event: K): SessionEvents[K][] {
  const events: SessionEvents[K][] = [];
  session.on(event, (value) => events.push(value));
  return events;
}

export const statuses = (connections: ConnectionEvent[]) => connections.map(({ status }) => status);

/** The server refuses what it was asked for. */
export const refuse =
  (code: string, retry_ms?: number): Plan =>
  (door) => {
    door.tell("error", { code, message: `${code}!`, recoverable: false, ...(retry_ms === undefined ? {} : { retry_ms }) });
    door.events.closed(code);
  };

/** A store that remembers what it was given. */
export function memory(ticket?: Ticket): ResumeStore & { saved: (Ticket | undefined)[]; ticket: Ticket | undefined } {
  const store = {
    saved: [] as (Ticket | undefined)[],
    ticket,
    load: () => store.ticket,
    save(next: Ticket | undefined) {
      store.saved.push(next);
      store.ticket = next;
    },
  };
  return store;
}
