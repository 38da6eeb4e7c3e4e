/** The Oculus 15 visemes as shapes of a drawn mouth, and how one shape becomes another. Pure functions: time comes in as an argument. */

import { VISEMES, type VisemeName } from "@visavis/sdk";

export { VISEMES, type VisemeName };

/** What the mouth does. All are 0..1, except `wide`: −1 drawn together, +1 stretched. */
export interface MouthShape {
  readonly open: number;
  readonly wide: number;
  readonly round: number;
  readonly upperTeeth: number;
  readonly lowerTeeth: number;
  readonly tongue: number;
  /** Lips pressed against each other. */
  readonly press: number;
  /** Lower lip under the upper teeth. */
  readonly tuck: number;
}

export const REST: MouthShape = { open: 0, wide: 0, round: 0, upperTeeth: 0, lowerTeeth: 0, tongue: 0, press: 0, tuck: 0 };

const KEYS = Object.keys(REST) as (keyof MouthShape)[];

const shape = (part: Partial<MouthShape>): MouthShape => ({ ...REST, ...part });

const SHAPES: Record<VisemeName, MouthShape> = {
  sil: REST,
  PP: shape({ press: 1, wide: -0.08 }),
  FF: shape({ open: 0.24, wide: 0.08, upperTeeth: 1, tuck: 1 }),
  TH: shape({ open: 0.34, wide: 0.08, upperTeeth: 0.5, tongue: 1 }),
  DD: shape({ open: 0.26, wide: 0.14, upperTeeth: 0.75, lowerTeeth: 0.45, tongue: 0.5 }),
  kk: shape({ open: 0.36, wide: 0.08, upperTeeth: 0.5, tongue: 0.25 }),
  CH: shape({ open: 0.3, wide: -0.42, round: 0.6, upperTeeth: 0.9, lowerTeeth: 0.6 }),
  SS: shape({ open: 0.2, wide: 0.4, upperTeeth: 1, lowerTeeth: 0.9 }),
  nn: shape({ open: 0.28, wide: 0, upperTeeth: 0.3, tongue: 0.8 }),
  RR: shape({ open: 0.32, wide: -0.32, round: 0.5, upperTeeth: 0.3, tongue: 0.4 }),
  aa: shape({ open: 0.95, wide: 0.1, upperTeeth: 0.55, tongue: 0.22 }),
  E: shape({ open: 0.56, wide: 0.42, upperTeeth: 0.7, tongue: 0.3 }),
  I: shape({ open: 0.34, wide: 0.75, upperTeeth: 0.9, lowerTeeth: 0.35, tongue: 0.3 }),
  O: shape({ open: 0.62, wide: -0.5, round: 0.8 }),
  U: shape({ open: 0.3, wide: -0.78, round: 1 }),
};

/** The shape of viseme `id` at `weight` (0 the mouth at rest, 1 fully formed). Throws RangeError when `id` is not one of 0..14. */
export function visemeShape(id: number, weight = 1): MouthShape {
  const name = VISEMES[id];
  if (name === undefined) throw new RangeError(`viseme: expected an integer from 0 to ${VISEMES.length - 1}, got ${id}`);
  return mix(REST, SHAPES[name], clamp01(weight));
}

/** Between `a` (t = 0) and `b` (t = 1), each value by itself. */
export function mix(a: MouthShape, b: MouthShape, t: number): MouthShape {
  const out = { ...a } as Record<keyof MouthShape, number>;
  for (const key of KEYS) out[key] = a[key] + (b[key] - a[key]) * t;
  return out;
}

/** How long lips take for most (63 %) of a change: closing for a plosive is quick, opening the jaw is slower. */
const ATTACK_SECONDS = 0.032;
const RELEASE_SECONDS = 0.055;

/** One step of `seconds` from `current` towards `target`. The result does not depend on how the time is cut into frames, and never overshoots. */
export function approach(current: MouthShape, target: MouthShape, seconds: number): MouthShape {
  const closing = target.press > current.press || target.tuck > current.tuck;
  const opening = target.open > current.open;
  const tau = closing || opening ? ATTACK_SECONDS : RELEASE_SECONDS;
  return mix(current, target, 1 - Math.exp(-Math.max(0, seconds) / tau));
}

export const clamp01 = (x: number): number => (x > 0 ? (x < 1 ? x : 1) : 0);
