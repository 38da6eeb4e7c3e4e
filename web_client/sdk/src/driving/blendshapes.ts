/** Frames of a whole face on the media clock, as the server makes them. No clock, no timers. */

const RATE = 48_000;
/** Without a newer frame the face is not known any more after this: 100 ms. */
const LONGEST_GAP = RATE / 10;
/** Frames that are kept at most: 4 s at 30 a second. */
const MAX_FRAMES = 120;

interface FaceFrame {
  readonly t: number;
  readonly gen: number;
  readonly weights: Uint8Array;
}

export class BlendshapeTrack {
  #frames: FaceFrame[] = [];
  /** Newest packet, so that one that was overtaken does not undo it. */
  #newest = -1;
  readonly #size: number;
  readonly #out: Float32Array;

  /** `size`: numbers in a frame. */
  constructor(size: number) {
    this.#size = size;
    this.#out = new Float32Array(size);
  }

  /** A packet: frames a second, number of frames, then the frames; the first is for media sample `t`. Replaces what is there from `t` on. Nonsense is ignored. */
  add(gen: number, seq: number, t: number, payload: Uint8Array): void {
    const [fps = 0, n = 0] = payload;
    if (fps === 0 || payload.length < 2 + n * this.#size || seq <= this.#newest) return;
    this.#newest = seq;
    this.cut(t);
    const step = RATE / fps;
    for (let k = 0; k < n; k++) {
      const begin = 2 + k * this.#size;
      this.#frames.push({ t: t + k * step, gen, weights: payload.slice(begin, begin + this.#size) });
    }
    this.#frames.splice(0, this.#frames.length - MAX_FRAMES);
  }

  /** Forgets what was to come from sample `t` on. */
  cut(t: number): void {
    this.#frames = this.#frames.filter((frame) => frame.t < t);
  }

  /** Forgets what belongs to a generation older than `minGen`. */
  purge(minGen: number): void {
    this.#frames = this.#frames.filter((frame) => frame.gen >= minGen);
  }

  /** The weights (0..1) at media sample `heard`, or null while they are not known. The array is the same each time. */
  at(heard: number): Float32Array | null {
    const next = this.#frames.findIndex((frame) => frame.t > heard);
    const before = next === -1 ? this.#frames.at(-1) : this.#frames[next - 1];
    const after = next === -1 ? undefined : this.#frames[next];
    if (!before || heard - before.t > LONGEST_GAP) return null;
    const share = after && after.t - before.t <= LONGEST_GAP ? (heard - before.t) / (after.t - before.t) : 0;
    for (let k = 0; k < this.#size; k++) {
      const from = before.weights[k]!;
      this.#out[k] = (from + ((after?.weights[k] ?? from) - from) * share) / 255;
    }
    return this.#out;
  }
}
