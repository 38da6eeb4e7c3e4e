import { heardFrame, resumeContext } from "./context.js";
import { FrameMap, type Mark } from "./frame_map.js";
import { Meter } from "./level.js";
import type { Speaker } from "./speaker.js";
import { Upsampler } from "./upsampler.js";
import { playerNode } from "./worklets.js";

/** What `worklets/player.js` reports. */
interface Report {
  marks: Mark[];
  underruns: number;
  dropped: number;
}

/** Plays PCM by its media time, for doors that carry sound as messages. The context belongs to the caller. */
export class PcmSpeaker implements Speaker {
  readonly #context: AudioContext;
  readonly #node: AudioWorkletNode;
  readonly #meter: Meter;
  readonly #map = new FrameMap();
  readonly #upsampler = new Upsampler();
  #underruns = 0;

  static async open(context: AudioContext): Promise<PcmSpeaker> {
    return new PcmSpeaker(context, await playerNode(context));
  }

  private constructor(context: AudioContext, node: AudioWorkletNode) {
    this.#context = context;
    this.#node = node;
    this.#meter = new Meter(node);
    node.connect(context.destination);
    node.port.onmessage = ({ data }: MessageEvent<Report>) => {
      for (const mark of data.marks) this.#map.add(mark);
      this.#underruns = data.underruns;
    };
  }

  /** How often sound came too late. */
  get underruns(): number {
    return this.#underruns;
  }

  /** Sound of generation `gen`: 16-bit, 24 kHz mono, from media sample `t` on. While the browser holds sound back it is lost: speech is live. */
  push(gen: number, t: number, pcm: Int16Array): void {
    if (this.#context.state !== "running") return;
    const samples = this.#upsampler.push(t, pcm);
    this.#node.port.postMessage({ chunk: { gen, t, samples } }, [samples.buffer]);
  }

  begin(): void {
    // Each chunk says where it belongs.
  }

  hold(): void {
    this.#node.port.postMessage({ hold: true });
  }

  goOn(): void {
    // It is sent again.
  }

  purge(minGen: number): void {
    this.#node.port.postMessage({ purge: minGen });
  }

  heard(): number | null {
    const t = this.#map.at(heardFrame(this.#context));
    return t === null ? null : Math.max(0, Math.round(t));
  }

  level(): number {
    return this.#meter.level();
  }

  resume(): Promise<boolean> {
    return resumeContext(this.#context);
  }

  close(): void {
    this.#node.port.onmessage = null;
    this.#meter.close();
    this.#node.disconnect();
  }
}
