/** A ping that nobody answered for this long means that the connection is dead. */
const DEAD_MS = 10_000;

/**
 * Tells a silent connection from a dead one. Time in milliseconds is passed in. Timers of a page in the background are slowed down to one a minute, so what
 * counts is silence after a ping, not silence.
 */
export class Heartbeat {
  #pings = 0;
  #asked: number | undefined;

  /** Something came. */
  heard(): void {
    this.#asked = undefined;
  }

  /** What to do now: send a ping with this id, nothing, or give the connection up. */
  tick(now: number): { ping: number } | "wait" | "dead" {
    if (this.#asked === undefined) {
      this.#asked = now;
      return { ping: this.#pings++ };
    }
    return now - this.#asked >= DEAD_MS ? "dead" : "wait";
  }
}
