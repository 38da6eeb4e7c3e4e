/** Input samples on each side of an output sample. */
const HALF = 8;
const KAISER_BETA = 5.65;

function bessel0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-9 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** The samples between the samples: a half-band interpolator (sinc under a Kaiser window, 60 dB). */
const BETWEEN = (() => {
  const taps = Float32Array.from({ length: 2 * HALF }, (_, k) => {
    const x = k - HALF + 0.5;
    return (Math.sin(Math.PI * x) / (Math.PI * x)) * (bessel0(KAISER_BETA * Math.sqrt(1 - (x / HALF) ** 2)) / bessel0(KAISER_BETA));
  });
  const gain = taps.reduce((sum, tap) => sum + tap, 0);
  return taps.map((tap) => tap / gain);
})();

/** 24 kHz to 48 kHz, chunk after chunk; a hole in media time begins anew from silence. The delay is 8 samples of 24 kHz (0.3 ms). */
export class Upsampler {
  #history = new Float32Array(2 * HALF);
  #end = NaN;

  /** `pcm`: 16-bit samples at 24 kHz; `t`: media sample (48 kHz) of the first. Returns twice as many samples, −1 to 1. */
  push(t: number, pcm: Int16Array): Float32Array<ArrayBuffer> {
    if (t !== this.#end) this.#history.fill(0);
    this.#end = t + 2 * pcm.length;
    const signal = new Float32Array(2 * HALF + pcm.length);
    signal.set(this.#history);
    for (let i = 0; i < pcm.length; i++) signal[2 * HALF + i] = pcm[i]! / 32768;
    this.#history = signal.slice(pcm.length);
    const out = new Float32Array(2 * pcm.length);
    for (let i = 0; i < pcm.length; i++) {
      out[2 * i] = signal[i + HALF]!;
      let sum = 0;
      for (let k = 0; k < 2 * HALF; k++) sum += BETWEEN[k]! * signal[i + 1 + k]!;
      out[2 * i + 1] = sum;
    }
    return out;
  }
}
