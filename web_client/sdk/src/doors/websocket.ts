import { base64 } from "../base64.js";
import { ConnectError } from "../errors.js";
import { microphoneNode } from "../media/worklets.js";
import type { Microphone } from "../media/microphone.js";
import { PcmSpeaker } from "../media/pcm_speaker.js";
import { Kind, decodeFrame, encodeFrame } from "../protocol/frames.js";
import { ProtocolError } from "../protocol/limits.js";
import { split } from "../protocol/parts.js";
import type { ClientMessage, Envelope } from "../protocol.generated.js";
import { within } from "../timing.js";
import { AUTOPLAY, type Door, type DoorEvents, type DoorSetting } from "./door.js";

const CONNECT_MS = 5_000;
/** Two seconds of microphone: beyond, its frames are left out, and the server hears silence instead of the past. */
const MAX_LATE_BYTES = 2 * 2 * 16_000;
/** What waits to be sent; beyond, the connection is given up. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
const ANSWER_RATE = 24_000;

/** Everything over one WebSocket: for networks that let no UDP through. */
export class WebSocketDoor implements Door {
  readonly kind = "ws";
  readonly speaker: PcmSpeaker;
  readonly #socket: WebSocket;
  readonly #events: DoorEvents;
  readonly #admits: (gen: number) => boolean;
  #capture: Capture | undefined;
  #parts = 0;
  #closed = false;

  static async open(setting: DoorSetting): Promise<WebSocketDoor> {
    const { base, token, context, microphone, events, signal } = setting;
    const url = new URL("ws/session", base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const { participant_token } = await token();
    const speaker = await PcmSpeaker.open(context);
    const socket = new WebSocket(url, ["visavis.v1", `token.${participant_token}`]);
    socket.binaryType = "arraybuffer";
    try {
      const late = (): ConnectError => new ConnectError("timeout", `${url.href} did not answer within ${CONNECT_MS / 1000} s`);
      await within(CONNECT_MS, late, opened(socket), signal);
      const door = new WebSocketDoor(socket, speaker, setting);
      if (microphone) door.#capture = await Capture.open(microphone, (t, seq, pcm) => door.#sendSound(t, seq, pcm));
      void speaker.resume().then((running) => running || door.#closed || events.trouble(...AUTOPLAY));
      return door;
    } catch (error) {
      speaker.close();
      socket.onclose = null;
      socket.close();
      throw error;
    }
  }

  private constructor(socket: WebSocket, speaker: PcmSpeaker, { events, admits }: DoorSetting) {
    this.#socket = socket;
    this.speaker = speaker;
    this.#events = events;
    this.#admits = admits;
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (typeof data === "string") events.text(data);
      else if (data instanceof ArrayBuffer) this.#hear(data);
    };
    // The reason is the code of the server's last error, if there was one.
    socket.onclose = ({ reason }) => this.#lost(reason || "connection_lost");
  }

  send(envelope: Envelope<ClientMessage>): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    for (const frame of split(envelope, `p${this.#parts++}`)) this.#socket.send(frame);
    if (this.#socket.bufferedAmount > MAX_BUFFERED_BYTES) this.#lost("connection_lost");
  }

  audio(gen: number, t: number, { codec, sample_rate, data }: { codec: string; sample_rate: number; data: string }): void {
    if (codec !== "pcm" || sample_rate !== ANSWER_RATE) return;
    const bytes = base64(data);
    if (bytes) this.speaker.push(gen, t, new Int16Array(bytes.buffer, 0, bytes.length >> 1));
  }

  /** A WebSocket that is being closed still sends what waits. */
  async flush(): Promise<void> {}

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#capture?.close();
    this.speaker.close();
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    this.#socket.close(1000);
  }

  #hear(bytes: ArrayBuffer): void {
    try {
      const frame = decodeFrame(bytes);
      const { kind, gen, t, opus, payload } = frame;
      if (kind === Kind.BLENDSHAPES) this.#events.face(frame);
      if (kind !== Kind.ANSWER || opus || !this.#admits(gen)) return;
      this.speaker.push(gen, t, new Int16Array(payload.buffer, payload.byteOffset, payload.byteLength / 2));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  #sendSound(t: number, seq: number, pcm: ArrayBuffer): void {
    if (this.#socket.readyState !== WebSocket.OPEN || this.#socket.bufferedAmount > MAX_LATE_BYTES) return;
    this.#socket.send(encodeFrame({ kind: Kind.MICROPHONE, gen: 0, seq, t, opus: false, payload: new Uint8Array(pcm) }));
  }

  #lost(reason: string): void {
    if (this.#closed) return;
    void this.close();
    this.#events.closed(reason);
  }
}

/** The microphone as numbered frames of 20 ms. While it is muted nothing is sent, and its clock stands. */
class Capture {
  readonly #node: AudioWorkletNode;
  readonly #microphone: Microphone;
  #samples = 0;
  #frames = 0;

  static async open(microphone: Microphone, send: (t: number, seq: number, pcm: ArrayBuffer) => void): Promise<Capture> {
    return new Capture(await microphoneNode(microphone.source.context), microphone, send);
  }

  private constructor(node: AudioWorkletNode, microphone: Microphone, send: (t: number, seq: number, pcm: ArrayBuffer) => void) {
    this.#node = node;
    this.#microphone = microphone;
    node.port.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      if (!microphone.track.enabled || !microphone.live) return;
      send(this.#samples, this.#frames, data);
      this.#samples += data.byteLength / 2;
      this.#frames += 1;
    };
    microphone.source.connect(node);
    // It gives silence, but a node that leads nowhere is not run by every browser.
    node.connect(node.context.destination);
  }

  close(): void {
    this.#node.port.onmessage = null;
    this.#microphone.source.disconnect(this.#node);
    this.#node.disconnect();
  }
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    // A browser never tells a page why the handshake failed.
    socket.onclose = () => reject(new ConnectError("unreachable", `${socket.url} cannot be reached, or refused the connection`));
  });
}
