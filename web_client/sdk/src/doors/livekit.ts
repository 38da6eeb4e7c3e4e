import type * as LiveKit from "livekit-client";
import { ConnectError } from "../errors.js";
import { TrackSpeaker } from "../media/track_speaker.js";
import { encode } from "../protocol/codec.js";
import { MAX_FRAME_BYTES } from "../protocol/limits.js";
import type { ClientMessage, Envelope } from "../protocol.generated.js";
import { within } from "../timing.js";
import type { Door, DoorSetting } from "./door.js";

const TOPIC = "visavis";
const FAST_TOPIC = "visavis.fast";
const CONNECT_MS = 10_000;
/** LiveKit's own front ends give an agent as long. */
const AGENT_MS = 20_000;

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
  #agent: LiveKit.RemoteParticipant | undefined;
  #voice: LiveKit.RemoteTrack | undefined;
  /** Messages go out one after the other. */
  #sending: Promise<unknown> = Promise.resolve();
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
    const { signal } = this.#setting;
    const voice = this.#listen();
    const publishing = this.#publish();
    // Not awaited before the room is entered; its failure must not be unhandled until then.
    publishing.catch(() => undefined);
    if (this.#room.state === this.#lib.ConnectionState.Disconnected) await this.#connect();
    for (const participant of this.#room.remoteParticipants.values()) this.#meet(participant);
    const nobody = (): ConnectError => new ConnectError("no_agent", `no agent came into the room within ${AGENT_MS / 1000} s; is a worker running?`);
    await within(AGENT_MS, nobody, Promise.all([voice, publishing]), signal);
    this.#watch();
  }

  async #connect(): Promise<void> {
    const { token, signal } = this.#setting;
    const { server_url, participant_token } = await token();
    const late = (): ConnectError => new ConnectError("timeout", `${server_url} did not let us in within ${CONNECT_MS / 1000} s`);
    try {
      await within(CONNECT_MS, late, this.#room.connect(server_url, participant_token), signal);
    } catch (error) {
      if (!(error instanceof this.#lib.ConnectionError)) throw error;
      const refused = error.reason === this.#lib.ConnectionErrorReason.NotAllowed;
      throw new ConnectError(refused ? "unauthorized" : "unreachable", `${server_url}: ${error.message}`, { cause: error });
    }
  }

  /** Resolves with the agent's voice. */
  #listen(): Promise<void> {
    const { RoomEvent } = this.#lib;
    this.#on(RoomEvent.ParticipantConnected, (participant) => this.#meet(participant));
    this.#on(RoomEvent.DataReceived, (payload, participant, _, topic) => {
      const ours = topic === TOPIC || topic === FAST_TOPIC;
      if (ours && this.#isAgent(participant?.identity)) this.#setting.events.text(new TextDecoder().decode(payload));
    });
    this.#room.registerTextStreamHandler(TOPIC, (reader, { identity }) => {
      if (!this.#isAgent(identity)) return;
      // A stream that breaks off is a message that never came: its number will be missed.
      reader.readAll().then((text) => this.#closed || this.#setting.events.text(text), () => undefined);
    });
    this.#cleanups.push(() => this.#room.unregisterTextStreamHandler(TOPIC));
    return new Promise((resolve) => {
      this.#on(RoomEvent.TrackSubscribed, (track, publication, participant) => {
        this.#meet(participant);
        if (this.#hear(track, publication, participant)) resolve();
      });
      for (const participant of this.#room.remoteParticipants.values()) {
        this.#meet(participant);
        for (const publication of participant.trackPublications.values()) {
          if (publication.track && this.#hear(publication.track, publication, participant)) resolve();
        }
      }
    });
  }

  #meet(participant: LiveKit.RemoteParticipant): void {
    if (participant.isAgent) this.#agent ??= participant;
  }

  /** Nobody but the first agent of the room is obeyed. */
  #isAgent(identity: string | undefined): boolean {
    return this.#agent !== undefined && this.#agent.identity === identity;
  }

  #hear(track: LiveKit.RemoteTrack, { source }: LiveKit.RemoteTrackPublication, { identity }: LiveKit.RemoteParticipant): boolean {
    const { Track, TrackEvent } = this.#lib;
    if (!this.#isAgent(identity) || track.kind !== Track.Kind.Audio || source !== Track.Source.Microphone) return false;
    this.#voice = track;
    this.speaker.attach(track.mediaStreamTrack);
    // In the caller's own room the caller may play it, now or later: then we do not.
    const yieldTo = (): void => {
      this.speaker.silent = track.attachedElements.length > 0;
    };
    yieldTo();
    for (const event of [TrackEvent.ElementAttached, TrackEvent.ElementDetached] as const) {
      track.on(event, yieldTo);
      this.#cleanups.push(() => track.off(event, yieldTo));
    }
    void this.speaker.resume().then((running) => running || this.#closed || this.#setting.events.blocked());
    return true;
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

  #watch(): void {
    const { RoomEvent } = this.#lib;
    const { events } = this.#setting;
    this.#on(RoomEvent.SignalReconnecting, () => events.status("reconnecting"));
    this.#on(RoomEvent.Reconnecting, () => events.status("reconnecting"));
    this.#on(RoomEvent.Reconnected, () => events.status("connected"));
    this.#on(RoomEvent.Disconnected, () => this.#lost("connection_lost"));
    this.#on(RoomEvent.ParticipantDisconnected, ({ identity }) => {
      if (this.#isAgent(identity)) this.#lost("agent_left");
    });
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

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const cleanup of this.#cleanups.splice(0)) await cleanup();
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
