const SAMPLES_A_MS = 48;
/** From the arrival of a message about a sample to the moment at which that sample is heard: network, jitter buffer and loudspeaker. */
const USUAL_DELAY_MS = 120;

/** Media time at the ear where the door cannot know it (yet): counted from the moment at which the beginning of the sound was told. Tens of milliseconds off. */
export class EstimatedClock {
  #anchor: { t: number; at: number } | undefined;

  /** The sound of media sample `t` has just left the server. */
  begin(t: number, nowMs: number): void {
    this.#anchor = { t, at: nowMs };
  }

  heard(nowMs: number): number | null {
    return this.#anchor === undefined ? null : this.#anchor.t + (nowMs - this.#anchor.at - USUAL_DELAY_MS) * SAMPLES_A_MS;
  }
}
