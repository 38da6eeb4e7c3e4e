/** A turn's stages as bars on one time scale. Pure arithmetic; all numbers are milliseconds after the user fell silent. */

/** In the order in which they come when nothing is done ahead. */
export const STAGES = ["silence", "transcript", "asked", "first_token", "first_chunk", "first_sound", "commit", "out", "heard"] as const;
export type Stage = (typeof STAGES)[number];
export type Stages = Readonly<Record<string, number>>;

export interface Bar {
  readonly stage: Stage;
  /** When the stage before it was reached; the first bar begins at 0, or earlier if it was done before the user fell silent. */
  readonly from: number;
  readonly to: number;
}

/** Each stage after the last, as long as it took. Stages that this page does not know are left out. */
export function bars(stages: Stages): readonly Bar[] {
  const reached = STAGES.flatMap((stage) => (Object.hasOwn(stages, stage) ? [{ stage, to: stages[stage]! }] : [])).sort((a, b) => a.to - b.to);
  return reached.map(({ stage, to }, i) => ({ stage, from: reached[i - 1]?.to ?? Math.min(0, to), to }));
}

/** What the user waited for: the sound at the ear or, while that is not known, on its way. */
export function total(stages: Stages): { readonly stage: "heard" | "out"; readonly ms: number } | null {
  for (const stage of ["heard", "out"] as const) if (Object.hasOwn(stages, stage)) return { stage, ms: stages[stage]! };
  return null;
}

export interface Scale {
  readonly from: number;
  readonly to: number;
  /** In even steps as far as `to`; 0 is one of them. */
  readonly ticks: readonly number[];
}

const MOST_STEPS = 5;

/** One scale on which all of `turns` fit, in steps of 1, 2, 2.5 or 5 times a power of ten. */
export function scaleOf(turns: readonly Stages[]): Scale {
  const edges = turns.flatMap((stages) => bars(stages).flatMap(({ from, to }) => [from, to]));
  const least = Math.min(0, ...edges);
  const most = Math.max(100, ...edges);
  const step = niceStep((most - least) / MOST_STEPS);
  const [first, last] = [Math.ceil(least / step), Math.ceil(most / step)];
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
  return { from: least, to: last * step, ticks };
}

/** Where `ms` lies on the scale: 0 to 1. */
export const share = (scale: Scale, ms: number): number => (ms - scale.from) / (scale.to - scale.from);

function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 2.5, 5].find((factor) => factor * power >= least) ?? 10);
}
