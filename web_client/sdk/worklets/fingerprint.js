// @ts-check
/**
 * Runs in the AudioWorklet: measures the loudness of a voice as the server does (docs/protocol.md, `media_fp`), four times as often. This file is loaded as it
 * is, so it stands alone. The context runs at 48 kHz.
 *
 * Out: `{frame, levels}`: `levels[k]` is the loudness of the 10 ms that end at context frame `frame + 120 k`, in dB above −100 dBFS.
 *
 * @typedef {{frame: number, levels: number[]}} Report
 */

const JOINED = 8;
const WINDOW = 60;
const HOP = 15;
const FIRST_BIN = 2;
const LAST_BIN = 18;
/** Levels in a report: 50 ms. */
const REPORTED = 20;

/** @type {Float32Array[]} */
const COS = [];
/** @type {Float32Array[]} */
const SIN = [];
for (let bin = FIRST_BIN; bin <= LAST_BIN; bin++) {
  COS.push(Float32Array.from({ length: WINDOW }, (_, n) => Math.cos((2 * Math.PI * bin * n) / WINDOW)));
  SIN.push(Float32Array.from({ length: WINDOW }, (_, n) => Math.sin((2 * Math.PI * bin * n) / WINDOW)));
}

export class Loudness {
  /** The last samples at 6 kHz, twice in a row, so that a window is one stretch. */
  ring = new Float32Array(2 * WINDOW);
  at = 0;
  sum = 0;
  joined = 0;
  /** Samples at 6 kHz since the last level. */
  since = 0;
  filled = 0;

  /** The next samples. `tell` gets each level, and how many of `samples` it includes. @param {Float32Array} samples @param {(level: number, taken: number) => void} tell */
  push(samples, tell) {
    for (let k = 0; k < samples.length; k++) {
      this.sum += samples[k] ?? 0;
      if (++this.joined < JOINED) continue;
      const { at } = this;
      this.ring[at] = this.ring[at + WINDOW] = this.sum / JOINED;
      this.at = (at + 1) % WINDOW;
      this.sum = 0;
      this.joined = 0;
      this.filled = Math.min(WINDOW, this.filled + 1);
      if (++this.since < HOP) continue;
      this.since = 0;
      if (this.filled === WINDOW) tell(this.level(), k + 1);
    }
  }

  level() {
    const { ring, at } = this;
    let power = 0;
    for (let bin = 0; bin < COS.length; bin++) {
      const cos = /** @type {Float32Array} */ (COS[bin]);
      const sin = /** @type {Float32Array} */ (SIN[bin]);
      let re = 0;
      let im = 0;
      for (let n = 0; n < WINDOW; n++) {
        const x = /** @type {number} */ (ring[at + n]);
        re += x * /** @type {number} */ (cos[n]);
        im += x * /** @type {number} */ (sin[n]);
      }
      power += re * re + im * im;
    }
    return 20 * Math.log10(Math.sqrt(2 * power) / WINDOW + 1e-5) + 100;
  }
}

if (typeof registerProcessor === "function") {
  registerProcessor(
    "visavis-fingerprint",
    class extends AudioWorkletProcessor {
      constructor() {
        super();
        this.loudness = new Loudness();
        /** @type {number[]} */
        this.levels = [];
        this.frame = 0;
      }

      /** @param {Float32Array[][]} inputs */
      process(inputs) {
        const input = inputs[0]?.[0];
        // A source that gives nothing is silent; its time goes on.
        this.loudness.push(input ?? new Float32Array(128), (level, taken) => {
          if (this.levels.length === 0) this.frame = currentFrame + taken;
          this.levels.push(level);
          if (this.levels.length < REPORTED) return;
          this.port.postMessage({ frame: this.frame, levels: this.levels });
          this.levels = [];
        });
        return true;
      }
    },
  );
}
