/** Joins the SDK's session to the screen: events change the model, the model is drawn, the screen's wishes go to the session. */

import type { connect, ConnectionEvent, ResumeStore, Session } from "@visavis/sdk";
import { closeLines, cutAnswers, hear, keyOf, restore, type Line } from "./captions.ts";
import { Face } from "./face/face.ts";
import { chooseLocale, translator } from "./i18n/index.ts";
import { chooseDoor, pollInfo } from "./info.ts";
import { moodOf, type Model } from "./model.ts";
import { withLanguage, type LanguageChoice, type Options } from "./options.ts";
import { problemOfCode, problemOfError, problemOfMicrophone, problem, type Problem } from "./problems.ts";
import { SaidWord } from "./said.ts";
import { followTurns } from "./turn_times.ts";
import { keepTurn } from "./turns.ts";
import { Screen } from "./view/screen.ts";

export interface Surroundings {
  readonly connect: typeof connect;
  /** The body of `GET /api/info`. */
  readonly askInfo: () => Promise<unknown>;
  readonly options: Options;
  /** Keeps the way back to the conversation when the page is loaded again. */
  readonly tickets: ResumeStore;
  /** Whether the browser gives the microphone without asking. */
  readonly microphoneGranted: () => Promise<boolean>;
  readonly root: HTMLElement;
}

export class App {
  private model: Model;
  private session: Session | null = null;
  private attempt: AbortController | null = null;
  private unsubscribe: (() => void)[] = [];
  /** Counts conversations, so that the lines of one are not taken for those of another. */
  private run = 0;
  /** The session that was talked with last, and the lines of others before it. */
  private known = "";
  private before: readonly Line[] = [];
  private returns = 0;
  private drawing = false;
  private readonly stop = new AbortController();
  private readonly face: Face;
  private readonly screen: Screen;

  constructor(private readonly around: Surroundings) {
    const { language, persona } = around.options;
    const microphonePossible = isSecureContext && navigator.mediaDevices !== undefined;
    this.model = {
      phase: "waiting", info: null, unreachable: false, persona, answering: "", stored: null, recorded: null, language, locale: chooseLocale(language, navigator.languages),
      state: "idle", connection: null, problem: isSecureContext ? null : problem("microphone_insecure_origin", { origin: location.origin }),
      microphonePossible, hasMicrophone: false, muted: false, lines: [], returning: this.waits(), news: null, omitted: 0, turns: [], waterfall: false,
    };
    this.face = new Face(around.options.face ?? (this.model.locale === "zh" ? "mei" : "vera"));
    this.screen = new Screen(this.face, {
      start: () => void this.start(this.model.microphonePossible),
      send: (text) => void this.send(text),
      interrupt: () => this.session?.interrupt(),
      toggleMute: () => this.toggleMute(),
      end: () => void this.end(),
      toggleWaterfall: () => this.change({ waterfall: !this.model.waterfall }),
      chooseLanguage: (choice) => this.chooseLanguage(choice),
      dismiss: () => this.change({ problem: null }),
      remedy: () => this.remedy(),
    }, this.stop.signal);
    around.root.append(this.screen.element);
    this.listen();
    this.draw();
    void this.awaitReady();
  }

  private listen(): void {
    const { signal } = this.stop;
    // A browser that holds the sound back lets it go with the next gesture, wherever it is made.
    for (const gesture of ["click", "keydown"]) document.addEventListener(gesture, () => this.model.problem?.remedy === "sound" && this.sound(), { capture: true, signal });
    // A page that the browser kept and shows again has left its session.
    addEventListener("pageshow", (event) => event.persisted && this.waits() && void this.comeBack(), { signal });
  }

  private waits(): boolean {
    return this.around.tickets.load() !== undefined;
  }

  /** Takes the page down: ends the session, stops drawing, listens to nothing. */
  async destroy(): Promise<void> {
    this.stop.abort();
    this.face.destroy();
    this.screen.element.remove();
    await this.end();
  }

  private change(part: Partial<Model>): void {
    this.model = { ...this.model, ...part };
    if (this.drawing) return;
    this.drawing = true;
    queueMicrotask(() => this.draw());
  }

  private draw(): void {
    this.drawing = false;
    if (this.stop.signal.aborted) return;
    this.face.mood = moodOf(this.model);
    this.screen.render(this.model, translator(this.model.locale));
  }

  private awaitReady(): Promise<void> {
    return pollInfo(
      this.around.askInfo,
      (info) => {
        const ready = info.ready && this.model.phase === "waiting";
        this.change({ info, unreachable: false, ...(ready ? { phase: "ready" as const, returning: this.waits() } : {}) });
        if (ready && this.model.returning) void this.comeBack();
        return info.ready;
      },
      () => this.change({ unreachable: true }),
      this.stop.signal,
    );
  }

  /** Goes on where the page was left, without a question: the microphone only if nobody has to be asked for it. */
  private async comeBack(): Promise<void> {
    const { microphonePossible } = this.model;
    const granted = microphonePossible && (await this.around.microphoneGranted());
    if (this.stop.signal.aborted || this.session !== null) return;
    const session = await this.start(granted);
    if (session !== null && session === this.session && microphonePossible && !granted) this.offerMicrophone();
  }

  private offerMicrophone(): void {
    if (this.model.problem === null) this.change({ problem: problem("microphone_asleep") });
  }

  private async start(microphone: boolean): Promise<Session | null> {
    if (this.model.phase === "connecting" || this.model.phase === "talking") return this.session;
    const run = ++this.run;
    const attempt = new AbortController();
    this.attempt = attempt;
    const keep = this.model.problem?.key.startsWith("microphone_insecure") ? this.model.problem : null;
    this.change({ phase: "connecting", problem: keep, connection: { status: "connecting" }, muted: false, state: "idle", returning: this.waits(), news: null });
    try {
      const session = await this.around.connect({
        door: chooseDoor(this.around.options.door, this.model.info),
        persona: this.model.persona,
        language: this.model.language,
        microphone,
        resume: this.around.tickets,
        // They can be asked for with the hello only, and who opens the view wants the turns before.
        wants: ["stages"],
        onMicrophoneError: (error) => this.change({ problem: problemOfMicrophone(error, location.origin), hasMicrophone: false }),
        // A session that was left may still have a last word; it is not about the new one.
        onConnection: (event) => {
          if (run === this.run) this.onConnection(event);
        },
        signal: attempt.signal,
      });
      this.begin(session);
      return session;
    } catch (error) {
      const why = problemOfError(error);
      this.change({ phase: "over", problem: why, connection: { status: why === null ? "closed" : "failed" }, returning: this.waits() });
      return null;
    }
  }

  private begin(session: Session): void {
    this.session = session;
    window.visavis = session;
    if (session.id !== this.known) this.beginAnew(session);
    this.face.ears = { input: () => session.inputLevel(), output: () => session.outputLevel() };
    const { run } = this;
    const { karaoke } = this.screen;
    const said = new SaidWord();
    this.unsubscribe = [
      session.on("state", ({ state }) => this.change({ state })),
      session.on("user_text", (e) => this.change({ lines: hear(this.model.lines, { ...e, who: "user" }, run), news: null })),
      session.on("agent_text", (e) => {
        const passed = this.model.problem?.passing ? { problem: null } : {};
        this.change({ lines: hear(this.model.lines, { ...e, who: "agent" }, run), ...passed });
      }),
      session.on("restored", ({ lines, omitted }) => {
        karaoke.unmark();
        this.change({ lines: restore(this.before, lines, run, ++this.returns), omitted, news: "back" });
      }),
      session.on("session_lost", () => {
        this.beginAnew(session);
        this.change({ news: "anew" });
      }),
      session.on("viseme", ({ id, weight }) => this.face.setViseme({ id, weight })),
      session.on("subtitle", ({ id, text }) => said.begin(id, text)),
      session.on("word", ({ id, start, length }) => {
        const key = keyOf(run, "agent", id.slice(0, id.lastIndexOf(".")));
        const word = said.word(id, start, length, karaoke.shown(key));
        if (word) karaoke.mark(key, word.start, word.end);
      }),
      session.on("state", ({ state }) => state === "speaking" || karaoke.unmark()),
      session.on("control", ({ name, args, dur }) => {
        if (name === "expression" && typeof args.value === "string") this.face.feel(args.value, 1, dur > 0 ? dur / 48_000 : 6);
      }),
      session.on("emotion", ({ name, intensity, ttl }) => this.face.feel(name, intensity, ttl / 1000)),
      session.on("interrupt", () => this.change({ lines: cutAnswers(this.model.lines) })),
      session.on("error", (e) => {
        // What becomes of a conversation that cannot be resumed is told by `session_lost`.
        if (!e.code.startsWith("resume_")) this.change({ problem: problemOfCode(e.code, e.message) });
      }),
      followTurns(session, run, () => this.model.lines.findLast((line) => line.who === "user")?.text ?? "", (turn) => this.change({ turns: keepTurn(this.model.turns, turn) })),
    ];
    this.change({
      phase: "talking", state: session.state, connection: { status: "connected", door: session.door }, hasMicrophone: session.hasMicrophone, muted: session.muted,
      answering: session.hello.persona.name, stored: session.hello.stored, recorded: session.hello.recorded,
    });
  }

  /** What was shown until now is of other conversations. */
  private beginAnew(session: Session): void {
    this.known = session.id;
    this.before = closeLines(this.model.lines);
    this.change({ lines: this.before, omitted: 0 });
  }

  /** From the first attempt on; the session's own event of the same name says the same again. */
  private onConnection(event: ConnectionEvent): void {
    this.change({ connection: { ...(this.model.connection?.door ? { door: this.model.connection.door } : {}), ...event } });
    if (this.session !== null && (event.status === "closed" || event.status === "failed")) this.over(event);
  }

  private over(event: ConnectionEvent): void {
    const told = this.model.problem;
    const lost = event.status === "failed" ? lostBecause(event.reason) : null;
    this.leave();
    // What the server itself gave as the reason says more than that the line went dead.
    this.change({ problem: lost !== null && told !== null && !told.passing && !told.key.startsWith("microphone_") ? told : lost });
  }

  /** For good: nobody comes back to it. */
  private async end(): Promise<void> {
    this.attempt?.abort();
    this.around.tickets.save(undefined);
    const session = this.session;
    this.leave();
    this.change({ problem: null, connection: { status: "closed" } });
    await session?.close();
  }

  /** Lets go of the session; `window.visavis` keeps it, for its log can still be read. */
  private leave(): void {
    for (const stop of this.unsubscribe.splice(0)) stop();
    this.session = null;
    this.face.ears = { input: () => 0, output: () => 0 };
    this.face.setViseme(null);
    this.screen.karaoke.unmark();
    this.change({ phase: "over", state: "idle", hasMicrophone: false, muted: false, lines: closeLines(this.model.lines), returning: this.waits(), news: null });
  }

  /** Whoever writes first begins a conversation without the microphone. */
  private async send(text: string): Promise<void> {
    const session = this.session ?? (await this.start(false));
    session?.sendText(text);
  }

  private toggleMute(): void {
    if (!this.session?.hasMicrophone) return;
    this.session.setMuted(!this.session.muted);
    this.change({ muted: this.session.muted });
  }

  private chooseLanguage(language: LanguageChoice): void {
    this.session?.setLanguage(language);
    history.replaceState(null, "", withLanguage(location.href, language));
    this.change({ language, locale: chooseLocale(language, navigator.languages) });
  }

  private remedy(): void {
    switch (this.model.problem?.remedy) {
      case "microphone":
        void this.startMicrophone();
        break;
      case "reload":
        location.reload();
        break;
      case "sound":
        this.sound();
        break;
    }
  }

  /** The conversation goes on with it, where it can be resumed. */
  private async startMicrophone(): Promise<void> {
    const session = this.session;
    if (session !== null) {
      this.leave();
      await session.leave();
    }
    this.change({ problem: null });
    await this.start(true);
  }

  private sound(): void {
    this.change({ problem: null });
    void this.session?.resume();
    if (this.session !== null && this.model.microphonePossible && !this.model.hasMicrophone) this.offerMicrophone();
  }
}

function lostBecause(reason: string | undefined): Problem {
  const found = problemOfCode(reason ?? "connection_lost", "");
  return found.key === "other" ? problem("connection_lost") : found;
}

declare global {
  interface Window {
    /** The SDK's session, once there is one. */
    visavis?: Session;
  }
}
