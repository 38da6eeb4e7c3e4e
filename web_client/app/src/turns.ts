/** The last spoken questions, and when each stage of their answers was reached. */

export interface Turn {
  /** Unique among the turns of this page. */
  readonly key: string;
  readonly question: string;
  /** Milliseconds after the user fell silent, by stage: the server's `turn_stages`, and `heard`, once the sound was at the ear. */
  readonly stages: Readonly<Record<string, number>>;
}

export const MOST_TURNS = 10;
const MOST_CHARACTERS = 200;

/** Puts in or replaces the turn of the same key; the oldest fall off. */
export function keepTurn(turns: readonly Turn[], turn: Turn): readonly Turn[] {
  const kept = { ...turn, question: turn.question.slice(0, MOST_CHARACTERS) };
  const at = turns.findLastIndex((other) => other.key === turn.key);
  return at >= 0 ? turns.with(at, kept) : [...turns, kept].slice(-MOST_TURNS);
}
