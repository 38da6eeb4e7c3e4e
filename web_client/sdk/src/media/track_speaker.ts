import { closeContext, resumeContext, streamSource } from "./context.js";
import { Gate } from "./gate.js";
import { Meter } from "./level.js";
import { RATE } from "../protocol/limits.js";
import { lastPacket, RtpClock } from "./rtp_clock.js";
import type { Speaker } from "./speaker.js";
import { StreamAnchor } from "./stream_anchor.js";

const GATE_MS = 10;
const STATS_MS = 500;

interface MediaPlayoutStats {
  type: string;
  totalPlayoutDelay?: number;
  totalSamplesCount?: number;
}

/** Plays a WebRTC track through an `<audio>` element: the browser's own jitter buffer, and the reference of its echo canceller. */
export class TrackSpeaker implements Speaker {
  readonly clock = new RtpClock();
  readonly #context: AudioContext;
  #gate = new Gate();
  readonly #others: () => HTMLMediaElement[];
  readonly #element = new Audio();
  #silent = false;
  #receiver: RTCRtpReceiver | undefined;
  #source: MediaStreamAudioSourceNode | undefined;
  #meter: Meter | undefined;
  #anchor: StreamAnchor | undefined;
  #gateTimer: ReturnType<typeof setInterval> | undefined;
  #statsTimer: ReturnType<typeof setInterval> | undefined;
  #played: { delay: number; samples: number } | undefined;

  /** `others`: elements that play the same track for someone else, and are muted while ours is. */
  constructor(context: AudioContext, others: () => HTMLMediaElement[] = () => []) {
    this.#context = context;
    this.#element.autoplay = true;
    this.#others = others;
  }

  /** Someone else plays the track: ours only measures it. */
  set silent(silent: boolean) {
    this.#silent = silent;
    this.#mute();
  }

  /** Plays a track. With its receiver, `heard` is known once the server has told its clock; `behindSfu`: it is to be found by the server's marks. */
  attach(track: MediaStreamTrack, receiver?: RTCRtpReceiver, behindSfu = false): void {
    this.#detach();
    if (behindSfu) this.clock.reset();
    // Nothing that was on its way before comes this way.
    clearInterval(this.#gateTimer);
    this.#gateTimer = undefined;
    this.#gate = new Gate();
    const stream = new MediaStream([track]);
    // Chromium feeds Web Audio from a remote track only while an element pulls it.
    this.#element.srcObject = stream;
    this.#mute();
    this.#source = streamSource(stream, this.#context);
    this.#meter = new Meter(this.#source);
    this.#receiver = receiver;
    const { context } = this.#source;
    if (receiver && behindSfu && context.sampleRate === RATE) this.#anchor = new StreamAnchor(stream, context as AudioContext, receiver, this.clock);
    if (receiver) this.#statsTimer = setInterval(() => void this.#measureDelay(receiver), STATS_MS);
  }

  /** The server's marks of the voice's loudness, from index `first` on. */
  marks(first: number, levels: Uint8Array): void {
    this.#anchor?.told(first, levels);
  }

  begin(gen: number, t0: number): void {
    this.#gate.begin(gen, t0, performance.now());
  }

  hold(): void {
    this.#gate.hold(performance.now());
    this.#watchGate();
  }

  goOn(gen: number, t0: number): void {
    this.begin(gen, t0);
  }

  purge(minGen: number): void {
    this.#gate.shut(minGen, performance.now());
    this.#watchGate();
  }

  #watchGate(): void {
    this.#gateTimer ??= setInterval(() => this.#tryGate(), GATE_MS);
    this.#mute();
  }

  heard(): number | null {
    // Where the browser holds the sound back nothing is heard.
    const last = this.#element.paused ? null : lastPacket(this.#receiver);
    return last && this.clock.heard(last.packet, last.now);
  }

  level(): number {
    return this.#gateTimer === undefined ? (this.#meter?.level() ?? 0) : 0;
  }

  async resume(): Promise<boolean> {
    const running = await resumeContext(this.#context);
    if (!this.#element.srcObject) return running;
    try {
      await this.#element.play();
      return running;
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotAllowedError") return false;
      if (error instanceof DOMException && error.name === "AbortError") return running;
      throw error;
    }
  }

  close(): void {
    clearInterval(this.#gateTimer);
    this.#detach();
  }

  #tryGate(): void {
    if (!this.#gate.open(performance.now(), this.heard())) return;
    clearInterval(this.#gateTimer);
    this.#gateTimer = undefined;
    this.#mute();
  }

  #mute(): void {
    const shut = this.#gateTimer !== undefined;
    this.#element.muted = shut || this.#silent;
    for (const element of this.#others()) element.muted = shut;
  }

  async #measureDelay(receiver: RTCRtpReceiver): Promise<void> {
    const report = await receiver.getStats();
    for (const stats of report.values() as Iterable<MediaPlayoutStats>) {
      if (stats.type !== "media-playout" || stats.totalPlayoutDelay === undefined || stats.totalSamplesCount === undefined) continue;
      const now = { delay: stats.totalPlayoutDelay, samples: stats.totalSamplesCount };
      const before = this.#played ?? { delay: 0, samples: 0 };
      this.#played = now;
      if (now.samples > before.samples) this.clock.playoutDelayMs = ((now.delay - before.delay) / (now.samples - before.samples)) * 1000;
      return;
    }
    this.clock.playoutDelayMs = (this.#context.outputLatency || 0) * 1000;
  }

  #detach(): void {
    clearInterval(this.#statsTimer);
    this.#meter?.close();
    this.#anchor?.close();
    this.#source?.disconnect();
    if (this.#source && this.#source.context !== this.#context) void closeContext(this.#source.context);
    this.#element.srcObject = null;
    this.#receiver = undefined;
    this.#meter = undefined;
    this.#anchor = undefined;
    this.#source = undefined;
    this.#played = undefined;
  }
}
