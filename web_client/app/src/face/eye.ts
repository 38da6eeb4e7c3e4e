/** Outlines of an eye and a brow. Drawn for the viewer's right eye (outer corner at +x); `side` −1 mirrors the outline, never the light in it. */

import { n } from "./mouth.ts";
import { clamp01 } from "./visemes.ts";

export interface EyePaths {
  readonly opening: string;
  readonly shade: string;
  readonly lash: string;
  readonly lowerLash: string;
  readonly crease: string;
  /** 0 when the lid is down. */
  readonly creaseOpacity: number;
}

/** `open`: 0 shut, 1 at ease, up to 1.25 wide. `squint`: 0..1, the lower lid pushed up by a smile. */
export function eyePaths(side: -1 | 1, open: number, squint: number): EyePaths {
  const p = (x: number, y: number): string => `${n(side * x)} ${n(y)}`;
  const o = Math.max(0, Math.min(1.25, open));
  const bottom = 12.5 - 5.5 * clamp01(squint);
  const rim = 13.5 - 4 * clamp01(squint);
  const top = bottom + (-18.5 - bottom) * o + (1 - clamp01(o)) * (rim - bottom);
  const innerY = 6 + 1.5 * (1 - clamp01(o));
  const outerY = -1.5 + 5.5 * (1 - clamp01(o));
  const through = (middle: number): number => (middle - 0.125 * (innerY + outerY)) / 0.75;
  const up = through(top);
  const low = through(Math.max(bottom, top));
  const upper = `C${p(-20, up + 1.5)} ${p(15, up - 1.5)} ${p(26, outerY)}`;
  const lower = `C${p(19, low + 1)} ${p(-16, low)} ${p(-25, innerY)}Z`;
  return {
    opening: `M${p(-25, innerY)}${upper}${lower}`,
    shade: `M${p(-30, innerY - 3)}C${p(-20, up - 6)} ${p(15, up - 9)} ${p(31, outerY)}C${p(16, up + 7.5)} ${p(-18, up + 10.5)} ${p(-30, innerY + 1)}Z`,
    lash: `M${p(-26, innerY + 1)}C${p(-21, up - 1.6)} ${p(13, up - 6.8)} ${p(29.5, outerY - 3)}C${p(28.5, outerY)} ${p(27.5, outerY + 1)} ${p(26, outerY + 1.4)}`
      + `C${p(15.5, up - 0.2)} ${p(-19, up + 2.6)} ${p(-26, innerY + 1)}Z`,
    lowerLash: `M${p(26, outerY + 1)}C${p(19.5, low + 1.4)} ${p(4, low + 1.4)} ${p(-6, low * 0.86 + 0.6)}`,
    crease: `M${p(-20, innerY - 12 - 4 * o)}C${p(-12, up - 8)} ${p(14, up - 11)} ${p(29, outerY - 9)}`,
    creaseOpacity: clamp01(o * 1.6),
  };
}

/** `raise`: −1 low to 1 high is the caller's offset; `bend` −1 frown (inner end down) to 1 worry (inner end up). */
export function browPath(side: -1 | 1, bend: number): string {
  const p = (x: number, y: number): string => `${n(side * x)} ${n(y)}`;
  const inner = -6 * bend;
  const outer = 2.5 * bend;
  return `M${p(-24, 0.5 + inner)}C${p(-12, -8 + inner * 0.5)} ${p(10, -12 - 1.5 * bend)} ${p(34, 4 + outer)}`
    + `C${p(14, -4 - 1.5 * bend)} ${p(-6, -0.5 + inner * 0.4)} ${p(-23, 8.5 + inner)}C${p(-27.5, 9.5 + inner)} ${p(-28.5, 3 + inner)} ${p(-24, 0.5 + inner)}Z`;
}
