/** From a mouth shape to outlines. The origin is the middle of the closed lips; x to the viewer's right, y down, in the portrait's units. */

import type { MouthShape } from "./visemes.ts";

export interface MouthPaths {
  readonly lips: string;
  readonly upperLip: string;
  readonly inside: string;
  readonly upperTeeth: string;
  readonly lowerTeeth: string;
  readonly tongue: string;
  readonly seam: string;
  readonly gloss: string;
  /** How far the jaw is down. */
  readonly drop: number;
  readonly halfWidth: number;
  readonly cornerY: number;
}

const HALF_WIDTH = 34;
const JAW = 33;

/** `smile`: −1 (sad) to 1 lifts the corners and draws the lips out. */
export function mouthPaths(shape: MouthShape, smile: number): MouthPaths {
  const { open, wide, round, press, tuck } = shape;
  const gap = JAW * open;
  const w = HALF_WIDTH + (wide < 0 ? 17 : 8) * wide + 6 * smile * (1 - round) - 2 * open;
  const inner = w * (0.9 - 0.05 * round);
  const top = -0.24 * gap + 1.3 * Math.max(0, smile) * (1 - open);
  const bottom = top + gap * (1 - 0.35 * tuck);
  const corner = 0.2 * gap - 9 * smile * (1 - 0.5 * open) * (1 - 0.5 * round);
  const thickUpper = 7.6 + 2.5 * round - 4.4 * press - 1.5 * open + (wide > 0 ? -1.5 * wide : 0);
  const thickLower = 10.8 + 3 * round - 5 * press - 4.5 * tuck - 2 * open + (wide > 0 ? -2 * wide : 0);
  const peak = top - thickUpper - 0.8 * Math.max(0, smile);
  const dip = peak + 2.6 - 1.6 * round;
  const base = bottom + thickLower;

  // A cubic whose two control points share one height passes its middle at a quarter of the ends plus three quarters of that height.
  const through = (middle: number): number => (middle - 0.25 * corner) / 0.75;
  const k = 0.6 - 0.06 * round + 0.08 * Math.max(0, wide);
  const innerTop = through(top);
  const innerBottom = through(bottom);

  const upperEdge = `M${p(-w, corner)}C${p(-0.72 * w, corner + 0.45 * (peak - corner))} ${p(-0.44 * w, peak)} ${p(-0.23 * w, peak)}`
    + `C${p(-0.13 * w, peak)} ${p(-0.08 * w, dip)} ${p(0, dip)}C${p(0.08 * w, dip)} ${p(0.13 * w, peak)} ${p(0.23 * w, peak)}`
    + `C${p(0.44 * w, peak)} ${p(0.72 * w, corner + 0.45 * (peak - corner))} ${p(w, corner)}`;
  const lowerEdge = `C${p(0.74 * w, corner + 0.72 * (base - corner))} ${p(0.42 * w, base)} ${p(0, base)}`
    + `C${p(-0.42 * w, base)} ${p(-0.74 * w, corner + 0.72 * (base - corner))} ${p(-w, corner)}Z`;
  const innerUpperBack = `L${p(inner, corner)}C${p(k * inner, innerTop)} ${p(-k * inner, innerTop)} ${p(-inner, corner)}Z`;

  const bite = 4.5 + 0.2 * gap;
  const upperTeethEdge = top + bite * shape.upperTeeth + 2 * tuck;
  const lowerTeethEdge = bottom - 0.62 * bite * shape.lowerTeeth;
  const tongueTop = bottom + 3 - (bottom - top) * (0.15 + 0.62 * shape.tongue);

  return {
    lips: upperEdge + lowerEdge,
    upperLip: upperEdge + innerUpperBack,
    inside: `M${p(-inner, corner)}C${p(-k * inner, innerTop)} ${p(k * inner, innerTop)} ${p(inner, corner)}`
      + `C${p(k * inner, innerBottom)} ${p(-k * inner, innerBottom)} ${p(-inner, corner)}Z`,
    upperTeeth: band(inner * 0.94, top - 12, upperTeethEdge),
    lowerTeeth: band(inner * 0.8, bottom + 12, lowerTeethEdge),
    tongue: `M${p(-0.62 * inner, bottom + 14)}C${p(-0.62 * inner, tongueTop - 1)} ${p(-0.2 * inner, tongueTop)} ${p(0, tongueTop + 1)}`
      + `C${p(0.2 * inner, tongueTop)} ${p(0.62 * inner, tongueTop - 1)} ${p(0.62 * inner, bottom + 14)}Z`,
    seam: `M${p(-w * 0.97, corner)}C${p(-k * inner, innerTop)} ${p(-0.2 * inner, innerTop + 1.2)} ${p(0, top + 0.6)}`
      + `C${p(0.2 * inner, innerTop + 1.2)} ${p(k * inner, innerTop)} ${p(w * 0.97, corner)}`,
    gloss: `M${p(-0.36 * w, bottom + 0.42 * thickLower)}Q${p(-0.04 * w, bottom + 0.68 * thickLower)} ${p(0.26 * w, bottom + 0.4 * thickLower)}`,
    drop: gap * 0.62,
    halfWidth: w,
    cornerY: corner,
  };
}

/** A strip across the mouth between two heights; the free edge bends a little. */
function band(half: number, from: number, edge: number): string {
  const bend = from < edge ? -1.6 : 1.6;
  return `M${p(-half, from)}L${p(-half, edge + bend)}Q${p(0, edge - bend * 0.4)} ${p(half, edge + bend)}L${p(half, from)}Z`;
}

const p = (x: number, y: number): string => `${n(x)} ${n(y)}`;

/** A tenth of a unit is below a pixel; shorter text is less to parse. */
export const n = (x: number): number => Math.round(x * 10) / 10;
