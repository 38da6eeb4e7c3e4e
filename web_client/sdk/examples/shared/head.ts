/** A head made of a few round parts, as one mesh with morph targets: there is no free model to load, and these pages are about how one is driven. */

import { BufferGeometry, Color, Float32BufferAttribute, Mesh, MeshStandardMaterial, PlaneGeometry, SphereGeometry, Vector3 } from "three";
import { mergeGeometries } from "three/addons/utils/BufferGeometryUtils.js";
import { inner, outer, REST, teeth, tongue, type Point, type Shape } from "./mouth.ts";

/** The skull: half its width, height and depth. The head is about one unit high, its middle is the origin, and it looks along +z. */
const SKULL = new Vector3(0.43, 0.52, 0.45);
const MOUTH_Y = -0.23;
const EYE = { x: 0.165, y: 0.05, z: 0.385 };
const SKIN = "#f2c4a0";
const HAIR = "#4a3228";

interface Part {
  geometry: BufferGeometry;
  color: string;
  /** Lit as if it faced the viewer: what is folded away at rest has no direction of its own. */
  flat?: boolean;
  /** Moves a point of the geometry to where it is in a shape. */
  place(point: Vector3, shape: Shape): void;
}

/** A mesh with a morph target for each name. */
export function head(targets: Readonly<Record<string, Partial<Shape>>>): Mesh {
  const parts = [...skull(), ...mouth(), ...eye(1), ...eye(-1)];
  const merged = mergeGeometries(parts.map(painted));
  const rest = formed(parts, REST);
  lit(merged, parts, rest);
  merged.morphTargetsRelative = true;
  merged.morphAttributes.position = Object.entries(targets).map(([name, shape]) => {
    const moved = formed(parts, { ...REST, ...shape }).map((value, at) => value - rest[at]!);
    return Object.assign(new Float32BufferAttribute(moved, 3), { name });
  });
  return Object.assign(new Mesh(merged, new MeshStandardMaterial({ vertexColors: true, roughness: 0.75 })), { name: "Face" });
}

/** Neck and shoulders, to stand under a head; down to `floor`. */
export function bust(floor: number): Mesh {
  const shoulders = -1.2;
  const body = ball(0.62, 0.55, 0.36, new Vector3(0, shoulders, -0.08), "#2f7f78", (point) => {
    const down = Math.min(1, Math.max(0, (shoulders - point.y) / 0.5));
    point.y += (floor - point.y) * down;
  });
  const parts = [ball(0.15, 0.35, 0.15, new Vector3(0, -0.55, -0.06), SKIN), body];
  const merged = mergeGeometries(parts.map(painted));
  lit(merged, parts, formed(parts, REST));
  return Object.assign(new Mesh(merged, new MeshStandardMaterial({ vertexColors: true, roughness: 0.9 })), { name: "Bust" });
}

function painted({ geometry, color }: Part): BufferGeometry {
  const { r, g, b } = new Color(color);
  const count = geometry.getAttribute("position").count;
  return geometry.clone().setAttribute("color", new Float32BufferAttribute(Array.from({ length: count }, () => [r, g, b]).flat(), 3));
}

/** Gives it its points, and the directions by which it is lit. */
function lit(merged: BufferGeometry, parts: readonly Part[], points: number[]): void {
  merged.setAttribute("position", new Float32BufferAttribute(points, 3));
  merged.computeVertexNormals();
  const normals = merged.getAttribute("normal");
  let at = 0;
  for (const { geometry, flat } of parts) {
    const end = at + geometry.getAttribute("position").count;
    for (; at < end; at++) if (flat) normals.setXYZ(at, 0, 0, 1);
  }
}

function formed(parts: readonly Part[], shape: Shape): number[] {
  const point = new Vector3();
  const out: number[] = [];
  for (const { geometry, place } of parts) {
    const points = geometry.getAttribute("position");
    for (let k = 0; k < points.count; k++) {
      place(point.fromBufferAttribute(points, k), shape);
      out.push(point.x, point.y, point.z);
    }
  }
  return out;
}

const still = (): void => undefined;

function ball(width: number, height: number, depth: number, middle: Vector3, color: string, place: Part["place"] = still): Part {
  const finely = width > 0.3 ? 2 : 1;
  const geometry = new SphereGeometry(1, 14 * finely, 10 * finely).scale(width, height, depth).translate(middle.x, middle.y, middle.z);
  return { geometry, color, place };
}

/** The depth of the face at a point of its front. */
function front(x: number, y: number): number {
  return SKULL.z * Math.sqrt(Math.max(0.02, 1 - (x / SKULL.x) ** 2 - (y / SKULL.y) ** 2));
}

/** How far the jaw takes a point of the skull down. */
function drop(y: number, { open }: Shape): number {
  return 0.07 * open * Math.min(1, Math.max(0, (-0.12 - y) / 0.4));
}

function skull(): Part[] {
  const jaw: Part["place"] = (point, shape) => void (point.y -= drop(point.y, shape));
  const onSkin: Part["place"] = (point) => void (point.z = front(point.x, point.y) + 0.006);
  const fringe = new SphereGeometry(1, 32, 18, 0, 2 * Math.PI, 0, 0.5 * Math.PI).scale(0.47, 0.58, 0.51).rotateX(-0.5).translate(0, 0.03, -0.02);
  return [
    ball(SKULL.x, SKULL.y, SKULL.z, new Vector3(), SKIN, jaw),
    ball(0.49, 0.54, 0.44, new Vector3(0, 0.06, -0.1), HAIR),
    { geometry: fringe, color: HAIR, place: still },
    ball(0.035, 0.032, 0.04, new Vector3(0, -0.075, 0.45), "#e9b28d"),
    ball(0.065, 0.045, 0.01, new Vector3(0.235, -0.11, 0), "#efaa92", onSkin),
    ball(0.065, 0.045, 0.01, new Vector3(-0.235, -0.11, 0), "#efaa92", onSkin),
  ];
}

/** A strip whose points are laid out by `at`: `u` and `v` go from 0 to 1. */
function strip(across: number, rows: number, color: string, at: (u: number, v: number, shape: Shape) => Point & { above: number }): Part {
  return {
    geometry: new PlaneGeometry(1, 1, across, rows),
    color,
    flat: true,
    place(point, shape) {
      const { x, y, above } = at(point.x + 0.5, point.y + 0.5, shape);
      const low = y + MOUTH_Y;
      point.set(x, low, front(x, low + drop(low, shape)) + above + 0.02 * shape.open + 0.03 * shape.pucker);
    },
  };
}

function between(a: Point, b: Point, share: number): Point {
  return { x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share };
}

function mouth(): Part[] {
  const cavity = strip(24, 4, "#5b1f24", (u, v, shape) => {
    const half = Math.acos(2 * u - 1);
    return { ...between(inner(-half, shape), inner(half, shape), v), above: 0.006 };
  });
  const lips = strip(40, 4, "#c4605c", (u, v, shape) => {
    const around = 2 * Math.PI * u;
    return { ...between(outer(around, shape), inner(around, shape), v), above: 0.008 + 0.028 * Math.sin(Math.PI * Math.min(1, 0.15 + v)) };
  });
  const bite = strip(14, 1, "#fffaf2", (u, v, shape) => {
    const { top, bottom } = teeth(2 * u - 1, shape);
    return { ...between(bottom, top, v), above: 0.012 };
  });
  const lick = strip(14, 2, "#d9737a", (u, v, shape) => {
    const { top, bottom } = tongue(2 * u - 1, shape);
    return { ...between(bottom, top, v), above: 0.011 };
  });
  return [cavity, bite, lick, lips];
}

/** `side`: 1 is the face's left, the viewer's right. */
function eye(side: 1 | -1): Part[] {
  const x = EYE.x * side;
  const lid = ball(0.088, 0.105, 0.062, new Vector3(x, EYE.y, EYE.z - 0.01), "#e9b28d", (point, shape) => {
    const shut = 0.06 + 0.94 * (side > 0 ? shape.blinkLeft : shape.blinkRight);
    point.y = EYE.y + 0.1 - (EYE.y + 0.1 - point.y) * shut;
    point.z = EYE.z - 0.02 + (point.z - EYE.z + 0.02) * (0.8 + 0.2 * shut);
  });
  const brow = ball(0.095, 0.017, 0.02, new Vector3(x, 0.215, 0.4), HAIR, (point, shape) => {
    const inward = (1 - (point.x - x) * side * 10) / 2;
    point.y += 0.06 * (side > 0 ? shape.browLeft : shape.browRight) + 0.05 * shape.browInner * inward - 2.2 * (point.x - x) ** 2;
    point.z -= 0.45 * Math.max(0, (point.x - x) * side) * 0.8;
  });
  return [
    ball(0.08, 0.095, 0.04, new Vector3(x, EYE.y, EYE.z), "#ffffff"),
    ball(0.05, 0.06, 0.02, new Vector3(x * 0.97, EYE.y - 0.005, EYE.z + 0.03), "#3b5b52"),
    ball(0.026, 0.032, 0.012, new Vector3(x * 0.97, EYE.y - 0.005, EYE.z + 0.045), "#15201e"),
    ball(0.012, 0.014, 0.006, new Vector3(x * 0.97 + 0.018, EYE.y + 0.022, EYE.z + 0.053), "#ffffff"),
    lid,
    brow,
  ];
}
