import { base64 } from "./base64.js";
import { Backoff } from "./backoff.js";
import type { Dial } from "./dial.js";
import { BlendshapeTrack } from "./driving/blendshapes.js";
import { Driver } from "./driving/driver.js";
import type { Dispatch, Door, DoorEvents, DoorSetting } from "./doors/door.js";
import { Held } from "./doors/held.js";
import { Emitter, call } from "./emitter.js";
import { ConnectError } from "./errors.js";
import { Heartbeat } from "./heartbeat.js";
import { closeContext } from "./media/context.js";
import type { Microphone } from "./media/microphone.js";
import { PlayoutReports } from "./media/playout.js";
import { MAX_CONTEXT, MAX_TEXT, SessionMachine, type MachineEvent } from "./protocol/index.js";
import type { ClientHello, ClientMessages, Playout, ServerHello, State } from "./protocol.generated.js";
import { pause, within } from "./timing.js";
import { fetchToken } from "./token.js";
import type { ConnectOptions, ConnectionEvent, DoorKind, Language, LogEntry, Session, SessionEvents, TokenResponse } from "./types.js";

export const SDK = "visavis-web/0.1.0";
const HELLO_MS = 10_000;
/** In a room, what is sent before the other side can hear it is lost: hello is said again. */
const HELLO_AGAIN_MS = 2_000;
const PLAYOUT_MS = 500;
const HEARTBEAT_MS = 5_000;
const MAX_LOG = 1_000;

/** What lasts as long as the session, whatever becomes of its connections. */
export interface Equipment {
  base: URL;
  context: AudioContext;
  microphone: Microphone | undefined;
  options: ConnectOptions;
  /** Opens a door. */
  dial: Dial;
}

/** Joins the protocol's machine, a door, and the user. */
export class LiveSession implements Session {
  readonly #equipment: Equipment;
  readonly #machine = new SessionMachine();
  readonly #emitter = new Emitter<SessionEvents>();
  readonly #log: LogEntry[] = [];
  readonly #ending = new AbortController();
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  readonly #driver = new Driver(() => this.heardMedia(), {
    viseme: (event) => this.#emitter.emit("viseme", event),
    control: (event) => this.#emitter.emit("control", event),
    emotion: (event) => this.#emitter.emit("emotion", event),
    subtitle: (event) => this.#emitter.emit("subtitle", event),
    word: (event) => this.#emitter.emit("word", event),
  });
  #face: BlendshapeTrack | undefined;
  #heartbeat = new Heartbeat();
  #playout = new PlayoutReports();
  #door: Door | undefined;
  #kind: DoorKind = "peer";
  #language: Language | undefined;
  #muted = false;
  #texts = 0;
  /** The server's hello, or its refusal, while a connection begins. */
  #greeting: { resolve: () => void; reject: (error: Error) => void } | undefined;

  /** Opens the first connection. Rejects with a `ConnectError`; the equipment then still belongs to the caller. */
  static async open(equipment: Equipment): Promise<LiveSession> {
    const session = new LiveSession(equipment);
    try {
      await session.#connect();
    } catch (error) {
      session.#ending.abort(error);
      throw error;
    }
    session.#start();
    // The caller listens as soon as it has the session: nothing is told before.
    setTimeout(() => session.#emitter.release());
    return session;
  }

  private constructor(equipment: Equipment) {
    this.#equipment = equipment;
    const { language, signal } = equipment.options;
    this.#language = language;
    this.#emitter.hold();
    signal?.addEventListener("abort", () => void this.close(), { signal: this.#ending.signal });
  }

  get id(): string {
    return this.hello.session_id;
  }
  get door(): DoorKind {
    return this.#kind;
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
    this.#language = language;
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

  heardMedia(): number | null {
    return this.#door?.speaker.heard() ?? null;
  }

  blendshapes(): Float32Array | null {
    const now = this.#driver.now();
    return now === null ? null : (this.#face?.at(now) ?? null);
  }

  outputLevel(): number {
    return this.#door?.speaker.level() ?? 0;
  }

  inputLevel(): number {
    return this.#equipment.microphone?.level() ?? 0;
  }

  async resume(): Promise<void> {
    await this.#door?.speaker.resume();
  }

  async close(): Promise<void> {
    if (this.#ending.signal.aborted) return;
    await this.#end("closed");
  }

  async #end(status: "closed" | "failed", reason?: string): Promise<void> {
    this.#ending.abort(new ConnectError("aborted", "the session was closed"));
    for (const timer of this.#timers) clearInterval(timer);
    this.#driver.close();
    const door = this.#door;
    this.#door = undefined;
    await door?.close();
    const { microphone, context } = this.#equipment;
    microphone?.close();
    await closeContext(context);
    this.#tell({ status, door: this.#kind, ...(reason === undefined ? {} : { reason }) });
  }

  #start(): void {
    this.#timers.push(setInterval(() => this.#report(this.#playout.tick(this.heardMedia())), PLAYOUT_MS));
    this.#timers.push(setInterval(() => this.#beat(), HEARTBEAT_MS));
    this.#equipment.microphone?.track.addEventListener("ended", () => this.#microphoneLost(), { signal: this.#ending.signal });
    // So that the server need not wait for a silence to know.
    globalThis.addEventListener?.("pagehide", () => void this.close(), { signal: this.#ending.signal });
  }

  /** One connection: a door, then the greetings. */
  async #connect(): Promise<void> {
    const held = new Held(this.#events());
    const door = await this.#dial(held);
    this.#door = door;
    this.#machine.reconnected();
    const greeted = new Promise<void>((resolve, reject) => {
      this.#greeting = { resolve, reject };
    });
    const silent = (): ConnectError => new ConnectError("timeout", `the server did not greet within ${HELLO_MS / 1000} s`);
    const greeting = within(HELLO_MS, silent, greeted, this.#ending.signal);
    const introduce = (): void => this.#send("hello", this.#introduction());
    const again = door.kind === "livekit" ? setInterval(introduce, HELLO_AGAIN_MS) : undefined;
    try {
      introduce();
      held.release();
      await greeting;
    } catch (error) {
      this.#door = undefined;
      await door.close();
      throw error;
    } finally {
      clearInterval(again);
      this.#greeting = undefined;
    }
    this.#heartbeat = new Heartbeat();
    this.#switchMicrophone();
    this.#tell({ status: "connected", door: door.kind });
  }

  #dial(events: DoorEvents): Promise<Door> {
    const { base, context, microphone, options, dial } = this.#equipment;
    const { signal } = this.#ending;
    let granted: Promise<TokenResponse> | undefined;
    const setting: DoorSetting = {
      base,
      context,
      microphone,
      events,
      signal,
      room: options.room,
      dispatch: this.#dispatch(),
      token: (dispatch) => (granted ??= fetchToken(options.tokenSource, base, signal, dispatch)),
      admits: (gen) => this.#machine.admits(gen),
    };
    return dial(options.room ? "livekit" : (options.door ?? "auto"), setting, (kind) => {
      this.#kind = kind;
      // Nobody else can listen yet.
      if (this.#machine.hello === undefined && options.onConnection) call(options.onConnection, { status: "connecting", door: kind });
    });
  }

  #introduction(): ClientHello {
    const { wants = [] } = this.#equipment.options;
    const hello: ClientHello = { ...this.#dispatch(), wants: [...new Set([...wants, "binary"])], sdk: SDK, audio: { up: "pcm", down: "pcm" } };
    if (this.#machine.hello) hello.session_id = this.#machine.hello.session_id;
    return hello;
  }

  #dispatch(): Dispatch {
    const { persona } = this.#equipment.options;
    return { ...(persona === undefined ? {} : { persona }), ...(this.#language === undefined ? {} : { language: this.#language }) };
  }

  #events(): DoorEvents {
    return {
      text: (json) => {
        this.#heartbeat.heard();
        this.#handle(this.#machine.receive(json));
      },
      face: ({ gen, seq, t, payload }) => {
        if (this.#machine.admits(gen)) this.#face?.add(gen, seq, t, payload);
      },
      status: (status) => {
        // What was said in a room while we were away is lost: a hello has it told again.
        if (status === "connected" && this.#kind === "livekit" && !this.#greeting) this.#send("hello", this.#introduction());
        this.#tell({ status, door: this.#kind, ...(status === "reconnecting" ? { reason: "network" } : {}) });
      },
      trouble: (code, message) => this.#emitter.emit("error", { code, message, recoverable: true }),
      closed: (reason) => this.#lost(reason),
    };
  }

  #lost(reason: string): void {
    this.#door = undefined;
    if (this.#greeting) this.#greeting.reject(new ConnectError(reason === "connection_lost" ? "unreachable" : reason, "the server closed the door"));
    else void this.#comeBack(reason);
  }

  async #comeBack(reason: string): Promise<void> {
    const { signal } = this.#ending;
    if (signal.aborted) return;
    this.#tell({ status: "reconnecting", door: this.#kind, reason });
    const backoff = new Backoff();
    let failure: ConnectError | undefined;
    for (;;) {
      const wait = backoff.next(Math.random(), failure);
      if (wait === undefined) break;
      try {
        await pause(wait, signal);
        await this.#connect();
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof ConnectError)) throw error;
        failure = error;
      }
    }
    await this.#end("failed", failure?.code ?? reason);
  }

  #handle(events: MachineEvent[]): void {
    for (const event of events) this.#apply(event);
  }

  #apply(event: MachineEvent): void {
    switch (event.type) {
      case "hello":
        if (event.fresh) {
          this.#playout = new PlayoutReports();
          this.#driver.purge(Infinity);
        }
        this.#face = this.hello.blendshapes?.length ? new BlendshapeTrack(this.hello.blendshapes.length) : undefined;
        this.#greeting?.resolve();
        break;
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
        this.#door?.speaker.begin(event.gen, event.t0);
        this.#playout.begin(event.gen, event.t0);
        this.#driver.begin(event.t0);
        break;
      case "generation_end":
        this.#playout.end(event.gen, event.t_end);
        break;
      case "hold":
        this.#report(this.#playout.tick(this.heardMedia()));
        this.#door?.speaker.hold();
        this.#driver.hold(event.cut_t);
        this.#face?.cut(event.cut_t);
        this.#emitter.emit("hold", { gen: event.gen, cut_t: event.cut_t });
        break;
      case "resume":
        this.#door?.speaker.goOn(event.gen, event.t0);
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
        this.#door?.audio?.(event.gen, event.t, event.chunk);
        break;
      case "clock":
        this.#door?.clock?.(event.rtp, event.t);
        break;
      case "media_fp":
        this.#door?.marks?.(event.i0, base64(event.b64) ?? new Uint8Array());
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

  #refused({ code, message, recoverable, retry_ms }: { code: string; message: string; recoverable: boolean; retry_ms?: number }): void {
    if (this.#greeting && !recoverable) this.#greeting.reject(new ConnectError(code, message, { retryMs: retry_ms }));
    else this.#emitter.emit("error", { code, message, recoverable, ...(retry_ms === undefined ? {} : { retry_ms }) });
  }

  /** Nothing older than `minGen` is heard any more; the server learns what was. */
  #silence(minGen: number): void {
    const report = this.#playout.interrupt(minGen, this.heardMedia());
    this.#door?.speaker.purge(minGen);
    this.#driver.purge(minGen);
    this.#face?.purge(minGen);
    this.#report(report);
  }

  #report(playout: Playout | undefined): void {
    if (playout) this.#send("playout", playout);
  }

  #beat(): void {
    const door = this.#door;
    if (!door || this.#greeting) return;
    const order = this.#heartbeat.tick(performance.now());
    if (order === "wait") return;
    if (order !== "dead") {
      this.#send("ping", { id: order.ping });
      return;
    }
    void door.close();
    this.#lost("silent");
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
    this.#door?.send(this.#machine.compose(type, d));
  }
}
