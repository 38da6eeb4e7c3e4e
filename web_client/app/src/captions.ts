/** The lines of a conversation, as a value. Events in, a new list out. */

export type Who = "user" | "agent";

export interface Line {
  /** Unique in the list, stable while the line grows. */
  readonly key: string;
  readonly who: Who;
  readonly text: string;
  readonly final: boolean;
  readonly interrupted: boolean;
  /** It was said before the page came back: nobody need be told of it again. */
  readonly restored?: boolean;
}

export interface Heard {
  readonly who: Who;
  /** The server's id of the utterance or answer. */
  readonly id: string;
  /** The whole text so far. */
  readonly text: string;
  readonly final: boolean;
  readonly interrupted?: boolean | undefined;
}

/** A kiosk talks all day; older lines fall off. */
export const MOST_LINES = 300;

/** The key of a line: of a speaker's utterance in the page's conversation number `run`. */
export const keyOf = (run: number, who: Who, id: string): string => `${run}-${who}-${id}`;

/** Puts in or replaces the line of the same speaker and id. A final line takes no partial that comes late; a line that ends empty goes. `run` tells the conversation: ids may come again in the next. */
export function hear(lines: readonly Line[], heard: Heard, run = 0): readonly Line[] {
  const key = keyOf(run, heard.who, heard.id);
  const at = lines.findLastIndex((line) => line.key === key);
  const old = lines[at];
  if (old?.final && !heard.final) return lines;
  const text = heard.text.trim();
  if (text === "") return old === undefined || !heard.final ? lines : lines.filter((line) => line !== old);
  const line: Line = {
    key, who: heard.who, text, final: heard.final,
    interrupted: heard.interrupted ?? old?.interrupted ?? false,
  };
  if (at >= 0) return lines.with(at, line);
  return [...lines, line].slice(-MOST_LINES);
}

/** A conversation as the server remembers it, in the place of what was shown of it; `before` is what was shown of others. `times` counts such returns. */
export function restore(before: readonly Line[], said: readonly Pick<Line, "who" | "text" | "interrupted">[], run: number, times: number): readonly Line[] {
  const lines = said.map((line, at): Line => ({ key: `${run}-restored-${times}-${at}`, ...line, text: line.text.trim(), final: true, restored: true }));
  return [...before, ...lines.filter((line) => line.text !== "")].slice(-MOST_LINES);
}

/** Closes the answers that were being spoken: after an interrupt the server says no more of them. */
export function cutAnswers(lines: readonly Line[]): readonly Line[] {
  if (!lines.some((line) => line.who === "agent" && !line.final)) return lines;
  return lines.map((line) => (line.who === "agent" && !line.final ? { ...line, final: true, interrupted: true } : line));
}

/** Closes what was left open when the conversation ended. */
export function closeLines(lines: readonly Line[]): readonly Line[] {
  return cutAnswers(lines).map((line) => (line.final ? line : { ...line, final: true }));
}
