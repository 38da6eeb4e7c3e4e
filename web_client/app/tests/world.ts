/** The page with a session whose server is the test: `world` is what it finds, and is new for each test. */
import { type MicrophoneError, type ConnectOptions, type Session, type SessionEvents, type Ticket } from "@visavis/sdk";
import { afterEach, beforeEach, vi } from "vitest";
import { App } from "../src/app.ts";
import type { Options } from "../src/options.ts";

/** A session whose server is the test. */
export class TestSession {
  id: string;
  readonly door = "peer";
  state = "listening";
  readonly hello = { session_id: "s-1", rate: 48000, features: [], persona: { id: "default", name: "Vera", language: "auto" }, ai: true, stored: true, recorded: world.recorded };
  readonly log = [];
  muted = false;
  hasMicrophone = true;
  readonly sent: string[] = [];
  readonly calls: string[] = [];
  private readonly listeners = new Map<string, Set<(e: never) => void>>();

  constructor(readonly options: ConnectOptions) {
    this.id = world.ticket?.session_id ?? `s-${world.sessions.length + 1}`;
    world.ticket = { session_id: this.id, secret: "secret", number: 1, expires: Infinity };
    this.hasMicrophone = options.microphone !== false;
  }

  on(event: string, fn: (e: never) => void): () => void {
    const all = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, all.add(fn));
    return () => all.delete(fn);
  }

  emit<K extends keyof SessionEvents>(event: K, e: SessionEvents[K]): void {
    for (const fn of this.listeners.get(event) ?? []) fn(e as never);
  }

  get listening(): number {
    return [...this.listeners.values()].reduce((sum, all) => sum + all.size, 0);
  }

  sendText = (text: string): void => void this.sent.push(text);
  interrupt = (): void => void this.calls.push("interrupt");
  setMuted = (muted: boolean): void => {
    this.muted = muted;
  };
  setLanguage = (language: string): void => void this.calls.push(`language ${language}`);
  resume = async (): Promise<void> => void this.calls.push("resume");
  close = async (): Promise<void> => void this.calls.push("close");
  leave = async (): Promise<void> => void this.calls.push("leave");
  inputLevel = (): number => 0;
  outputLevel = (): number => 0;
  heard: number | null = null;
  heardMedia = (): number | null => this.heard;
  updateContext = (): void => {};
  uiEvent = (): void => {};
}

export const READY = { ready: true, progress: null, stored: false, doors: ["peer", "ws"], livekit: false, personas: [{ id: "default", name: "Vera" }] };

export const world = {
  app: undefined as App | undefined,
  sessions: [] as TestSession[],
  connectFails: null as Error | null,
  microphoneFails: null as MicrophoneError | null,
  /** What the server answers when it is asked about itself. */
  info: READY as unknown,
  /** What the tab's store holds. */
  ticket: undefined as Ticket | undefined,
  /** Whether the microphone may be used without asking. */
  granted: true,
  /** What the session's server says of recording. */
  recorded: false,
};
/** As each test begins. */
const FRESH = { ...world };

export function open(options: Partial<Options> = {}): void {
  world.app = new App({
    connect: async (o = {}) => {
      if (world.connectFails) throw world.connectFails;
      const session = new TestSession(o);
      if (world.microphoneFails && o.microphone !== false) {
        session.hasMicrophone = false;
        o.onMicrophoneError?.(world.microphoneFails);
      }
      world.sessions.push(session);
      o.onConnection?.({ status: "connected", door: "peer" });
      return session as unknown as Session;
    },
    askInfo: async () => world.info,
    options: { door: "auto", persona: undefined, language: "auto", ...options },
    tickets: { load: () => world.ticket, save: (next) => void (world.ticket = next) },
    microphoneGranted: async () => world.granted,
    root: document.getElementById("app")!,
  });
}

export const get = <E extends HTMLElement = HTMLElement>(id: string): E => document.querySelector<E>(`[data-testid="${id}"]`)!;
export const shown = (id: string): boolean => get(id).closest("[hidden]") === null;
export const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(20);
export const session = (): TestSession => world.sessions.at(-1)!;
export const lines = (side: "user" | "agent"): HTMLElement[] => [...get(`${side}-transcript`).querySelectorAll<HTMLElement>('[data-testid="line"]')];
export const press = (init: KeyboardEventInit, target: EventTarget = document.body): boolean => target.dispatchEvent(new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...init }));

export async function write(text: string): Promise<void> {
  get<HTMLInputElement>("text-input").value = text;
  get("text-input").dispatchEvent(new Event("input", { bubbles: true }));
  get<HTMLFormElement>("text-input").closest("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  await settle();
}

export async function begin(options: Partial<Options> = {}): Promise<TestSession> {
  open(options);
  await settle();
  get("start").click();
  await settle();
  return session();
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  vi.stubGlobal("isSecureContext", true);
  vi.stubGlobal("navigator", { ...navigator, languages: ["en-US"], mediaDevices: {} });
  document.body.innerHTML = '<div id="app"></div>';
  history.replaceState(null, "", "/");
  Object.assign(world, FRESH, { sessions: [] });
});

afterEach(async () => {
  await world.app?.destroy();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});
