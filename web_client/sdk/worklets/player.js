// @ts-check
/**
 * Runs in the AudioWorklet: plays answers by their media time. This file is loaded as it is, so it stands alone. The context runs at 48 kHz, so that one
 * frame is one media sample.
 *
 * In: `{chunk: Chunk}`, `{purge: number}` (nothing of an older generation is played any more), `{hold: true}` (what waits is not played; it is sent again).
 * Out: `Report`, when something in it has changed.
 *
 * A hole in `t` is silence. The map from frames to media samples stays as it is while sound comes in time; the first sound of a generation, and sound that
 * came too late, is gathered for a moment that adapts to the network, and the map begins anew.
 *
 * @typedef {{gen: number, t: number, samples: Float32Array}} Chunk
 * @typedef {{frame: number, t: number}} Mark From `frame` on, media runs from `t`.
 * @typedef {{marks: Mark[], underruns: number, dropped: number}} Report
 */

const MS = 48;
const START_MS = 60;
const START_MIN_MS = 40;
const START_MAX_MS = 400;
const MAX_QUEUED_MS = 30_000;
/** A cut ends in a slope: no click. */
const FADE_SAMPLES = 3 * MS;

export class Player {
  /** In order of media time, without overlaps. @type {Chunk[]} */
  queue = [];
  /** Samples of the first chunk that were played. */
  offset = 0;
  /** Samples that wait. */
  queued = 0;
  /** Media sample of the next frame; it runs on in silence. NaN before the first sound. */
  t = NaN;
  /** Generation of the last sound. */
  gen = -1;
  minGen = 0;
  /** @type {"dry" | "gathering" | "playing"} */
  state = "dry";
  /** Frames to gather, and how many have gone by. */
  start = START_MS * MS;
  gathered = 0;
  underruns = 0;
  dropped = 0;
  /** @type {Mark[]} */
  marks = [];

  /** @param {Chunk} chunk */
  push(chunk) {
    const tail = this.queue.at(-1);
    const overlaps = tail !== undefined && chunk.t < tail.t + tail.samples.length;
    const size = chunk.samples.length;
    if (chunk.gen < this.minGen || overlaps || size === 0 || this.queued + size > MAX_QUEUED_MS * MS) {
      this.dropped += 1;
      return;
    }
    if (this.state === "dry") this.wake(chunk);
    this.queue.push(chunk);
    this.queued += size;
  }

  /** Sound comes after none: in time, too late, or of a new generation. @param {Chunk} chunk */
  wake(chunk) {
    const fresh = chunk.gen !== this.gen;
    const late = !fresh && chunk.t < this.t;
    if (late) {
      this.underruns += 1;
      this.start = Math.min(START_MAX_MS * MS, this.start * 1.5 + 20 * MS);
    } else if (fresh) {
      this.start = Math.max(START_MIN_MS * MS, this.start - 10 * MS);
    }
    this.state = fresh || late ? "gathering" : "playing";
    this.gathered = 0;
  }

  /** @param {number} minGen */
  purge(minGen) {
    this.minGen = Math.max(this.minGen, minGen);
    this.keep((chunk) => chunk.gen >= this.minGen);
  }

  hold() {
    this.keep(() => false);
  }

  /** Forgets the sound that waits, except for some. What is sounding ends in a slope. @param {(chunk: Chunk) => boolean} wanted */
  keep(wanted) {
    const head = this.queue[0];
    const stays = this.queue.filter(wanted);
    if (!head || stays.length === this.queue.length) return;
    const sounding = this.state === "playing" && !wanted(head) && head.t + this.offset === this.t;
    if (sounding) {
      const tail = head.samples.slice(this.offset, this.offset + FADE_SAMPLES);
      stays.unshift({ gen: head.gen, t: this.t, samples: tail.map((sample, k) => sample * (1 - (k + 1) / tail.length)) });
    } else {
      this.state = stays.length > 0 ? "gathering" : "dry";
      this.gathered = 0;
    }
    this.queue = stays;
    this.offset = 0;
    this.queued = stays.reduce((sum, chunk) => sum + chunk.samples.length, 0);
  }

  /** Fills the next block. @param {Float32Array} out @param {number} frame of its first sample */
  render(out, frame) {
    out.fill(0);
    let k = 0;
    while (k < out.length) {
      const head = this.queue[0];
      const left = out.length - k;
      if (!head) {
        this.state = "dry";
        this.t += left;
        return;
      }
      if (this.state === "gathering") {
        const wait = this.queued >= this.start ? 0 : Math.min(this.start - this.gathered, left);
        if (wait > 0) {
          this.gathered += wait;
          this.t += wait;
          k += wait;
          continue;
        }
        this.state = "playing";
        if (head.t !== this.t) {
          this.t = head.t;
          this.marks.push({ frame: frame + k, t: head.t });
        }
      }
      const hole = Math.min(head.t + this.offset - this.t, left);
      const n = hole > 0 ? hole : Math.min(head.samples.length - this.offset, left);
      if (hole <= 0) this.play(head, n, out, k);
      this.t += n;
      k += n;
    }
  }

  /** @param {Chunk} head @param {number} n @param {Float32Array} out @param {number} at */
  play(head, n, out, at) {
    out.set(head.samples.subarray(this.offset, this.offset + n), at);
    this.gen = head.gen;
    this.offset += n;
    this.queued -= n;
    if (this.offset < head.samples.length) return;
    this.queue.shift();
    this.offset = 0;
  }
}

if (typeof registerProcessor === "function") {
  registerProcessor(
    "visavis-player",
    class extends AudioWorkletProcessor {
      constructor() {
        super();
        this.player = new Player();
        this.reported = 0;
        this.port.onmessage = ({ data }) => {
          if (data.chunk) this.player.push(data.chunk);
          if (data.purge !== undefined) this.player.purge(data.purge);
          if (data.hold) this.player.hold();
        };
      }

      /** @param {Float32Array[][]} _ @param {Float32Array[][]} outputs */
      process(_, outputs) {
        const out = outputs[0]?.[0];
        if (!out) return true;
        const { player } = this;
        player.render(out, currentFrame);
        const { underruns, dropped } = player;
        if (player.marks.length > 0 || underruns + dropped !== this.reported) {
          this.port.postMessage({ marks: player.marks, underruns, dropped });
          player.marks = [];
          this.reported = underruns + dropped;
        }
        return true;
      }
    },
  );
}
