/** Waits between the attempts to come back, in milliseconds: about half a minute in all. */
const WAITS_MS = [250, 1000, 2000, 4000, 8000, 8000, 8000];

/** Codes that another attempt cannot change. */
const FINAL: ReadonlySet<string> = new Set(["unknown_persona", "forbidden", "unsupported", "livekit_client_missing", "aborted", "taken_over"]);

/** When to try again. */
export class Backoff {
  #attempts = 0;

  /** Milliseconds to wait before the next attempt, or undefined to give up. `chance` (0 to 1) spreads the clients of a server that restarted. */
  next(chance: number, failure?: { code: string; retryMs?: number | undefined }): number | undefined {
    const wait = WAITS_MS[this.#attempts++];
    if (wait === undefined || (failure && FINAL.has(failure.code))) return undefined;
    return Math.max(wait * (0.8 + 0.4 * chance), (failure?.retryMs ?? 0) * (1 + 0.4 * chance));
  }
}
