/** The outline of a drawn mouth. Each part of a shape moves points along a line, so that shapes may be added up as morph targets are. */

/** What a face does, each 0 at rest to 1 in full; corners and brows go down below zero. */
export interface Shape {
  open: number;
  /** The corners outwards. */
  wideLeft: number;
  wideRight: number;
  /** The corners up. */
  cornerLeft: number;
  cornerRight: number;
  /** Narrow and forward. */
  pucker: number;
  upperUp: number;
  lowerDown: number;
  /** Thin lips. */
  press: number;
  tongue: number;
  /** To the viewer's right. */
  aside: number;
  blinkLeft: number;
  blinkRight: number;
  browLeft: number;
  browRight: number;
  /** The brows' inner ends up. */
  browInner: number;
}

export const REST: Readonly<Shape> = {
  open: 0, wideLeft: 0, wideRight: 0, cornerLeft: 0, cornerRight: 0, pucker: 0, upperUp: 0, lowerDown: 0, press: 0, tongue: 0, aside: 0,
  blinkLeft: 0, blinkRight: 0, browLeft: 0, browRight: 0, browInner: 0,
};

export interface Point {
  x: number;
  y: number;
}

const HALF_WIDTH = 0.15;
const SMILE_AT_REST = 0.35;

/** Where the lips meet the opening, at `angle` around it (0: the viewer's right, up is positive). Half a mouth is 0.15 wide. */
export function inner(angle: number, shape: Shape): Point {
  const across = Math.cos(angle);
  const height = Math.sin(angle);
  const left = across > 0; // the face's own left
  const half = HALF_WIDTH * (1 - 0.5 * shape.pucker) + 0.05 * (left ? shape.wideLeft : shape.wideRight);
  const corner = 0.05 * (SMILE_AT_REST + (left ? shape.cornerLeft : shape.cornerRight)) * across ** 2;
  const upper = 0.003 + 0.025 * shape.open + 0.035 * shape.upperUp + 0.022 * shape.pucker;
  const lower = 0.003 + 0.13 * shape.open + 0.04 * shape.lowerDown + 0.022 * shape.pucker;
  return { x: half * across + 0.06 * shape.aside, y: (height > 0 ? upper : lower) * height + corner };
}

/** Where they end. */
export function outer(angle: number, shape: Shape): Point {
  const { x, y } = inner(angle, shape);
  const thick = (Math.sin(angle) > 0 ? 0.026 : 0.034) * (1 - 0.55 * shape.press) + 0.008 * shape.pucker;
  return { x: x + 0.016 * Math.cos(angle), y: y + thick * Math.sin(angle) };
}

/** The lower edge of the upper teeth: `across` from −1 to 1. */
export function teeth(across: number, shape: Shape): { top: Point; bottom: Point } {
  const top = inner(Math.acos(across * 0.85), shape);
  const length = 0.045 * shape.open + 0.03 * shape.upperUp + 0.012 * (shape.wideLeft + shape.wideRight);
  return { top, bottom: { x: top.x, y: top.y - length } };
}

/** The tongue lies on the lower lip. */
export function tongue(across: number, shape: Shape): { top: Point; bottom: Point } {
  const bottom = inner(-Math.acos(across * 0.75), shape);
  const length = (0.05 * shape.open + 0.045 * shape.tongue) * (1 - across ** 2);
  return { top: { x: bottom.x, y: bottom.y + length }, bottom };
}
