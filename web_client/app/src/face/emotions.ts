/** What an emotion adds to the manner of the moment. */

import type { Emotion } from "@visavis/sdk/adapters";

/** As in a pose: `smile`, `brow` and `worry` −1..1, `lids` shuts (−) or widens (+), `roll` in degrees, `pitch` down. */
export interface Expression {
  readonly smile: number;
  readonly brow: number;
  readonly worry: number;
  readonly lids: number;
  readonly roll: number;
  readonly pitch: number;
}

export const CALM: Expression = { smile: 0, brow: 0, worry: 0, lids: 0, roll: 0, pitch: 0 };

const with_ = (part: Partial<Expression>): Expression => ({ ...CALM, ...part });

const EXPRESSIONS: Readonly<Record<Emotion, Expression>> = {
  neutral: CALM,
  happy: with_({ smile: 0.5, brow: 0.12, lids: -0.04 }),
  laughing: with_({ smile: 0.62, brow: 0.2, lids: -0.3, pitch: -0.2, roll: 2 }),
  funny: with_({ smile: 0.58, brow: 0.22, lids: -0.18, roll: 3 }),
  sad: with_({ smile: -0.75, brow: -0.1, worry: 0.75, lids: -0.16, pitch: 0.3, roll: -2 }),
  angry: with_({ smile: -0.6, brow: -0.35, worry: -0.9, lids: -0.08, pitch: 0.1 }),
  crying: with_({ smile: -0.85, brow: 0.05, worry: 0.95, lids: -0.34, pitch: 0.35 }),
  loving: with_({ smile: 0.5, brow: 0.2, worry: 0.25, lids: -0.14, roll: 4 }),
  embarrassed: with_({ smile: 0.2, brow: 0.25, worry: 0.6, lids: -0.1, pitch: 0.3, roll: -3 }),
  surprised: with_({ smile: 0.05, brow: 0.75, lids: 0.22, pitch: -0.1 }),
  shocked: with_({ smile: -0.35, brow: 0.85, worry: 0.4, lids: 0.25, pitch: -0.15 }),
  thinking: with_({ smile: -0.15, brow: 0.2, lids: -0.06, roll: 3 }),
  winking: with_({ smile: 0.45, brow: 0.1, lids: -0.1, roll: 3 }),
  cool: with_({ smile: 0.3, brow: -0.1, lids: -0.14 }),
  relaxed: with_({ smile: 0.3, lids: -0.25 }),
  delicious: with_({ smile: 0.5, brow: 0.18, lids: -0.25 }),
  kissy: with_({ smile: 0.35, brow: 0.15, lids: -0.2, roll: 4 }),
  confident: with_({ smile: 0.32, brow: -0.06, lids: -0.06, pitch: -0.18 }),
  sleepy: with_({ smile: -0.05, brow: -0.15, lids: -0.5, pitch: 0.3 }),
  silly: with_({ smile: 0.55, brow: 0.35, lids: 0.08, roll: 5 }),
  confused: with_({ smile: -0.3, brow: 0.1, worry: 0.45, roll: -4 }),
};

export const EMOTIONS = Object.keys(EXPRESSIONS);

/** An emotion that nobody knows moves nothing. */
export const expressionOf = (name: string): Expression => (Object.hasOwn(EXPRESSIONS, name) ? EXPRESSIONS[name as Emotion] : CALM);

/** An emotion that came, and passes. */
export class Feeling {
  private expression = CALM;
  private left = 0;

  /** For so many seconds. */
  feel(name: string, intensity: number, seconds: number): void {
    const full = expressionOf(name);
    const bound = Math.max(0, Math.min(1, intensity));
    this.expression = Object.fromEntries(Object.entries(full).map(([key, value]) => [key, value * bound])) as unknown as Expression;
    this.left = seconds;
  }

  step(seconds: number): Expression {
    this.left -= seconds;
    if (this.left <= 0) this.expression = CALM;
    return this.expression;
  }
}
