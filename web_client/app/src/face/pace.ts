/** How often to draw. A machine that draws with its processor, and may be thinking with it too, gets fewer frames. */

/** Seconds between frames: of lively motion, and of breath and sway. */
const FULL = { lively: 1 / 70, calm: 1 / 22 };
const SPARING = { lively: 1 / 25, calm: 1 / 12 };

/** When the frame after a drawn one comes this late on average, drawing is too dear; below the second it is cheap again. */
const DEAR_SECONDS = 0.024;
const CHEAP_SECONDS = 0.0172;
const WEIGHT = 0.03;

export class Pace {
  private last = 0;
  private drawn = -1;
  private delay = 1 / 60;
  private sparing = false;

  /** Tells whether to draw at this animation frame; `now` in seconds. */
  due(now: number, lively: boolean): boolean {
    const gap = now - this.last;
    // Only frames that follow a drawn one tell its cost; a long gap was a hidden page.
    if (this.drawn === this.last && gap < 0.25) this.delay += (gap - this.delay) * WEIGHT;
    if (this.delay > DEAR_SECONDS) this.sparing = true;
    else if (this.delay < CHEAP_SECONDS) this.sparing = false;
    this.last = now;
    const { lively: short, calm: long } = this.sparing ? SPARING : FULL;
    if (now - this.drawn < (lively ? short : long)) return false;
    this.drawn = now;
    return true;
  }
}
