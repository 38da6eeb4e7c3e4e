import type * as LiveKit from "livekit-client";
import { ConnectError } from "../errors.js";
import { TrackSpeaker } from "../media/track_speaker.js";
import { encode } from "../protocol/codec.js";
import { MAX_FRAME_BYTES } from "../protocol/limits.js";
import type { ClientMessage, Envelope } from "../protocol.generated.js";
import { within } from "../timing.js";
import { AUTOPLAY, faceOf, type Door, type DoorSetting } from "./door.js";

const TOPIC = "visavis";
const FAST_TOPIC = "visavis.fast";
/** The first byte of a binary frame; JSON begins with a brace. */
const BINARY = 1;
const CONNECT_MS = 10_000;
/** LiveKit's own front ends give an agent as long. */
const AGENT_MS = 20_000;
/** In a room that was left a moment ago it is there already, or another worker is about to come; otherwise nobody will. */
const AGENT_BACK_MS = 5_000;
/** How long another worker may take to come in the place of one that is gone. */
const SUCCESSOR_MS = 8_000;

const LOOPBACK = /^wss?:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|\/|$)/i;

const utf8 = new TextEncoder();

type Cleanup = () => unknown;

/** A room of a LiveKit server: messages on the data topic `visavis`, large ones as text streams, the agent's voice as its microphone track. */
export class LiveKitDoor implements Door {
  readonly kind = "livekit";
  readonly speaker: TrackSpeaker;
  readonly #lib: typeof LiveKit;
  readonly #room: LiveKit.Room;
  readonly #setting: DoorSetting;
  readonly #cleanups: Cleanup[] = [];
  #met: () => void = () => undefined;
  #missed: (error: Error) => void = () => undefined;
  #agent: LiveKit.RemoteParticipant | undefined;
  /** Of the agent's stay: another worker that comes in by the same name puts the old one out, and the room tells nothing but that. */
  #sid: string | undefined;
  #voice: LiveKit.RemoteTrack | undefined;
  /** Messages go out one after the other. */
  #sending: Promise<unknown> = Promise.resolve();
  /** Set while the agent is gone. */
  #waiting: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  static async open(setting: DoorSetting): Promise<LiveKitDoor> {
    const lib = await load();
    const door = new LiveKitDoor(lib, setting.room ?? new lib.Room(), setting);
    try {
      await door.#enter();
      return door;
    } catch (error) {
      await door.close();
      throw error;
    }
  }

  private constructor(lib: typeof LiveKit, room: LiveKit.Room, setting: DoorSetting) {
    this.#lib = lib;
    this.#room = room;
    this.#setting = setting;
    this.speaker = new TrackSpeaker(setting.context, () => this.#voice?.attachedElements ?? []);
  }

  async #enter(): Promise<void> {
    const { signal, events } = this.#setting;
    const met = this.#listen();
    // Awaited once the room is entered; it may fail before.
    met.catch(() => undefined);
    this.#publish().catch((error: unknown) => {
      if (!this.#closed) events.trouble("microphone_not_sent", `the room does not take the microphone: ${error instanceof Error ? error.message : String(error)}`);
    });
    if (this.#room.state === this.#lib.ConnectionState.Disconnected) await this.#connect();
    this.#lookAround();
    const ms = this.#setting.returning ? AGENT_BACK_MS : AGENT_MS;
    const nobody = (): ConnectError => new ConnectError("no_agent", `no agent came into the room within ${ms / 1000} s; is a worker running?`);
    await within(ms, nobody, met, signal);
  }

  async #connect(): Promise<void> {
    const { token, dispatch, signal } = this.#setting;
    const { server_url, participant_token } = await token(dispatch);
    const late = (): ConnectError => new ConnectError("timeout", `${server_url} did not let us in within ${CONNECT_MS / 1000} s`);
    // On this machine nobody needs a STUN server, and the room's own default would be a public one.
    const options = LOOPBACK.test(server_url) ? { rtcConfig: { iceServers: [] } } : {};
    try {
      await within(CONNECT_MS, late, this.#room.connect(server_url, participant_token, options), signal);
    } catch (error) {
      if (!(error instanceof this.#lib.ConnectionError)) throw error;
      const refused = error.reason === this.#lib.ConnectionErrorReason.NotAllowed;
      throw new ConnectError(refused ? "unauthorized" : "unreachable", `${server_url}: ${error.message}`, { cause: error });
    }
  }

  /** Resolves when the agent is there. */
  #listen(): Promise<void> {
    const { DisconnectReason, RoomEvent } = this.#lib;
    const { events } = this.#setting;
    this.#on(RoomEvent.DataReceived, (payload, participant, _, topic) => {
      if (topic !== TOPIC && topic !== FAST_TOPIC) return;
      if (participant) this.#meet(participant);
      if (!this.#isAgent(participant?.identity)) return;
      if (payload[0] === BINARY) faceOf(payload.slice().buffer, events);
      else events.text(new TextDecoder().decode(payload));
    });
    this.#room.registerTextStreamHandler(TOPIC, (reader, { identity }) => {
      if (!this.#isAgent(identity)) return;
      // A stream that breaks off is a message that never came: its number will be missed.
      reader.readAll().then((text) => this.#closed || events.text(text), () => undefined);
    });
    this.#cleanups.push(() => this.#room.unregisterTextStreamHandler(TOPIC));
    this.#on(RoomEvent.TrackSubscribed, (track, publication, participant) => this.#hear(track, publication, participant));
    this.#on(RoomEvent.SignalReconnecting, () => events.status("reconnecting"));
    this.#on(RoomEvent.Reconnecting, () => this.#restarting());
    this.#on(RoomEvent.Reconnected, () => this.#waiting === undefined && events.status("connected"));
    // Somebody else has come in by our name: to go back in would only put them out.
    this.#on(RoomEvent.Disconnected, (reason) => this.#lost(reason === DisconnectReason.DUPLICATE_IDENTITY ? "taken_over" : "connection_lost"));
    this.#on(RoomEvent.ParticipantDisconnected, ({ identity }) => {
      if (this.#isAgent(identity)) this.#bereft();
    });
    return new Promise((resolve, reject) => {
      this.#met = resolve;
      this.#missed = reject;
      this.#on(RoomEvent.ParticipantConnected, (participant) => this.#meet(participant));
    });
  }

  /** Who and what is in the room already. */
  #lookAround(): void {
    for (const participant of this.#room.remoteParticipants.values()) {
      this.#meet(participant);
      for (const publication of participant.trackPublications.values()) {
        if (publication.track) this.#hear(publication.track, publication, participant);
      }
    }
  }

  #meet(participant: LiveKit.RemoteParticipant): void {
    if (!participant.isAgent || (this.#agent && this.#waiting === undefined)) return;
    this.#agent = participant;
    this.#sid = participant.sid;
    this.#met();
    if (this.#waiting === undefined) return;
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    this.#setting.events.status("connected");
  }

  /**
   * LiveKit gives up the connection, and enters the room anew by itself. For two seconds after it has told that it is back, livekit-client 2.23 puts aside what is sent,
   * for a resumption that does not come: a question would be lost. So we come back ourselves, but for the caller's room, which is not ours to leave.
   */
  #restarting(): void {
    if (this.#room === this.#setting.room) this.#setting.events.status("reconnecting");
    else this.#lost("connection_lost");
  }

  /** The agent is gone. Another worker may come in its place, and go on. */
  #bereft(): void {
    if (this.#waiting !== undefined) return;
    this.#waiting = setTimeout(() => this.#lost("agent_left"), SUCCESSOR_MS);
    this.#setting.events.status("reconnecting");
  }

  /** Nobody but the first agent of the room is obeyed, and whoever comes in its place. */
  #isAgent(identity: string | undefined): boolean {
    return this.#agent !== undefined && this.#agent.identity === identity;
  }

  #hear(track: LiveKit.RemoteTrack, { source }: LiveKit.RemoteTrackPublication, participant: LiveKit.RemoteParticipant): void {
    const { Track, TrackEvent } = this.#lib;
    this.#meet(participant);
    if (this.#isAgent(participant.identity) && participant.sid !== this.#sid) {
      this.#sid = participant.sid;
      this.#setting.events.status("connected");
    }
    if (!this.#isAgent(participant.identity) || track.kind !== Track.Kind.Audio || source !== Track.Source.Microphone || track === this.#voice) return;
    this.#voice = track;
    this.speaker.attach(track.mediaStreamTrack, track.receiver, true);
    // In the caller's own room the caller may play it, now or later: then we do not.
    const yieldTo = (): void => {
      this.speaker.silent = track.attachedElements.length > 0;
    };
    yieldTo();
    for (const event of [TrackEvent.ElementAttached, TrackEvent.ElementDetached] as const) {
      track.on(event, yieldTo);
      this.#cleanups.push(() => track.off(event, yieldTo));
    }
    void this.speaker.resume().then((running) => running || this.#closed || this.#setting.events.trouble(...AUTOPLAY));
  }

  /** Offers the microphone at once: what is said while the room is being entered is recorded, and sent to the agent first. */
  async #publish(): Promise<void> {
    const { microphone } = this.#setting;
    const { LocalAudioTrack, Track } = this.#lib;
    const participant = this.#room.localParticipant;
    if (!microphone || participant.getTrackPublication(Track.Source.Microphone)) return;
    const track = new LocalAudioTrack(microphone.track, undefined, true);
    if (this.#room.state === this.#lib.ConnectionState.Disconnected) track.startPreConnectBuffer();
    this.#cleanups.push(() => track.stopPreConnectBuffer());
    if (this.#room === this.#setting.room) this.#cleanups.push(() => participant.unpublishTrack(track, false));
    await participant.publishTrack(track, { source: Track.Source.Microphone });
  }

  send(envelope: Envelope<ClientMessage>): void {
    const json = encode(envelope);
    const bytes = utf8.encode(json);
    const destinationIdentities = this.#agent ? [this.#agent.identity] : [];
    const participant = this.#room.localParticipant;
    const deliver = (): Promise<unknown> =>
      bytes.byteLength <= MAX_FRAME_BYTES
        ? participant.publishData(bytes, { reliable: true, topic: TOPIC, destinationIdentities })
        : participant.sendText(json, { topic: TOPIC, destinationIdentities });
    // What cannot be sent is lost with the connection, and the room tells of that itself.
    this.#sending = this.#sending.then(() => (this.#closed ? undefined : deliver())).catch(() => undefined);
  }

  marks(first: number, levels: Uint8Array): void {
    this.speaker.marks(first, levels);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#waiting);
    await Promise.allSettled(this.#cleanups.splice(0).map(async (cleanup) => cleanup()));
    this.speaker.close();
    if (this.#room !== this.#setting.room) await this.#room.disconnect(false);
  }

  #on<E extends keyof LiveKit.RoomEventCallbacks>(event: E, callback: LiveKit.RoomEventCallbacks[E]): void {
    this.#room.on(event, callback);
    this.#cleanups.push(() => this.#room.off(event, callback));
  }

  #lost(reason: string): void {
    if (this.#closed) return;
    void this.close();
    this.#missed(new ConnectError("unreachable", "the room was left before an agent came"));
    this.#setting.events.closed(reason);
  }
}

async function load(): Promise<typeof LiveKit> {
  try {
    return await import("livekit-client");
  } catch (error) {
    throw new ConnectError("livekit_client_missing", "the LiveKit door needs the package livekit-client; install it beside @visavis/sdk", { cause: error });
  }
}
