const FLOOR_DB = -55;
const CEILING_DB = -10;

/** Loudness on a scale from 0 (−55 dBFS and below) to 1 (−10 dBFS and above), linear in dB. `samples` run from −1 to 1. */
export function loudness(samples: Float32Array): number {
  let energy = 0;
  for (const sample of samples) energy += sample * sample;
  if (energy === 0) return 0;
  const db = 10 * Math.log10(energy / samples.length);
  return Math.min(1, Math.max(0, (db - FLOOR_DB) / (CEILING_DB - FLOOR_DB)));
}

/** The loudness of what flows through a node now (its last 21 to 23 ms). */
export class Meter {
  readonly #analyser: AnalyserNode;
  readonly #samples: Float32Array<ArrayBuffer>;

  constructor(source: AudioNode) {
    this.#analyser = new AnalyserNode(source.context, { fftSize: 1024 });
    this.#samples = new Float32Array(this.#analyser.fftSize);
    source.connect(this.#analyser);
  }

  level(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return loudness(this.#samples);
  }

  close(): void {
    this.#analyser.disconnect();
  }
}
