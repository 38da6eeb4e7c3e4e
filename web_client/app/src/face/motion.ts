/** Motion over time without a clock of its own: every step is told how many seconds passed. */

/** Follows a target like a critically damped spring: smooth start, no overshoot, the same path at any frame rate. */
export class Spring {
  value: number;
  private velocity = 0;

  /** `halfSeconds`: about the time for half of the way. */
  constructor(value: number, private readonly halfSeconds: number) {
    this.value = value;
  }

  step(target: number, seconds: number): number {
    // x(t) = e^(−ωt)·(x₀ + (v₀ + ωx₀)t), the exact solution; it reaches one half at ωt ≈ 1.678.
    const omega = 1.678 / this.halfSeconds;
    const offset = this.value - target;
    const carried = (this.velocity + omega * offset) * seconds;
    const decay = Math.exp(-omega * seconds);
    this.velocity = (this.velocity - omega * carried) * decay;
    this.value = target + (offset + carried) * decay;
    return this.value;
  }

  /** An impulse, in units a second. */
  push(velocity: number): void {
    this.velocity += velocity;
  }

  get moving(): boolean {
    return Math.abs(this.velocity) > 0.12;
  }
}

/** A number in [0, 1) at each call; the same seed gives the same numbers (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

const CLOSE_SECONDS = 0.07;
const SHUT_SECONDS = 0.03;
const OPEN_SECONDS = 0.14;

/** Lids that fall by themselves now and then, sometimes twice. */
export class Blink {
  private left: number;
  private phase = Infinity;

  constructor(private readonly next: () => number) {
    this.left = 1.2 + 2 * next();
  }

  /** How far the lids are open, 1 to 0. `rate` scales how often; 0 stops new blinks. */
  step(seconds: number, rate: number): number {
    this.phase += seconds;
    this.left -= seconds * rate;
    if (this.left <= 0) this.start();
    const opening = this.phase - CLOSE_SECONDS - SHUT_SECONDS;
    if (opening > OPEN_SECONDS) return 1;
    if (this.phase < CLOSE_SECONDS) return 1 - ease(this.phase / CLOSE_SECONDS);
    return opening < 0 ? 0 : ease(opening / OPEN_SECONDS);
  }

  start(): void {
    if (!this.blinking) this.phase = 0;
    this.left = this.next() < 0.14 ? 0.38 : 2.2 + 3.6 * this.next();
  }

  get blinking(): boolean {
    return this.phase < CLOSE_SECONDS + SHUT_SECONDS + OPEN_SECONDS;
  }
}

const ease = (x: number): number => x * x * (3 - 2 * x);
