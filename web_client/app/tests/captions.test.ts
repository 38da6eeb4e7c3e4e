import { describe, expect, it } from "vitest";
import { closeLines, cutAnswers, hear, MOST_LINES, type Heard, type Line } from "../src/captions.ts";

const user = (id: string, text: string, final = false): Heard => ({ who: "user", id, text, final });
const agent = (id: string, text: string, final = false, interrupted?: boolean): Heard => ({ who: "agent", id, text, final, interrupted });
const all = (...events: Heard[]): readonly Line[] => events.reduce<readonly Line[]>((lines, event) => hear(lines, event), []);
const texts = (lines: readonly Line[]): string[] => lines.map((line) => line.text);

describe("captions", () => {
  it("replace a partial by the next text of the same utterance", () => {
    const lines = all(user("u1", "what"), user("u1", "what is"), user("u1", "What is it?", true));
    expect(lines).toEqual([{ key: "0-user-u1", who: "user", text: "What is it?", final: true, interrupted: false }]);
  });

  it("keep both sides in the order in which they began", () => {
    const lines = all(user("u1", "Hi", true), agent("a1", "Hel"), user("u2", "and"), agent("a1", "Hello.", true), user("u2", "and you?", true));
    expect(texts(lines)).toEqual(["Hi", "Hello.", "and you?"]);
  });

  it("do not take the two sides' ids for each other", () => {
    expect(all(user("1", "Hi", true), agent("1", "Hello", true))).toHaveLength(2);
  });

  it("do not take a second conversation's ids for the first's", () => {
    const first = hear([], user("u1", "Hi", true), 1);
    expect(texts(hear(first, user("u1", "Hello again", true), 2))).toEqual(["Hi", "Hello again"]);
  });

  it("ignore a partial that comes after its final", () => {
    const lines = all(user("u1", "Done.", true));
    expect(hear(lines, user("u1", "Don"))).toBe(lines);
  });

  it("let a better final replace a final", () => {
    expect(texts(all(agent("a1", "All of it.", true), agent("a1", "All", true, true)))).toEqual(["All"]);
  });

  it("show nothing for blank text, and drop a line that ends blank", () => {
    expect(all(user("u1", "  "))).toEqual([]);
    expect(all(user("u1", "er"), user("u1", "", true))).toEqual([]);
    expect(texts(all(user("u1", "er"), user("u1", "")))).toEqual(["er"]);
  });

  it("close and mark the answers that were cut, and nothing else", () => {
    const lines = all(agent("a1", "Done.", true), user("u1", "wait"), agent("a2", "The long st"));
    const cut = cutAnswers(lines);
    expect(cut.map(({ final, interrupted }) => [final, interrupted])).toEqual([[true, false], [false, false], [true, true]]);
    expect(cutAnswers(cut)).toBe(cut);
  });

  it("remember that an answer was cut when its text comes once more", () => {
    expect(all(agent("a1", "The long", true, true), agent("a1", "The long story", true))[0]?.interrupted).toBe(true);
  });

  it("close everything when the conversation ends", () => {
    expect(closeLines(all(user("u1", "wait"), agent("a1", "The"))).every((line) => line.final)).toBe(true);
  });

  it("keep the newest lines only", () => {
    let lines: readonly Line[] = [];
    for (let i = 0; i < MOST_LINES + 20; i++) lines = hear(lines, user(`u${i}`, String(i), true));
    expect(lines).toHaveLength(MOST_LINES);
    expect(lines.at(-1)?.text).toBe(String(MOST_LINES + 19));
  });
});
