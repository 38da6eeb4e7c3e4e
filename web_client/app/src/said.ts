/** Where in an answer's text the word stands that is being said. Pieces of the answer come one after the other, words with places in their piece. */

export interface Said {
  /** The answer's id. */
  readonly id: string;
  /** UTF-16 units of the answer's text. */
  readonly start: number;
  readonly end: number;
}

export class SaidWord {
  private piece = { id: "", text: "" };
  private answer = "";
  private from = 0;
  /** Spaces before the piece, which are not shown where an answer begins. */
  private skipped = 0;

  /** The next piece: its id is the answer's, a point, and a number. */
  begin(id: string, text: string): void {
    const answer = id.slice(0, Math.max(0, id.lastIndexOf(".")));
    if (answer !== this.answer) this.from = 0;
    this.answer = answer;
    this.piece = { id, text: text.trimStart() };
    this.skipped = text.length - this.piece.text.length;
  }

  /** The word of `length` code points from `start` on in piece `id`, found in what is shown of the answer; null when it is not there. */
  word(id: string, start: number, length: number, shown: string): Said | null {
    if (id !== this.piece.id) return null;
    const text = this.piece.text.trimEnd();
    const at = shown.indexOf(text, this.from);
    if (text === "" || at < 0) return null;
    this.from = at;
    const points = [..." ".repeat(this.skipped), ...this.piece.text];
    const before = points.slice(this.skipped, start).join("").length;
    const word = points.slice(Math.max(start, this.skipped), start + length).join("");
    return word === "" ? null : { id: this.answer, start: at + before, end: at + before + word.length };
  }
}
