/** A flat face: parts in one colour each, whose points follow a Cubism model's standard parameters. One unit is the whole picture, up is positive. */

import { inner, outer, REST, teeth, tongue, type Point, type Shape } from "../shared/mouth.ts";

export const PARAMETERS = [
  { id: "ParamAngleX", min: -30, max: 30, rest: 0 },
  { id: "ParamAngleY", min: -30, max: 30, rest: 0 },
  { id: "ParamAngleZ", min: -30, max: 30, rest: 0 },
  { id: "ParamBodyAngleX", min: -10, max: 10, rest: 0 },
  { id: "ParamBreath", min: 0, max: 1, rest: 0 },
  { id: "ParamEyeLOpen", min: 0, max: 1, rest: 1 },
  { id: "ParamEyeROpen", min: 0, max: 1, rest: 1 },
  { id: "ParamEyeBallX", min: -1, max: 1, rest: 0 },
  { id: "ParamEyeBallY", min: -1, max: 1, rest: 0 },
  { id: "ParamMouthOpenY", min: 0, max: 1, rest: 0 },
  { id: "ParamMouthForm", min: -1, max: 1, rest: 0 },
] as const;

/** The parameters' values. */
export type Drawn = Record<(typeof PARAMETERS)[number]["id"], number>;

interface Part {
  id: string;
  /** A column of `colours.png`. */
  color: number;
  triangles: readonly number[];
  points(of: Drawn): number[];
}

const [SKIN, HAIR, WHITE, IRIS, LIPS, INSIDE, TONGUE, CLOTH] = [0, 1, 2, 3, 4, 5, 6, 7];
const AROUND = 40;
const ACROSS = 16;
const CENTRE: Point = { x: 0, y: 0.03 };
const SIZE = 0.62;

/** Turned with the head; what is nearer (`depth`) moves further. */
function turned({ x, y }: Point, of: Drawn, depth: number): [number, number] {
  const angle = (of.ParamAngleZ * Math.PI) / 180;
  const [dx, dy] = [x + of.ParamAngleX * 0.0022 * depth, y + of.ParamAngleY * 0.0022 * depth + 0.006 * of.ParamBreath];
  return [CENTRE.x + SIZE * (dx * Math.cos(angle) - dy * Math.sin(angle)), CENTRE.y + SIZE * (dx * Math.sin(angle) + dy * Math.cos(angle))];
}

/** A closed shape around its first point. */
function fan(id: string, color: number, depth: number, at: (angle: number, of: Drawn) => Point, middle: (of: Drawn) => Point): Part {
  return {
    id,
    color,
    triangles: Array.from({ length: AROUND }, (_, k) => [0, k + 1, ((k + 1) % AROUND) + 1]).flat(),
    points: (of) => [middle(of), ...Array.from({ length: AROUND }, (_, k) => at((2 * Math.PI * k) / AROUND, of))].flatMap((point) => turned(point, of, depth)),
  };
}

function ellipse(id: string, color: number, depth: number, x: number, y: number, width: number, height: number, open: (of: Drawn) => number = () => 1): Part {
  const at = (angle: number, of: Drawn): Point => ({ x: x + width * Math.cos(angle), y: y + height * open(of) * Math.sin(angle) });
  return fan(id, color, depth, at, () => ({ x, y }));
}

/** A band between two lines; `share` goes along it from 0 to 1. */
function band(id: string, color: number, steps: number, edges: (share: number, shape: Shape) => { top: Point; bottom: Point }): Part {
  return {
    id,
    color,
    triangles: Array.from({ length: steps }, (_, k) => [2 * k, 2 * k + 1, 2 * k + 2, 2 * k + 1, 2 * k + 2, 2 * k + 3]).flat(),
    points(of) {
      const shape = mouthShape(of);
      return Array.from({ length: steps + 1 }, (_, k) => edges(k / steps, shape))
        .flatMap(({ top, bottom }) => [top, bottom])
        .flatMap(({ x, y }) => turned({ x, y: y - 0.24 }, of, 1.3));
    },
  };
}

function mouthShape({ ParamMouthOpenY: open, ParamMouthForm: form }: Drawn): Shape {
  const wide = Math.max(0, form);
  return { ...REST, open, wideLeft: wide, wideRight: wide, pucker: Math.max(0, -form), cornerLeft: 0.3 * wide, cornerRight: 0.3 * wide };
}

function eye(side: 1 | -1): Part[] {
  const open = (of: Drawn): number => 0.08 + 0.92 * (side > 0 ? of.ParamEyeLOpen : of.ParamEyeROpen);
  const name = side > 0 ? "L" : "R";
  const x = 0.17 * side;
  const iris = (angle: number, of: Drawn): Point => ({
    x: x + 0.012 * of.ParamEyeBallX + 0.05 * Math.cos(angle),
    y: 0.05 + 0.012 * of.ParamEyeBallY + 0.062 * Math.min(1, open(of)) * Math.sin(angle),
  });
  return [
    ellipse(`EyeWhite${name}`, WHITE, 1.1, x, 0.05, 0.085, 0.1, open),
    fan(`Iris${name}`, IRIS, 1.2, iris, (of) => ({ x: x + 0.012 * of.ParamEyeBallX, y: 0.05 + 0.012 * of.ParamEyeBallY })),
    ellipse(`Light${name}`, WHITE, 1.2, x + 0.018, 0.075, 0.014, 0.016, open),
    ellipse(`Brow${name}`, HAIR, 1.2, x, 0.22, 0.09, 0.014),
  ];
}

/** From the back to the front. */
export const PARTS: readonly Part[] = [
  ellipse("HairBack", HAIR, 0.3, 0, 0.06, 0.5, 0.58),
  ellipse("Neck", SKIN, 0.3, 0, -0.55, 0.13, 0.3),
  ellipse("Body", CLOTH, 0, 0, -0.98, 0.6, 0.32),
  ellipse("Face", SKIN, 0.8, 0, -0.02, 0.42, 0.5),
  ellipse("Fringe", HAIR, 1, 0, 0.4, 0.38, 0.15),
  ...eye(1),
  ...eye(-1),
  ellipse("Nose", LIPS, 1.5, 0, -0.08, 0.018, 0.012),
  band("Lips", LIPS, AROUND, (share, shape) => ({ top: outer(2 * Math.PI * share, shape), bottom: inner(2 * Math.PI * share, shape) })),
  band("Inside", INSIDE, ACROSS, (share, shape) => ({ top: inner(Math.PI * share, shape), bottom: inner(-Math.PI * share, shape) })),
  band("Tongue", TONGUE, ACROSS, (share, shape) => tongue(2 * share - 1, shape)),
  band("Teeth", WHITE, ACROSS, (share, shape) => teeth(2 * share - 1, shape)),
];
