// @ts-check
/**
 * Runs in the AudioWorklet: the microphone in frames of 20 ms, 16 kHz mono, 16-bit. This file is loaded as it is, so it stands alone.
 * Out: an ArrayBuffer of 320 little-endian samples a message.
 */

const RATE = 16_000;
const FRAME_SAMPLES = 320;
/** Zero crossings of the sinc on each side, at the lower of the two rates. */
const CROSSINGS = 16;
const ATTENUATION_DB = 60;

/** Zeroth-order modified Bessel function of the first kind. @param {number} x */
function bessel0(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-9 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** @param {number} a @param {number} b @returns {number} */
const gcd = (a, b) => (b === 0 ? a : gcd(b, a % b));

/**
 * Any whole rate to any other: a polyphase low-pass, a sinc under a Kaiser window (Oppenheim and Schafer, Discrete-Time Signal Processing, 7.5.3).
 * State is kept between calls; the delay is half the filter: 1 ms from 48 kHz to 16 kHz.
 */
export class Resampler {
  /** @param {number} from Hz @param {number} to Hz */
  constructor(from, to) {
    const common = gcd(from, to);
    /** @readonly */ this.up = to / common;
    /** @readonly */ this.down = from / common;
    const half = Math.ceil(CROSSINGS * Math.max(1, from / to));
    const cutoff = 0.46 * Math.min(1, to / from);
    const beta = 0.1102 * (ATTENUATION_DB - 8.7);
    /** @readonly */ this.taps = 2 * half;
    /** One filter for each place that an output sample can have between two input samples. @type {Float32Array[]} */
    this.phases = Array.from({ length: this.up }, (_, phase) => {
      const taps = new Float32Array(this.taps);
      let gain = 0;
      for (let k = 0; k < this.taps; k++) {
        const x = k - half + 1 - phase / this.up;
        const sinc = x === 0 ? 2 * cutoff : Math.sin(2 * Math.PI * cutoff * x) / (Math.PI * x);
        const window = Math.abs(x) > half ? 0 : bessel0(beta * Math.sqrt(1 - (x / half) ** 2)) / bessel0(beta);
        taps[k] = sinc * window;
        gain += sinc * window;
      }
      return taps.map((tap) => tap / gain);
    });
    this.history = new Float32Array(this.taps);
    /** Place of the next output sample, in `1 / up` of input samples from the start of the history. */
    this.next = 0;
  }

  /** @param {Float32Array} input @param {(sample: number) => void} output */
  push(input, output) {
    const signal = new Float32Array(this.history.length + input.length);
    signal.set(this.history);
    signal.set(input, this.history.length);
    for (;;) {
      const at = Math.floor(this.next / this.up);
      if (at + this.taps > signal.length) break;
      const filter = /** @type {Float32Array} */ (this.phases[this.next % this.up]);
      let sum = 0;
      for (let k = 0; k < this.taps; k++) sum += /** @type {number} */ (filter[k]) * /** @type {number} */ (signal[at + k]);
      output(sum);
      this.next += this.down;
    }
    const used = Math.min(Math.floor(this.next / this.up), signal.length);
    this.history = signal.slice(used);
    this.next -= used * this.up;
  }
}

/** Gathers samples into frames of 16-bit PCM. */
export class Framer {
  /** @param {(frame: Int16Array<ArrayBuffer>) => void} output */
  constructor(output) {
    this.output = output;
    this.frame = new Int16Array(FRAME_SAMPLES);
    this.filled = 0;
  }

  /** @param {number} sample −1 to 1 */
  push(sample) {
    this.frame[this.filled++] = Math.round(Math.max(-1, Math.min(1, sample)) * 32767);
    if (this.filled < FRAME_SAMPLES) return;
    this.output(this.frame);
    this.frame = new Int16Array(FRAME_SAMPLES);
    this.filled = 0;
  }
}

if (typeof registerProcessor === "function") {
  registerProcessor(
    "visavis-microphone",
    class extends AudioWorkletProcessor {
      constructor() {
        super();
        this.resampler = new Resampler(sampleRate, RATE);
        this.framer = new Framer((frame) => this.port.postMessage(frame.buffer, [frame.buffer]));
        this.silence = new Float32Array(128);
      }

      /** Without a source it counts silence: the microphone's clock goes on. @param {Float32Array[][]} inputs */
      process(inputs) {
        const input = inputs[0]?.[0] ?? this.silence;
        this.resampler.push(input, (sample) => this.framer.push(sample));
        return true;
      }
    },
  );
}
