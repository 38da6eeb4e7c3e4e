/** When a sample of the answer reached the ear, found by asking the session's media clock. */

const SAMPLES_A_MS = 48;
const ASK_MS = 50;
/** The WebSocket's player sets its clock anew after an answer's first sound: only what is this far past the sample is believed. */
const SETTLED_MS = 500;
const LIMIT_MS = 10_000;

export interface Watch {
  /** The answer was cut: what has not been heard by now never will be. */
  cut(): void;
  /** Asks no more, tells nothing. */
  stop(): void;
}

/**
 * Calls `tell` once with the moment, in milliseconds of `performance.now()`, at which media sample `t0` was at the ear; never when that cannot be known.
 * `ear` gives the sample that is at the ear now, or null while unknown.
 */
export function watchEar(t0: number, ear: () => number | null, tell: (at: number) => void): Watch {
  const begun = performance.now();
  const since = (): number | null => {
    const now = ear();
    return now === null ? null : (now - t0) / SAMPLES_A_MS;
  };
  const stop = (): void => clearInterval(timer);
  const end = (ms: number): void => {
    stop();
    tell(performance.now() - ms);
  };
  const timer = setInterval(() => {
    const ms = since();
    if (ms !== null && ms >= SETTLED_MS) end(ms);
    else if (performance.now() - begun > LIMIT_MS) stop();
  }, ASK_MS);
  return {
    stop,
    cut() {
      const ms = since();
      if (ms !== null && ms >= 0) end(ms);
      else stop();
    },
  };
}
