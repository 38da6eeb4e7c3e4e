import { describe, expect, it } from "vitest";
import { SaidWord } from "../src/said.ts";

const marked = (shown: string, said: ReturnType<SaidWord["word"]>): string | null => said && shown.slice(said.start, said.end);

describe("the word that is being said", () => {
  it("is found piece by piece, also where a piece says the same again", () => {
    const said = new SaidWord();
    const shown = "No, no. No, no, no.";
    said.begin("a3.0", "No, no.");
    expect(said.word("a3.0", 4, 2, shown)).toEqual({ id: "a3", start: 4, end: 6 });
    said.begin("a3.1", " No, no, no.");
    expect(said.word("a3.1", 1, 2, shown)?.start).toBe(8);
    expect(said.word("a3.1", 9, 2, shown)).toEqual({ id: "a3", start: 16, end: 18 });
  });

  it("counts code points, as the server does", () => {
    const said = new SaidWord();
    const shown = "好😊的，走吧。";
    said.begin("a1.0", "好😊的，");
    expect(marked(shown, said.word("a1.0", 2, 1, shown))).toBe("的");
    said.begin("a1.1", "走吧。");
    expect(marked(shown, said.word("a1.1", 1, 1, shown))).toBe("吧");
  });

  it("is nowhere while its piece is not shown, or belongs to another", () => {
    const said = new SaidWord();
    said.begin("a1.0", "Hello there.");
    expect(said.word("a1.0", 0, 5, "Hel")).toBeNull();
    expect(said.word("a1.9", 0, 5, "Hello there.")).toBeNull();
    expect(said.word("a1.0", 40, 5, "Hello there.")).toBeNull();
  });

  it("begins anew with the next answer", () => {
    const said = new SaidWord();
    said.begin("a1.0", "One two.");
    said.word("a1.0", 4, 3, "Long before. One two.");
    said.begin("a2.0", "One two.");
    expect(said.word("a2.0", 0, 3, "One two.")?.start).toBe(0);
  });
});
