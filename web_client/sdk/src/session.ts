import { base64, toBase64 } from "./base64.js";
import { BlendshapeTrack } from "./driving/blendshapes.js";
import { Driver } from "./driving/driver.js";
import { Emitter, call } from "./emitter.js";
import { Line, type Equipment } from "./line.js";
import { closeContext } from "./media/context.js";
import { Reporter } from "./media/reporter.js";
import { MAX_CONTEXT, MAX_PAGE_BYTES, MAX_TEXT, SessionMachine, type MachineEvent } from "./protocol/index.js";
import type { ClientMessages, ErrorMessage, ServerHello, State } from "./protocol.generated.js";
import type { ConnectionEvent, DoorKind, Language, LogEntry, Session, SessionEvents } from "./types.js";

const MAX_LOG = 1_000;

const utf8 = new TextEncoder();

/** Joins the protocol's machine, a door, and the user. */
export class LiveSession implements Session {
  readonly #equipment: Equipment;
  readonly #machine = new SessionMachine();
  readonly #emitter = new Emitter<SessionEvents>();
  readonly #log: LogEntry[] = [];
  readonly #driver = new Driver(() => this.heardMedia(), {
    viseme: (event) => this.#emitter.emit("viseme", event),
    control: (event) => this.#emitter.emit("control", event),
    emotion: (event) => this.#emitter.emit("emotion", event),
    subtitle: (event) => this.#emitter.emit("subtitle", event),
    word: (event) => this.#emitter.emit("word", event),
  });
  readonly #line: Line;
  readonly #playout = new Reporter(
    () => this.heardMedia(),
    // In a room nothing is known of the ear before a second of speech.
    () => (this.door === "livekit" && this.#equipment.context.state === "running" ? this.#driver.now() : null),
    (playout) => this.#send("playout", playout),
  );
  #face: BlendshapeTrack | undefined;
  #begun = false;
  #muted = false;
  #texts = 0;

  /** Opens the first connection. Rejects with a `ConnectError`; the equipment then still belongs to the caller. */
  static async open(equipment: Equipment): Promise<LiveSession> {
    const session = new LiveSession(equipment);
    await session.#line.open();
    session.#start();
    // The caller listens as soon as it has the session: nothing is told before.
    setTimeout(() => session.#emitter.release());
    return session;
  }

  private constructor(equipment: Equipment) {
    this.#equipment = equipment;
    this.#line = new Line(equipment, this.#machine, {
      text: (json) => this.#handle(this.#machine.receive(json)),
      face: ({ gen, seq, t, payload }) => {
        if (this.#machine.admits(gen)) this.#face?.add(gen, seq, t, payload);
      },
      trouble: (code, message) => this.#emitter.emit("error", { code, message, recoverable: true }),
      connection: (event) => this.#tell(event),
      met: () => this.#switchMicrophone(),
      failed: (reason) => void this.#end("failed", reason),
    });
    this.#emitter.hold();
    equipment.options.signal?.addEventListener("abort", () => void (this.#begun ? this.close() : this.leave()), { signal: this.#line.ended });
  }

  get id(): string {
    return this.hello.session_id;
  }
  get resumed(): boolean {
    return this.hello.resumed ?? false;
  }
  get door(): DoorKind {
    return this.#line.kind;
  }
  get state(): State {
    return this.#machine.state;
  }
  get hello(): ServerHello {
    return this.#machine.hello!; // there is no session before the server's hello
  }
  get log(): readonly LogEntry[] {
    return this.#log;
  }
  get muted(): boolean {
    return this.#muted;
  }
  get hasMicrophone(): boolean {
    return this.#equipment.microphone?.live ?? false;
  }

  on<K extends keyof SessionEvents>(event: K, fn: (e: SessionEvents[K]) => void): () => void {
    return this.#emitter.on(event, fn);
  }

  sendText(text: string): void {
    const trimmed = text.trim();
    if (trimmed === "") return;
    if ([...trimmed].length > MAX_TEXT) throw new RangeError(`expected at most ${MAX_TEXT} characters, not ${[...trimmed].length}`);
    this.#send("text_input", { text: trimmed, id: `t${++this.#texts}` });
  }

  interrupt(): void {
    this.#silence(this.#machine.gen + 1);
    this.#handle(this.#machine.interrupt());
    this.#send("interrupt", {});
  }

  setMuted(muted: boolean): void {
    if (muted === this.#muted) return;
    this.#muted = muted;
    this.#switchMicrophone();
  }

  setLanguage(language: Language): void {
    this.#line.language = language;
    this.#send("settings", { language });
  }

  updateContext(context: { version: number; text: string; ttl_ms?: number; source?: string }): void {
    const { length } = [...context.text];
    if (length > MAX_CONTEXT) throw new RangeError(`expected at most ${MAX_CONTEXT} characters of context, not ${length}`);
    this.#send("context_update", context);
  }

  uiEvent(name: string, data: object = {}): void {
    this.#send("ui_event", { name, data: { ...data } });
  }

  reportPage(round: number, version: number, content: Uint8Array | string): void {
    const bytes = typeof content === "string" ? utf8.encode(content) : content;
    if (bytes.byteLength > MAX_PAGE_BYTES) throw new RangeError(`expected at most ${MAX_PAGE_BYTES} bytes of page, not ${bytes.byteLength}`);
    this.#send("page_state", { round, version, content: toBase64(bytes) });
  }

  heardMedia(): number | null {
    return this.#line.door?.speaker.heard() ?? null;
  }

  blendshapes(): Float32Array | null {
    const now = this.#driver.now();
    return now === null ? null : (this.#face?.at(now) ?? null);
  }

  outputLevel(): number {
    return this.#line.door?.speaker.level() ?? 0;
  }

  inputLevel(): number {
    return this.#equipment.microphone?.level() ?? 0;
  }

  async resume(): Promise<void> {
    await this.#line.door?.speaker.resume();
  }

  async close(): Promise<void> {
    if (this.#line.ended.aborted) return;
    this.#line.forget();
    this.#send("goodbye", {});
    await this.#end("closed", undefined, true);
  }

  async leave(): Promise<void> {
    if (!this.#line.ended.aborted) await this.#end("closed");
  }

  async #end(status: "closed" | "failed", reason?: string, politely = false): Promise<void> {
    const closed = this.#line.close(politely);
    this.#playout.close();
    this.#driver.close();
    const { microphone, context } = this.#equipment;
    microphone?.close();
    await closed;
    await closeContext(context);
    this.#tell({ status, door: this.door, ...(reason === undefined ? {} : { reason }) });
  }

  #start(): void {
    this.#begun = true;
    this.#playout.start();
    const { ended } = this.#line;
    this.#equipment.microphone?.track.addEventListener("ended", () => this.#microphoneLost(), { signal: ended });
    // So that the server need not wait for a silence to know.
    globalThis.addEventListener?.("pagehide", () => void this.leave(), { signal: ended });
  }

  #handle(events: MachineEvent[]): void {
    for (const event of events) this.#apply(event);
  }

  #apply(event: MachineEvent): void {
    switch (event.type) {
      case "hello":
        this.#greeted(event);
        break;
      case "resume_secret":
        this.#line.keep(event);
        break;
      case "restore": {
        const { type: _, ...restored } = event;
        this.#emitter.emit("restored", restored);
        break;
      }
      case "page_request":
        this.#emitter.emit("page_request", { round: event.round });
        break;
      case "round": {
        const { type: _, ...round } = event;
        this.#emitter.emit("round", round);
        break;
      }
      case "state":
        this.#emitter.emit("state", { state: event.state, gen: event.gen });
        break;
      case "user_text": {
        const { type: _, ...text } = event;
        this.#emitter.emit("user_text", text);
        break;
      }
      case "agent_text": {
        const { type: _, ...text } = event;
        this.#emitter.emit("agent_text", text);
        break;
      }
      case "generation_start":
        this.#line.door?.speaker.begin(event.gen, event.t0);
        this.#playout.begin(event.gen, event.t0);
        this.#driver.begin(event.t0);
        break;
      case "generation_end":
        this.#playout.end(event.gen, event.t_end);
        break;
      case "hold":
        this.#playout.report();
        this.#line.door?.speaker.hold();
        this.#driver.hold(event.cut_t);
        this.#face?.cut(event.cut_t);
        this.#emitter.emit("hold", { gen: event.gen, cut_t: event.cut_t });
        break;
      case "resume":
        this.#line.door?.speaker.goOn(event.gen, event.t0);
        this.#driver.resume(event.t0, event.from_t);
        this.#emitter.emit("resume", { gen: event.gen, t0: event.t0 });
        break;
      case "interrupt":
        this.#silence(event.gen);
        this.#emitter.emit("interrupt", { gen: event.gen, cut_t: event.cut_t, reason: event.reason });
        break;
      case "visemes":
        this.#driver.visemes(event.gen, event.t, event.ev);
        break;
      case "emotion": {
        const { type: _, ...emotion } = event;
        this.#driver.emotion(emotion);
        break;
      }
      case "control": {
        const { type: _, ...control } = event;
        this.#driver.control(control);
        break;
      }
      case "subtitle":
        this.#driver.subtitle(event.gen, event.t, event.id, event.text, event.words);
        break;
      case "audio":
        this.#line.door?.audio?.(event.gen, event.t, event.chunk);
        break;
      case "clock":
        this.#line.door?.clock?.(event.rtp, event.t);
        break;
      case "media_fp":
        this.#line.door?.marks?.(event.i0, base64(event.b64) ?? new Uint8Array());
        break;
      case "error":
        this.#refused(event);
        break;
      case "message":
        this.#log.push({ at: performance.timeOrigin + performance.now(), message: event.message });
        if (this.#log.length > MAX_LOG) this.#log.shift();
        this.#emitter.emit("message", event.message);
        break;
      case "pong":
      case "context_ack":
        break;
    }
  }

  #greeted({ hello, fresh, moved }: Extract<MachineEvent, { type: "hello" }>): void {
    if (fresh || moved) {
      this.#playout.reset();
      this.#driver.purge(Infinity);
    }
    this.#face = hello.blendshapes?.length ? new BlendshapeTrack(hello.blendshapes.length) : undefined;
    const lost = this.#line.greeted(hello, fresh || moved);
    if (hello.resumed) this.#playout.arrive(this.#machine.gen);
    if (lost) this.#emitter.emit("session_lost", lost);
  }

  #refused(error: ErrorMessage): void {
    if (this.#line.refused(error)) return;
    const { code, message, recoverable, retry_ms } = error;
    this.#emitter.emit("error", { code, message, recoverable, ...(retry_ms === undefined ? {} : { retry_ms }) });
  }

  /** Nothing older than `minGen` is heard any more; the server learns what was. */
  #silence(minGen: number): void {
    const last = this.#playout.cut(minGen);
    this.#line.door?.speaker.purge(minGen);
    this.#driver.purge(minGen);
    this.#face?.purge(minGen);
    if (last) this.#send("playout", last);
  }

  #switchMicrophone(): void {
    const { microphone } = this.#equipment;
    if (!microphone?.live) return;
    microphone.track.enabled = !this.#muted;
    this.#send(this.#muted ? "stop_listen" : "start_listen", {});
  }

  #microphoneLost(): void {
    this.#send("stop_listen", {});
    this.#emitter.emit("error", { code: "microphone_lost", message: "the microphone has gone; plug it in and connect again, or type", recoverable: true });
  }

  #tell(event: ConnectionEvent): void {
    const { onConnection } = this.#equipment.options;
    if (onConnection) call(onConnection, event);
    this.#emitter.emit("connection", event);
  }

  #send<T extends keyof ClientMessages>(type: T, d: ClientMessages[T]): void {
    this.#line.send(type, d);
  }
}
