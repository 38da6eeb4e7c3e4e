import { ConnectError } from "../errors.js";
import { postJson } from "../http.js";
import { TrackSpeaker } from "../media/track_speaker.js";
import { split } from "../protocol/parts.js";
import type { ClientMessage, Envelope } from "../protocol.generated.js";
import { within } from "../timing.js";
import { AUTOPLAY, faceOf, type Door, type DoorEvents, type DoorSetting } from "./door.js";

const GATHER_MS = 1_000;
/** From the server's answer to an open channel. */
const CONNECT_MS = 4_000;
/** How long a connection may be in doubt. */
const DOUBT_MS = 4_000;
/** What waits in the channel; beyond, the connection is given up. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

/** WebRTC straight to the server: an audio track each way, messages on the data channel `visavis`, lossy ones on `visavis.fast`. */
export class PeerDoor implements Door {
  readonly kind = "peer";
  readonly speaker: TrackSpeaker;
  readonly #connection: RTCPeerConnection;
  readonly #reliable: RTCDataChannel;
  readonly #events: DoorEvents;
  #parts = 0;
  #doubt: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  static async open(setting: DoorSetting): Promise<PeerDoor> {
    if (typeof RTCPeerConnection === "undefined") throw new ConnectError("unsupported", "this browser has no WebRTC");
    const door = new PeerDoor(setting);
    try {
      await door.#negotiate(setting);
      return door;
    } catch (error) {
      await door.close();
      throw error;
    }
  }

  private constructor({ context, events }: DoorSetting) {
    const connection = new RTCPeerConnection({ iceServers: [] });
    this.#connection = connection;
    this.speaker = new TrackSpeaker(context);
    this.#events = events;
    this.#reliable = connection.createDataChannel("visavis", { ordered: true });
    const fast = connection.createDataChannel("visavis.fast", { ordered: false, maxRetransmits: 0 });
    fast.binaryType = "arraybuffer";
    for (const channel of [this.#reliable, fast]) {
      channel.onmessage = ({ data }: MessageEvent<unknown>) => {
        if (this.#closed) return;
        if (typeof data === "string") events.text(data);
        else if (data instanceof ArrayBuffer) faceOf(data, events);
      };
    }
  }

  async #negotiate({ base, token, microphone, events, signal }: DoorSetting): Promise<void> {
    const connection = this.#connection;
    const transceiver = connection.addTransceiver(microphone?.track ?? "audio", { direction: "sendrecv" });
    connection.ontrack = ({ track, receiver }) => {
      this.speaker.attach(track, receiver);
      void this.speaker.resume().then((running) => running || this.#closed || events.trouble(...AUTOPLAY));
    };
    await connection.setLocalDescription(await connection.createOffer());
    await gathered(connection);
    const offer = connection.localDescription?.sdp ?? "";
    const noRoute = (): ConnectError =>
      new ConnectError("no_route", `WebRTC found no way to the server within ${CONNECT_MS / 1000} s; a firewall may block UDP`);
    if (!offer.includes("a=candidate:")) throw noRoute();
    const { participant_token } = await token();
    const { sdp } = await postJson(new URL("api/rtc/offer", base), { type: "offer", sdp: offer }, { token: participant_token, signal });
    if (typeof sdp !== "string") throw new ConnectError("bad_server", "/api/rtc/offer: expected {sdp, type}");
    try {
      await connection.setRemoteDescription({ type: "answer", sdp });
    } catch (error) {
      throw new ConnectError("bad_server", "/api/rtc/offer: the browser does not understand the answer", { cause: error });
    }
    await within(CONNECT_MS, noRoute, opened(this.#reliable, connection, noRoute), signal);
    if (transceiver.currentDirection === "inactive") throw new ConnectError("bad_server", "the server refused the audio track");
    this.#watch();
  }

  #watch(): void {
    this.#reliable.onclose = () => this.#lost("connection_lost");
    this.#connection.onconnectionstatechange = () => {
      const { connectionState } = this.#connection;
      if (connectionState === "failed" || connectionState === "closed") this.#lost("connection_lost");
      else if (connectionState === "disconnected") this.#doubted();
      else if (connectionState === "connected") this.#believed();
    };
  }

  #doubted(): void {
    if (this.#doubt !== undefined) return;
    this.#events.status("reconnecting");
    this.#doubt = setTimeout(() => this.#lost("connection_lost"), DOUBT_MS);
  }

  #believed(): void {
    if (this.#doubt === undefined) return;
    clearTimeout(this.#doubt);
    this.#doubt = undefined;
    this.#events.status("connected");
  }

  send(envelope: Envelope<ClientMessage>): void {
    if (this.#reliable.readyState !== "open") return;
    for (const frame of split(envelope, `p${this.#parts++}`)) this.#reliable.send(frame);
    if (this.#reliable.bufferedAmount > MAX_BUFFERED_BYTES) this.#lost("connection_lost");
  }

  async flush(): Promise<void> {
    const channel = this.#reliable;
    if (channel.readyState !== "open" || channel.bufferedAmount === 0) return;
    await new Promise<void>((resolve) => channel.addEventListener("bufferedamountlow", () => resolve(), { once: true }));
  }

  clock(rtp: number, t: number): void {
    this.speaker.clock.anchor(rtp, t);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#doubt);
    this.#connection.onconnectionstatechange = null;
    this.#reliable.onclose = null;
    this.speaker.close();
    this.#connection.close();
  }

  #lost(reason: string): void {
    if (this.#closed) return;
    void this.close();
    this.#events.closed(reason);
  }
}

/** All candidates are known, or as many as come in good time: local ones take milliseconds. */
function gathered(connection: RTCPeerConnection): Promise<void> {
  return new Promise<void>((resolve) => {
    const timer = setTimeout(done, GATHER_MS);
    function done(): void {
      clearTimeout(timer);
      connection.onicegatheringstatechange = null;
      resolve();
    }
    connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && done();
    if (connection.iceGatheringState === "complete") done();
  });
}

function opened(channel: RTCDataChannel, connection: RTCPeerConnection, noRoute: () => Error): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    if (channel.readyState === "open") resolve();
    channel.onopen = () => resolve();
    channel.onclose = () => reject(noRoute());
    connection.onconnectionstatechange = () => connection.connectionState === "failed" && reject(noRoute());
  });
}
