import { Backoff } from "./backoff.js";
import type { Dial } from "./dial.js";
import type { Dispatch, Door, DoorEvents, DoorSetting } from "./doors/door.js";
import { Held } from "./doors/held.js";
import { call } from "./emitter.js";
import { ConnectError } from "./errors.js";
import { Heartbeat } from "./heartbeat.js";
import type { Microphone } from "./media/microphone.js";
import type { Frame, SessionMachine } from "./protocol/index.js";
import type { ClientHello, ClientMessages, ErrorMessage, ResumeTicket, ServerHello } from "./protocol.generated.js";
import { Tickets } from "./tickets.js";
import { pause, within } from "./timing.js";
import { fetchToken, holderOf } from "./token.js";
import type { ConnectOptions, ConnectionEvent, DoorKind, Language, ResumeStore, SessionEvents, Ticket, TokenRequest, TokenResponse } from "./types.js";

export const SDK = "visavis-web/0.1.0";
const HELLO_MS = 10_000;
/** In a room, what is sent before the other side can hear it is lost: hello is said again. */
const HELLO_AGAIN_MS = 2_000;
const HEARTBEAT_MS = 5_000;
/** How long what was said last may take to go out. */
const LAST_WORD_MS = 300;

/** The ticket is good for nothing here: a new session begins. */
const REFUSED: ReadonlySet<string> = new Set(["resume_refused", "forbidden"]);
/** A page that comes back is waited for where a new one is told to try again itself. */
const WORTH_WAITING: ReadonlySet<string> = new Set(["resume_taken", "busy", "not_ready"]);
/** After them an agent leaves its room, and no other comes in its place. */
const OVER: ReadonlySet<string> = new Set(["internal", "slow_reader", "resume_refused", ...WORTH_WAITING]);

/** What lasts as long as the session, whatever becomes of its connections. */
export interface Equipment {
  base: URL;
  context: AudioContext;
  microphone: Microphone | undefined;
  options: ConnectOptions;
  /** Where the ticket is kept beyond the page. */
  store?: ResumeStore | undefined;
  /** Opens a door. */
  dial: Dial;
}

/** What a line tells. Nothing after it was closed. */
export interface LineEvents {
  text(json: string): void;
  face(frame: Frame): void;
  trouble(code: string, message: string): void;
  connection(event: ConnectionEvent): void;
  /** Both sides have said hello; also when another worker of a room has. */
  met(): void;
  /** The line is given up. */
  failed(reason: string): void;
}

/** The way to the server, whatever becomes of single connections: opens doors, says hello, comes back to the session by its ticket. */
export class Line {
  readonly #equipment: Equipment;
  readonly #machine: SessionMachine;
  readonly #events: LineEvents;
  readonly #tickets: Tickets;
  readonly #ending = new AbortController();
  #heartbeat = new Heartbeat();
  #beats: ReturnType<typeof setInterval> | undefined;
  #door: Door | undefined;
  #kind: DoorKind = "peer";
  /** What is told in hello. */
  language: Language | undefined;
  /** The server's hello, or its refusal, while a connection begins. */
  #greeting: { resolve: () => void; reject: (error: Error) => void } | undefined;
  /** While hello is being said again and again. */
  #again: ReturnType<typeof setInterval> | undefined;
  /** The session that is to go on. */
  #wanted: string | undefined;
  /** The session that cannot go on, until that is told. */
  #forgone: SessionEvents["session_lost"] | undefined;
  /** Whom the access token names. */
  #holder: Pick<Ticket, "identity" | "room"> = {};

  constructor(equipment: Equipment, machine: SessionMachine, events: LineEvents) {
    this.#equipment = equipment;
    this.#machine = machine;
    this.#events = events;
    this.#tickets = new Tickets(equipment.store);
    this.#wanted = this.#tickets.current?.session_id;
    this.language = equipment.options.language;
  }

  get door(): Door | undefined {
    return this.#door;
  }
  get kind(): DoorKind {
    return this.#kind;
  }
  /** Aborted when the line is closed or given up. */
  get ended(): AbortSignal {
    return this.#ending.signal;
  }

  /** Opens the first connection. Rejects with a `ConnectError`; nothing of the line is left then. */
  async open(): Promise<void> {
    try {
      await this.#reach(new Backoff(), ({ code }) => this.#tickets.current !== undefined && WORTH_WAITING.has(code));
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#beats = setInterval(() => this.#beat(), HEARTBEAT_MS);
  }

  send<T extends keyof ClientMessages>(type: T, d: ClientMessages[T]): void {
    this.#door?.send(this.#machine.compose(type, d));
  }

  /** Nobody is to come back to this session. */
  forget(): void {
    this.#tickets.forget();
  }

  /** Closes it, once what was said last has gone out if `politely`. */
  async close(politely = false): Promise<void> {
    this.#ending.abort(new ConnectError("aborted", "the session was closed"));
    this.#tickets.release();
    clearInterval(this.#beats);
    clearInterval(this.#again);
    const door = this.#door;
    this.#door = undefined;
    if (politely && door) {
      door.speaker.purge(Infinity);
      await within(LAST_WORD_MS, () => new ConnectError("timeout", "the last word did not go out"), door.flush()).catch(() => undefined);
    }
    await door?.close();
  }

  // ------------------------------------------------------------------------------------------------------- connecting

  /** Attempts until a connection stands; `again`: whether a failure is worth another one. Rejects with the last failure. */
  async #reach(backoff: Backoff, again: (failure: ConnectError) => boolean): Promise<void> {
    for (;;) {
      try {
        return await this.#attempt();
      } catch (error) {
        if (!(error instanceof ConnectError) || !again(error)) throw error;
        const wait = backoff.next(Math.random(), error);
        if (wait === undefined) throw error;
        await pause(wait, this.ended);
      }
    }
  }

  /** Comes back to the session that is wanted; where that is refused, begins a new one. */
  async #attempt(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      if (!(error instanceof ConnectError) || this.ended.aborted) throw error;
      const ticket = this.#tickets.current;
      if (ticket && REFUSED.has(error.code)) {
        this.#forgone = { session_id: ticket.session_id, reason: error.code };
        this.#tickets.forget();
        this.#wanted = undefined;
      } else if (error.code !== "no_agent" || !this.#tickets.leaveRoom()) throw error;
      await this.#connect();
    }
  }

  /** One connection: a door, then the greetings. */
  async #connect(): Promise<void> {
    const held = new Held(this.#doorEvents());
    const door = await this.#dial(held);
    this.#door = door;
    this.#machine.reconnected();
    const greeted = new Promise<void>((resolve, reject) => {
      this.#greeting = { resolve, reject };
    });
    const silent = (): ConnectError => new ConnectError("timeout", `the server did not greet within ${HELLO_MS / 1000} s`);
    const greeting = within(HELLO_MS, silent, greeted, this.ended);
    try {
      this.#introduce();
      held.release();
      await greeting;
    } catch (error) {
      this.#door = undefined;
      await door.close();
      throw error;
    } finally {
      clearInterval(this.#again);
      this.#greeting = undefined;
    }
    this.#heartbeat = new Heartbeat();
    this.#events.met();
    this.#events.connection({ status: "connected", door: door.kind });
  }

  #dial(events: DoorEvents): Promise<Door> {
    const { base, context, microphone, options, dial } = this.#equipment;
    const { identity, room } = this.#tickets.current ?? {};
    const wanted: TokenRequest = { ...(identity === undefined ? {} : { participant_identity: identity }), ...(room === undefined ? {} : { room_name: room }) };
    const grant = async (dispatch?: Dispatch): Promise<TokenResponse> => {
      const token = await fetchToken(options.tokenSource, base, this.ended, wanted, dispatch);
      this.#holder = holderOf(token.participant_token);
      return token;
    };
    let granted: Promise<TokenResponse> | undefined;
    const setting: DoorSetting = {
      base,
      context,
      microphone,
      events,
      signal: this.ended,
      room: options.room,
      dispatch: this.#dispatch(),
      returning: room !== undefined,
      token: (dispatch) => (granted ??= grant(dispatch)),
      admits: (gen) => this.#machine.admits(gen),
    };
    return dial(options.room ? "livekit" : (options.door ?? "auto"), setting, (kind) => {
      this.#kind = kind;
      // Nobody else can listen yet.
      if (this.#machine.hello === undefined && options.onConnection) call(options.onConnection, { status: "connecting", door: kind });
    });
  }

  /** Says hello; in a room, until somebody has heard it. */
  #introduce(): void {
    clearInterval(this.#again);
    const say = (): void => this.send("hello", this.#introduction());
    if (this.#door?.kind === "livekit") this.#again = setInterval(say, HELLO_AGAIN_MS);
    say();
  }

  #introduction(): ClientHello {
    const { wants = [] } = this.#equipment.options;
    const hello: ClientHello = { ...this.#dispatch(), wants: [...new Set([...wants, "binary"])], sdk: SDK, audio: { up: "pcm", down: "pcm" } };
    const ticket = this.#tickets.current;
    if (this.#wanted !== undefined) hello.session_id = this.#wanted;
    if (ticket && ticket.session_id === this.#wanted) hello.resume = ticket.secret;
    return hello;
  }

  #dispatch(): Dispatch {
    const { persona } = this.#equipment.options;
    return { ...(persona === undefined ? {} : { persona }), ...(this.language === undefined ? {} : { language: this.language }) };
  }

  // ------------------------------------------------------------------------------------------------------- what the server says of the line

  /** The server's hello. Returns the session that was to go on, if this is another one. */
  greeted(hello: ServerHello, anew: boolean): SessionEvents["session_lost"] | undefined {
    clearInterval(this.#again);
    const before = this.#forgone ?? (this.#wanted === undefined ? undefined : { session_id: this.#wanted, reason: "not_kept" });
    this.#wanted = hello.session_id;
    this.#forgone = undefined;
    if (hello.resume) this.keep(hello.resume);
    else if (this.#tickets.current?.session_id !== hello.session_id) this.#tickets.forget();
    if (this.#greeting) {
      this.#greeting.resolve();
    } else if (anew) {
      // Another worker of the room.
      this.#door?.speaker.purge(this.#machine.minGen);
      this.#events.met();
    }
    return before?.session_id === hello.session_id ? undefined : before;
  }

  /** A newer secret of the session. */
  keep({ secret, number, ttl_ms }: ResumeTicket): void {
    if (this.#wanted === undefined) return;
    this.#tickets.take(this.#wanted, { secret, number, ttl_ms }, this.#holder);
    this.send("resume_confirm", { number });
  }

  /** An error of the server's. Returns whether it answers our hello, and is told by that. */
  refused({ code, message, recoverable, retry_ms }: ErrorMessage): boolean {
    if (this.#greeting && !recoverable) {
      this.#greeting.reject(new ConnectError(code, message, { retryMs: retry_ms }));
      return true;
    }
    if (code === "taken_over" || (OVER.has(code) && this.#kind === "livekit")) this.#giveUp(code);
    return false;
  }

  // ------------------------------------------------------------------------------------------------------- what becomes of a connection

  #doorEvents(): DoorEvents {
    const alive = (): boolean => !this.ended.aborted;
    return {
      text: (json) => {
        this.#heartbeat.heard();
        if (alive()) this.#events.text(json);
      },
      face: (frame) => this.#events.face(frame),
      status: (status) => {
        if (!alive()) return;
        // What was said in a room while one of us was away is lost: a hello has it told again.
        if (status === "connected" && this.#kind === "livekit" && !this.#greeting) this.#introduce();
        this.#events.connection({ status, door: this.#kind, ...(status === "reconnecting" ? { reason: "network" } : {}) });
      },
      trouble: (code, message) => alive() && this.#events.trouble(code, message),
      closed: (reason) => this.#lost(reason),
    };
  }

  #lost(reason: string): void {
    this.#door = undefined;
    clearInterval(this.#again);
    if (reason === "agent_left" || OVER.has(reason)) this.#tickets.leaveRoom();
    if (this.#greeting) this.#greeting.reject(new ConnectError(reason === "connection_lost" ? "unreachable" : reason, "the server closed the door"));
    else void this.#comeBack(reason);
  }

  async #comeBack(reason: string): Promise<void> {
    if (this.ended.aborted) return;
    if (reason === "taken_over") return this.#fail(reason);
    this.#events.connection({ status: "reconnecting", door: this.#kind, reason });
    const backoff = new Backoff();
    try {
      await pause(backoff.next(Math.random())!, this.ended); // the first attempt is always worth it
      await this.#reach(backoff, () => true);
    } catch (error) {
      if (this.ended.aborted) return;
      if (!(error instanceof ConnectError)) throw error;
      this.#fail(error.code);
    }
  }

  /** A session that another client goes on with is not ours any more. */
  #fail(reason: string): void {
    if (reason === "taken_over") this.#tickets.forget();
    this.#events.failed(reason);
  }

  #giveUp(reason: string): void {
    void this.#door?.close();
    this.#lost(reason);
  }

  #beat(): void {
    if (!this.#door || this.#greeting) return;
    const order = this.#heartbeat.tick(performance.now());
    if (order === "dead") this.#giveUp("silent");
    else if (order !== "wait") this.send("ping", { id: order.ping });
  }
}
