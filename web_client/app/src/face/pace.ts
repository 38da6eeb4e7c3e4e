/** How often to draw, and how much. A machine that draws with its processor, and may be thinking with it too, gets fewer frames. */

/** `whole`: everything. `features`: eyes and mouth, where they were; a small part of the picture, and a small part of the work. */
export type Frame = "whole" | "features";

/** Seconds between frames: of lively motion, and of breath and sway. */
const FULL = { lively: 1 / 70, calm: 1 / 22 };
const SPARING = { lively: 1 / 25, calm: 1 / 8 };

/** When the frame after a whole one comes this late on average, drawing is too dear; below the second it is cheap again. */
const DEAR_SECONDS = 0.024;
const CHEAP_SECONDS = 0.0172;
const WEIGHT = 0.05;
/** Of a usual screen. */
const FRAME_SECONDS = 1 / 60;

export class Pace {
  private last = 0;
  private drawn = -1;
  private whole = -1;
  private delay = 1 / 60;
  private sparing: boolean;

  /** `dear`: the machine is known to draw with its processor, whatever the frames tell. */
  constructor(private readonly dear = false) {
    this.sparing = dear;
  }

  /** Tells what to draw at this animation frame, if anything; `now` in seconds. */
  due(now: number, lively: boolean): Frame | null {
    const gap = now - this.last;
    // Only frames that follow a whole one tell its cost; a long gap was a hidden page.
    if (this.whole === this.last && gap < 0.25) this.delay += (gap - this.delay) * WEIGHT;
    if (this.delay > DEAR_SECONDS) this.sparing = true;
    else if (this.delay < CHEAP_SECONDS) this.sparing = this.dear;
    this.last = now;
    const { lively: short, calm: long } = this.sparing ? SPARING : FULL;
    if (now - this.drawn < (lively ? short : long)) return null;
    this.drawn = now;
    if (this.sparing && now - this.whole < long) return "features";
    this.whole = now;
    return "whole";
  }

  /** Seconds for which no animation frame need be asked for: on a machine that is spared even frames that draw nothing are work. */
  rest(lively: boolean): number {
    return this.sparing ? (lively ? SPARING.lively : SPARING.calm) - FRAME_SECONDS : 0;
  }
}

/** Names of renderers that are programs: Chromium's, Mesa's, Windows'. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** Whether this browser draws without a graphics processor: it has none to offer to WebGL either. */
export function drawsInSoftware(): boolean {
  const context = document.createElement("canvas").getContext("webgl", { failIfMajorPerformanceCaveat: true });
  if (context === null) return true;
  const unmasked = context.getExtension("WEBGL_debug_renderer_info")?.UNMASKED_RENDERER_WEBGL;
  const renderer = String(context.getParameter(unmasked ?? context.RENDERER));
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return SOFTWARE.test(renderer);
}
