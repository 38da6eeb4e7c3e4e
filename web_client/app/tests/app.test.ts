// @vitest-environment happy-dom
import { ConnectError, MicrophoneError, type ConnectOptions, type Session, type SessionEvents, type Ticket } from "@visavis/sdk";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { App } from "../src/app.ts";
import type { Options } from "../src/options.ts";

/** What the session's server says of recording. */
let recorded = false;

/** A session whose server is the test. */
class TestSession {
  id: string;
  readonly door = "peer";
  state = "listening";
  readonly hello = { session_id: "s-1", rate: 48000, features: [], persona: { id: "default", name: "Vera", language: "auto" }, ai: true, stored: true, recorded };
  readonly log = [];
  muted = false;
  hasMicrophone = true;
  readonly sent: string[] = [];
  readonly calls: string[] = [];
  private readonly listeners = new Map<string, Set<(e: never) => void>>();

  constructor(readonly options: ConnectOptions) {
    this.id = ticket?.session_id ?? `s-${sessions.length + 1}`;
    ticket = { session_id: this.id, secret: "secret", number: 1, expires: Infinity };
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

const READY = { ready: true, progress: null, stored: false, doors: ["peer", "ws"], livekit: false, personas: [{ id: "default", name: "Vera" }] };

let app: App;
let sessions: TestSession[];
let connectFails: Error | null;
let microphoneFails: MicrophoneError | null;
let info: unknown;
/** What the tab's store holds. */
let ticket: Ticket | undefined;
let granted: boolean;

function open(options: Partial<Options> = {}): void {
  app = new App({
    connect: async (o = {}) => {
      if (connectFails) throw connectFails;
      const session = new TestSession(o);
      if (microphoneFails && o.microphone !== false) {
        session.hasMicrophone = false;
        o.onMicrophoneError?.(microphoneFails);
      }
      sessions.push(session);
      o.onConnection?.({ status: "connected", door: "peer" });
      return session as unknown as Session;
    },
    askInfo: async () => info,
    options: { door: "auto", persona: undefined, language: "auto", ...options },
    tickets: { load: () => ticket, save: (next) => void (ticket = next) },
    microphoneGranted: async () => granted,
    root: document.getElementById("app")!,
  });
}

const get = <E extends HTMLElement = HTMLElement>(id: string): E => document.querySelector<E>(`[data-testid="${id}"]`)!;
const shown = (id: string): boolean => get(id).closest("[hidden]") === null;
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(20);
const session = (): TestSession => sessions.at(-1)!;
const lines = (side: "user" | "agent"): HTMLElement[] => [...get(`${side}-transcript`).querySelectorAll<HTMLElement>('[data-testid="line"]')];
const press = (init: KeyboardEventInit, target: EventTarget = document.body): boolean => target.dispatchEvent(new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...init }));

async function write(text: string): Promise<void> {
  get<HTMLInputElement>("text-input").value = text;
  get("text-input").dispatchEvent(new Event("input", { bubbles: true }));
  get<HTMLFormElement>("text-input").closest("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  await settle();
}

async function begin(options: Partial<Options> = {}): Promise<TestSession> {
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
  sessions = [];
  connectFails = microphoneFails = null;
  info = READY;
  ticket = undefined;
  granted = true;
  recorded = false;
});

afterEach(async () => {
  await app.destroy();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("before the conversation", () => {
  it("offers the start once the server is ready, and shows the download until then", async () => {
    info = { ...READY, ready: false, progress: { phase: "downloading", done_bytes: 250e6, total_bytes: 1e9, eta_s: 141 } };
    open();
    await settle();
    expect(get<HTMLButtonElement>("start").disabled).toBe(true);
    expect(document.body.textContent).toContain("250 MB of 1 GB · about 2 minutes left");
    expect(document.querySelector("progress")!.value).toBeCloseTo(0.25);
    info = READY;
    await vi.advanceTimersByTimeAsync(1100);
    expect(get<HTMLButtonElement>("start").disabled).toBe(false);
    expect(shown("start")).toBe(true);
  });

  it("says that it is an AI and whether words are stored", async () => {
    open();
    await settle();
    expect(document.body.textContent).toContain("I am an AI");
    expect(document.body.textContent).toContain("is not stored");
  });

  it.each([
    ["auto", "Answers come from a small list; no language model is set."],
    ["zh", "回答来自一小份问答，没有设置语言模型。"],
  ] as const)("says that answers come from a list when they do (%s)", async (language, words) => {
    info = { ...READY, answers: "faq" };
    open({ language });
    await settle();
    expect(shown("listed")).toBe(true);
    expect(get("listed").textContent).toBe(words);
  });

  it.each(["language model", null, undefined])("says nothing of a list when answers are %s", async (answers) => {
    info = { ...READY, answers };
    open();
    await settle();
    expect(shown("listed")).toBe(false);
  });

  it("says when the server does not answer", async () => {
    info = null;
    open();
    await settle();
    expect(document.body.textContent).toContain("The server does not answer");
  });

  it("names the address as the cause on an insecure origin, and begins without the microphone", async () => {
    vi.stubGlobal("isSecureContext", false);
    const it = await begin();
    expect(get("error").textContent).toContain(location.origin);
    expect(it.options.microphone).toBe(false);
    expect(get("error").textContent).toContain("you can write");
  });
});

describe("the conversation", () => {
  it("begins with the address's wishes", async () => {
    const it = await begin({ door: "ws", persona: "guide", language: "zh" });
    expect(it.options).toMatchObject({ door: "ws", persona: "guide", language: "zh", microphone: true });
    expect(window.visavis).toBe(it);
  });

  it("shows the state, in a word that no language changes", async () => {
    const it = await begin({ language: "zh" });
    for (const state of ["thinking", "speaking", "idle", "listening"] as const) {
      it.emit("state", { state, gen: 1 });
      await settle();
      expect(get("state").textContent).toBe(state);
    }
    expect(document.querySelector("[role=status]")!.textContent).toBe("正在听");
  });

  it("shows connection and door in words", async () => {
    const it = await begin();
    expect(get("connection").textContent).toBe("Connected directly (WebRTC)");
    it.options.onConnection?.({ status: "reconnecting" });
    await settle();
    expect(get("connection").textContent).toBe("Reconnecting…");
    it.options.onConnection?.({ status: "connected", door: "ws" });
    await settle();
    expect(get("connection").textContent).toBe("Connected by WebSocket");
  });

  it("shows both sides as they grow, in one order, and announces final lines once", async () => {
    const it = await begin();
    it.emit("user_text", { id: "u1", text: "what is", final: false, via: "voice" });
    await settle();
    expect(lines("user")[0]!.dataset["final"]).toBe("false");
    it.emit("user_text", { id: "u1", text: "What is it?", final: true, via: "voice", language: "en" });
    it.emit("agent_text", { id: "a1", gen: 1, text: "A mountain", final: false });
    await settle();
    expect(lines("user").map((l) => l.dataset["final"])).toEqual(["true"]);
    expect(lines("agent")[0]!.textContent).toBe("A mountain");
    const live = document.querySelector('[aria-live="polite"]')!;
    expect(live.textContent).toBe("You: What is it?");
    it.emit("agent_text", { id: "a1", gen: 1, text: "A mountain.", final: true });
    await settle();
    expect(live.textContent).toBe("Vera: A mountain.");
    expect(document.querySelector(".lines")!.getAttribute("aria-owns")).toBe([...lines("user"), ...lines("agent")].map((l) => l.parentElement!.id).join(" "));
  });

  it("never reads text as markup", async () => {
    const it = await begin();
    it.emit("agent_text", { id: "a1", gen: 1, text: "<img src=x onerror=alert(1)>", final: true });
    await settle();
    expect(lines("agent")[0]!.querySelector("img")).toBeNull();
    expect(lines("agent")[0]!.textContent).toContain("<img");
  });

  it("marks each line with the language it is written in", async () => {
    const it = await begin();
    it.emit("user_text", { id: "u1", text: "什么是 AI？", final: true, via: "voice" });
    it.emit("agent_text", { id: "a1", gen: 1, text: "A machine that…", final: true });
    await settle();
    expect(lines("user")[0]!.lang).toBe("zh-CN");
    expect(lines("agent")[0]!.lang).toBe("en");
  });

  it("marks an answer that was cut", async () => {
    const it = await begin();
    it.emit("agent_text", { id: "a1", gen: 1, text: "The long sto", final: false });
    it.emit("interrupt", { gen: 2, cut_t: 0, reason: "voice" });
    await settle();
    expect(lines("agent")[0]!.dataset["final"]).toBe("true");
    expect(lines("agent")[0]!.textContent).toBe("The long sto");
    expect(lines("agent")[0]!.parentElement!.textContent).toContain("interrupted");
  });

  it("sends what was written, once, and nothing blank", async () => {
    const it = await begin();
    await write("  Hello  ");
    expect(get<HTMLInputElement>("text-input").value).toBe("");
    await write("   ");
    expect(it.sent).toEqual(["Hello"]);
  });

  it("begins without the microphone for whoever writes first", async () => {
    open();
    await settle();
    await write("Hello");
    expect(session().options.microphone).toBe(false);
    expect(session().sent).toEqual(["Hello"]);
    expect(get<HTMLButtonElement>("mute").disabled).toBe(true);
  });

  it("interrupts by button and by Escape, but not while an input method is choosing", async () => {
    const it = await begin();
    get("interrupt").click();
    press({ key: "Escape" }, get("text-input"));
    press({ key: "Escape", isComposing: true }, get("text-input"));
    expect(it.calls).toEqual(["interrupt", "interrupt"]);
  });

  it("mutes by button and by Alt+M, never by a bare letter", async () => {
    const it = await begin();
    get("mute").click();
    await settle();
    expect([it.muted, get("mute").getAttribute("aria-pressed"), get("mute").getAttribute("aria-label")]).toEqual([true, "true", "Unmute the microphone"]);
    press({ code: "KeyM", key: "µ", altKey: true });
    expect(it.muted).toBe(false);
    press({ code: "KeyM", key: "m" });
    expect(it.muted).toBe(false);
  });

  it("changes language for the ear and the eye, and keeps it in the address", async () => {
    const it = await begin();
    const select = get<HTMLSelectElement>("language");
    select.value = "zh";
    select.dispatchEvent(new Event("change"));
    await settle();
    expect(it.calls).toEqual(["language zh"]);
    expect(document.documentElement.lang).toBe("zh-CN");
    expect(get("text-input").getAttribute("placeholder")).toBe("输入消息");
    expect(location.search).toBe("?lang=zh");
  });

  it.each([["auto", "is recorded on this server, as sound and as text"], ["zh", "会录音"]] as const)("says before a conversation that it is recorded (%s)", async (language, words) => {
    info = { ...READY, stored: true, recorded: true };
    open({ language });
    await settle();
    expect(document.body.textContent).toContain(words);
    expect(document.body.textContent).not.toContain("is stored");
  });

  it("shows what the session says of recording, whatever the server said before", async () => {
    recorded = true;
    await begin();
    expect(document.body.textContent).toContain("is recorded on this server");
  });

  it("believes a session that says that it is not recorded", async () => {
    info = { ...READY, recorded: true };
    await begin();
    expect(document.body.textContent).toContain("is stored on this server");
  });

  it("shows what the session says of storage", async () => {
    await begin();
    expect(document.body.textContent).toContain("is stored on this server");
  });

  it("ends when asked, lets go of the session, and offers another", async () => {
    const it = await begin();
    it.emit("agent_text", { id: "a1", gen: 1, text: "Well", final: false });
    get("end").click();
    await settle();
    expect(it.calls).toEqual(["close"]);
    expect(it.listening).toBe(0);
    expect(lines("agent")[0]!.dataset["final"]).toBe("true");
    expect(get("start").textContent).toBe("Start again");
    get("start").click();
    await settle();
    expect(sessions).toHaveLength(2);
    expect(shown("start")).toBe(false);
  });
});

describe("the turns' times", () => {
  const STAGES = { silence: 130, transcript: 210, asked: 212, first_token: 330, commit: 402, first_chunk: 560, first_sound: 600, out: 612 };
  const panel = (): HTMLElement | null => get("waterfall-panel");
  const rows = (): HTMLElement[] => [...panel()!.querySelectorAll<HTMLElement>('[data-testid="waterfall-turn"]')];
  const open = (): boolean => panel() !== null && shown("waterfall-panel");
  const key = async (): Promise<void> => {
    press({ code: "KeyW", key: "∑", altKey: true });
    await vi.dynamicImportSettled();
    await settle();
  };
  const answered = (it: TestSession, gen: number, question: string, stages: Record<string, number> = STAGES): void => {
    it.emit("user_text", { id: `u${gen}`, text: question, final: true, via: "voice" });
    it.emit("message", { v: 1, type: "turn_stages", gen, seq: gen, t: 48_000, d: { stages } });
  };

  it("are asked for from the beginning", async () => {
    expect((await begin()).options.wants).toEqual(["stages"]);
  });

  it("show by Alt+W, wherever the letter lies, and never by a bare one; Escape closes them before it interrupts", async () => {
    const it = await begin();
    press({ code: "KeyW", key: "w" });
    await settle();
    expect(get("waterfall").getAttribute("aria-expanded")).toBe("false");
    await key();
    expect(open()).toBe(true);
    expect(panel()!.textContent).toContain("Ask something aloud");
    expect(document.activeElement).toBe(panel());
    press({ key: "Escape" });
    await settle();
    expect(open()).toBe(false);
    expect(it.calls).toEqual([]);
    press({ key: "Escape" });
    expect(it.calls).toEqual(["interrupt"]);
    press({ code: "KeyZ", key: "w", altKey: true });
    await settle();
    expect(open()).toBe(true);
    press({ code: "KeyW", key: "w", altKey: true, ctrlKey: true });
    await settle();
    expect(open()).toBe(true);
  });

  it("open and close by their buttons; the focus goes in and comes back", async () => {
    await begin();
    get("waterfall").focus();
    get("waterfall").click();
    await vi.dynamicImportSettled();
    await settle();
    expect(open()).toBe(true);
    expect(get("waterfall").getAttribute("aria-expanded")).toBe("true");
    expect(document.getElementById(get("waterfall").getAttribute("aria-controls")!)!.contains(panel())).toBe(true);
    expect(document.activeElement).toBe(panel());
    get("waterfall-close").click();
    await settle();
    expect(open()).toBe(false);
    expect(document.activeElement).toBe(get("waterfall"));
  });

  it("are a row a turn, the newest first, with bars, a total, and the same in figures", async () => {
    const it = await begin();
    answered(it, 1, "What is the capital of France?");
    answered(it, 2, "一个星期有几天？", { silence: 100, commit: 480, out: 900 });
    await key();
    expect(rows().map((row) => row.querySelector("summary")!.textContent)).toEqual(["一个星期有几天？sent after 900 ms", "What is the capital of France?sent after 612 ms"]);
    const bars = [...rows()[1]!.querySelectorAll<HTMLElement>('[data-testid="waterfall-bar"]')];
    expect(bars.map((bar) => bar.dataset["stage"])).toEqual(["silence", "transcript", "asked", "first_token", "commit", "first_chunk", "first_sound", "out"]);
    expect(bars.map((bar) => bar.style.left)).toEqual(["0.000%", "13.000%", "21.000%", "21.200%", "33.000%", "40.200%", "56.000%", "60.000%"]);
    expect(bars[0]!.style.width).toBe("13.000%");
    const figures = [...rows()[1]!.querySelectorAll("tbody tr")].map((row) => [...row.children].map((cell) => cell.textContent));
    expect(figures[0]).toEqual(["pause noticed", "130 ms", "+130"]);
    expect(figures.at(-1)).toEqual(["sound sent", "612 ms", "+12"]);
    expect(panel()!.querySelectorAll(".waterfall-legend li")).toHaveLength(8);
  });

  it("say when the answer was heard, once it was, and keep the row that is being read", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
    const it = await begin();
    await key();
    answered(it, 1, "What is it?");
    await settle();
    const [row] = rows();
    row!.querySelector("details")!.open = true;
    const came = performance.now() - 20;
    for (let i = 0; i < 20; i++) {
      it.heard = 48_000 + (performance.now() - came - 75) * 48;
      await vi.advanceTimersByTimeAsync(50);
    }
    expect(rows()).toEqual([row]);
    expect(row!.querySelector("details")!.open).toBe(true);
    const ms = Number(/heard after (\d+) ms/.exec(row!.textContent)?.[1]);
    expect(Math.abs(ms - (612 + 75))).toBeLessThanOrEqual(51);
  });

  it("are ten at most, of all conversations, and in the language of the page", async () => {
    const first = await begin();
    for (let gen = 1; gen <= 8; gen++) answered(first, gen, `Question ${gen}`);
    get("end").click();
    await settle();
    get("start").click();
    await settle();
    for (let gen = 1; gen <= 4; gen++) answered(session(), gen, `Again ${gen}`);
    await key();
    expect(rows()).toHaveLength(10);
    expect(rows()[0]!.textContent).toContain("Again 4");
    expect(rows().at(-1)!.textContent).toContain("Question 3");
    const select = get<HTMLSelectElement>("language");
    select.value = "zh";
    select.dispatchEvent(new Event("change"));
    await settle();
    expect(panel()!.textContent).toContain("应答时间");
    expect(rows()[0]!.textContent).toMatch(/612\s*毫秒后发出/);
  });
});

describe("coming back", () => {
  const old: Ticket = { session_id: "s-old", secret: "secret", number: 3, expires: Infinity };
  const said = [
    { who: "user", text: "What is it?", interrupted: false },
    { who: "agent", text: "A moun", interrupted: true },
  ] as const;
  const texts = (): (string | null)[] => [...document.querySelectorAll('[data-testid="line"]')].map((line) => line.textContent);
  const back = (it: TestSession, omitted = 0): void => it.emit("restored", { round: 2, loop: 1, lines: [...said], omitted, commands: [] });

  it("goes on by itself when the page was loaded again, with the microphone if nobody has to be asked", async () => {
    ticket = old;
    open();
    await settle();
    const it = session();
    expect([it.id, it.options.microphone, it.options.resume !== undefined]).toEqual(["s-old", true, true]);
    back(it);
    await settle();
    expect(texts()).toEqual(["What is it?", "A moun"]);
    expect(get("news").textContent).toBe("The conversation goes on.");
    expect(lines("agent")[0]!.parentElement!.textContent).toContain("interrupted");
    expect(document.querySelector('[aria-live="polite"]')!.textContent).toBe("");
    expect(shown("error")).toBe(false);
  });

  it("waits until the server is ready, and says what it is about to do", async () => {
    ticket = old;
    info = { ...READY, ready: false };
    open({ language: "zh" });
    await settle();
    expect(sessions).toHaveLength(0);
    expect(document.querySelector(".invite")!.textContent).toContain("我都还记得");
    info = READY;
    await vi.advanceTimersByTimeAsync(1100);
    expect(session().id).toBe("s-old");
  });

  it("says that it is reconnecting, and can be stopped for good", async () => {
    ticket = old;
    open();
    await settle();
    const it = session();
    it.options.onConnection?.({ status: "reconnecting", door: "peer" });
    await settle();
    expect(get("connection").textContent).toBe("Reconnecting…");
    get("end").click();
    await settle();
    expect(it.calls).toEqual(["close"]);
    expect(ticket).toBeUndefined();
    expect(get("start").textContent).toBe("Start again");
  });

  it("comes back without the microphone where somebody would be asked, and offers it; the conversation stays the same", async () => {
    ticket = old;
    granted = false;
    open();
    await settle();
    const first = session();
    expect(first.options.microphone).toBe(false);
    expect(get("error").textContent).toContain("I cannot hear you yet");
    expect(get("remedy").textContent).toBe("Turn the microphone on");
    get("remedy").click();
    await settle();
    expect(first.calls).toEqual(["leave"]);
    expect([session().id, session().options.microphone]).toEqual(["s-old", true]);
    expect(shown("error")).toBe(false);
  });

  it("lets the sound go with the next gesture, and only then offers the microphone", async () => {
    ticket = old;
    granted = false;
    open();
    await settle();
    session().emit("error", { code: "autoplay_blocked", message: "x", recoverable: true });
    await settle();
    document.body.click();
    document.body.click();
    await settle();
    expect(session().calls).toEqual(["resume"]);
    expect(get("error").textContent).toContain("I cannot hear you yet");
  });

  it("shows nothing twice, on a page that stayed, and keeps what was said in conversations before", async () => {
    const first = await begin();
    first.emit("user_text", { id: "u1", text: "Earlier", final: true, via: "text" });
    get("end").click();
    await settle();
    get("start").click();
    await settle();
    const it = session();
    it.emit("user_text", { id: "u1", text: "What is it?", final: true, via: "text" });
    it.emit("agent_text", { id: "a1", gen: 1, text: "A mountain is", final: false });
    back(it);
    it.emit("agent_text", { id: "2.a1", gen: 7, text: "A mountain", final: false });
    await settle();
    expect(texts().sort()).toEqual(["A moun", "A mountain", "Earlier", "What is it?"]);
    back(it, 12);
    await settle();
    expect(texts().sort()).toEqual(["A moun", "Earlier", "What is it?"]);
    expect(document.body.textContent).toContain("Earlier lines that are not shown: 12");
    it.emit("user_text", { id: "2.u2", text: "Go on", final: true, via: "text" });
    await settle();
    expect(get("news").textContent).toBe("");
  });

  it("by the button, after the connection was given up, takes the place of what was shown", async () => {
    const it = await begin();
    it.emit("user_text", { id: "u1", text: "What is it?", final: true, via: "text" });
    it.options.onConnection?.({ status: "failed", reason: "unreachable" });
    await settle();
    get("start").click();
    await settle();
    expect(session().id).toBe(it.id);
    back(session());
    await settle();
    expect(texts().sort()).toEqual(["A moun", "What is it?"]);
  });

  it("tells calmly when it cannot be, and keeps what was said on the screen", async () => {
    const it = await begin();
    it.emit("user_text", { id: "u1", text: "Earlier", final: true, via: "text" });
    it.emit("error", { code: "resume_refused", message: "x", recoverable: false });
    it.id = "s-9";
    it.emit("session_lost", { session_id: "s-1", reason: "resume_refused" });
    it.emit("user_text", { id: "2.u1", text: "Again", final: true, via: "text" });
    await settle();
    expect(shown("error")).toBe(false);
    it.emit("session_lost", { session_id: "s-9", reason: "not_kept" });
    await settle();
    expect(get("news").textContent).toBe("The earlier conversation could not be resumed. This is a new one.");
    expect(texts()).toEqual(["Earlier", "Again"]);
  });

  it("is over where another device goes on", async () => {
    const it = await begin();
    ticket = undefined;
    it.emit("error", { code: "taken_over", message: "x", recoverable: false });
    it.options.onConnection?.({ status: "failed", reason: "taken_over" });
    await settle();
    expect(get("error").textContent).toContain("goes on somewhere else");
    expect(get("start").textContent).toBe("Start again");
  });

  it("happens as well on a page that the browser had kept", async () => {
    const it = await begin();
    it.options.onConnection?.({ status: "closed" });
    await settle();
    dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    await settle();
    expect(sessions.map(({ id }) => id)).toEqual([it.id, it.id]);
  });
});

describe("trouble", () => {
  it("is not on the screen when there is none", async () => {
    await begin();
    expect(shown("error")).toBe(false);
  });

  it("tells why no conversation came about, and can start again", async () => {
    connectFails = new ConnectError("busy", "no place");
    open();
    await settle();
    get("start").click();
    await settle();
    expect(shown("error")).toBe(true);
    expect(get("error").textContent).toContain("All places are taken");
    connectFails = null;
    get("start").click();
    await settle();
    expect(shown("error")).toBe(false);
    expect(sessions).toHaveLength(1);
  });

  it("goes on in writing when the microphone is refused, and can try it again", async () => {
    microphoneFails = new MicrophoneError("refused", "no");
    const first = await begin();
    expect(get("error").textContent).toContain("not allowed to use the microphone");
    await write("Hello");
    expect(first.sent).toEqual(["Hello"]);
    microphoneFails = null;
    get("remedy").click();
    await settle();
    expect(first.calls).toEqual(["leave"]);
    expect(session().id).toBe(first.id);
    expect(session().hasMicrophone).toBe(true);
    expect(shown("error")).toBe(false);
  });

  it("goes on in writing when the microphone is lost in the middle", async () => {
    const it = await begin();
    expect(get<HTMLButtonElement>("mute").disabled).toBe(false);
    it.options.onMicrophoneError?.(new MicrophoneError("missing", "unplugged"));
    await settle();
    expect(get<HTMLButtonElement>("mute").disabled).toBe(true);
    expect(get("error").textContent).toContain("No microphone was found");
  });

  it("does not take the last word of a left session for news of the next", async () => {
    const first = await begin();
    get("end").click();
    await settle();
    get("start").click();
    await settle();
    first.options.onConnection?.({ status: "closed", door: "peer" });
    await settle();
    expect(get("connection").dataset["status"]).toBe("connected");
    expect(shown("end")).toBe(true);
  });

  it("clears a passing error with the next answer, and no other", async () => {
    const it = await begin();
    it.emit("error", { code: "asr_failed", message: "x", recoverable: true });
    await settle();
    expect(get("error").textContent).toContain("could not hear");
    it.emit("agent_text", { id: "a1", gen: 1, text: "Yes", final: false });
    await settle();
    expect(shown("error")).toBe(false);
    it.emit("error", { code: "tts_failed", message: "x", recoverable: true });
    it.emit("agent_text", { id: "a1", gen: 1, text: "Yes.", final: true });
    await settle();
    expect(shown("error")).toBe(true);
    get("dismiss").click();
    await settle();
    expect(shown("error")).toBe(false);
  });

  it("says that the connection was lost, or the server's own reason", async () => {
    const it = await begin();
    it.options.onConnection?.({ status: "failed", reason: "heartbeat" });
    await settle();
    expect(get("error").textContent).toContain("connection was lost");
    expect(get("start").textContent).toBe("Continue the conversation");
    get("start").click();
    await settle();
    session().emit("error", { code: "internal", message: "x", recoverable: false });
    session().options.onConnection?.({ status: "failed" });
    await settle();
    expect(get("error").textContent).toContain("The server made a mistake");
  });

  it("lets the sound be turned on where the browser holds it back", async () => {
    const it = await begin();
    it.emit("error", { code: "autoplay_blocked", message: "x", recoverable: true });
    await settle();
    get("remedy").click();
    await settle();
    expect(it.calls).toEqual(["resume"]);
    expect(shown("error")).toBe(false);
  });
});

describe("the face", () => {
  it("shows its viseme, and draws only while the page is visible", async () => {
    const frames: FrameRequestCallback[] = [];
    vi.stubGlobal("requestAnimationFrame", (cb: FrameRequestCallback) => frames.push(cb));
    const cancelled = vi.fn();
    vi.stubGlobal("cancelAnimationFrame", cancelled);
    open();
    await settle();
    expect(get("face").dataset["viseme"]).toBe("0");
    expect(get("face").getAttribute("role")).toBe("img");
    expect(frames).toHaveLength(1);
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(cancelled).toHaveBeenCalled();
    expect(frames).toHaveLength(1);
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("visible");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(frames).toHaveLength(2);
    vi.restoreAllMocks();
  });
});
