import type { Line } from "../captions.ts";
import { formatNumber, TAGS, type Locale, type Translate } from "../i18n/index.ts";
import { nameOf, type Model } from "../model.ts";
import { h, icon, setAttribute, setName, setText } from "./dom.ts";
import type { Part } from "./screen.ts";

/** Within this many pixels of the end the list follows what is said. */
const NEAR_END = 48;

/** Answers may be in another language than the page: readers choose a voice by it, and fonts the shapes of Chinese characters. */
export const writtenIn = (text: string): Locale => (/\p{Script=Han}/u.test(text) ? "zh" : "en");

/** Shows which word is being said. */
export interface Karaoke {
  /** What is shown of the answer, in the line of that key. */
  shown(key: string): string;
  /** Marks a word in it: places in UTF-16 units. */
  mark(key: string, start: number, end: number): void;
  unmark(): void;
}

interface Mark {
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

const SAID = "said-now";

interface Row {
  readonly element: HTMLElement;
  readonly who: HTMLElement;
  readonly text: HTMLElement;
  readonly mark: HTMLElement;
}

/**
 * Both sides of the conversation in one column. Each side has its own container in the document; to the eye they are one list (`display: contents`
 * and `order`), and to assistive technology too (`aria-owns`).
 */
export function history(): Part & Karaoke {
  const sides = {
    user: h("div", { class: "side", role: "presentation", "data-testid": "user-transcript" }),
    agent: h("div", { class: "side", role: "presentation", "data-testid": "agent-transcript" }),
  };
  const hint = h("p", { class: "history-hint" });
  const omitted = h("p", { class: "history-note" });
  // Always there, so that it is read out when it says something.
  const news = h("p", { class: "history-note", role: "status", "data-testid": "news" });
  const list = h("div", { class: "lines", role: "list" }, sides.user, sides.agent);
  const scroller = h("div", { class: "scroller", tabindex: "0", role: "region" }, omitted, list);
  const newest = h("button", { class: "newest", type: "button" }, icon("down"));
  const announcer = h("div", { class: "unseen", "aria-live": "polite", role: "log" });
  const element = h("section", { class: "history" }, hint, scroller, news, newest, announcer);

  const rows = new Map<string, Row>();
  const announced = new Set<string>();
  let shown: readonly Line[] = [];
  let marked: Mark | null = null;
  let counter = 0;
  let following = true;

  const toEnd = (): void => {
    scroller.scrollTop = scroller.scrollHeight;
  };
  scroller.addEventListener("scroll", () => {
    following = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END;
    newest.hidden = following;
  }, { passive: true });
  newest.addEventListener("click", () => {
    following = true;
    toEnd();
    scroller.focus();
  });
  if (typeof ResizeObserver !== "undefined") new ResizeObserver(() => following && toEnd()).observe(scroller);
  newest.hidden = true;

  const makeRow = (line: Line): Row => {
    const who = h("span", { class: "unseen" });
    // Its text is the words and nothing else.
    const text = h("span", { class: "line-text", dir: "auto", "data-testid": "line" });
    const mark = h("span", { class: "line-mark" });
    const row = h("div", { class: `line line-${line.who}`, role: "listitem", id: `line-${++counter}` }, who, text, " ", mark);
    row.style.order = String(counter);
    sides[line.who].append(row);
    return { element: row, who, text, mark };
  };

  const renderLines = (model: Model, t: Translate): void => {
    const keep = new Set(model.lines.map((line) => line.key));
    for (const [key, row] of rows) {
      if (keep.has(key)) continue;
      row.element.remove();
      rows.delete(key);
      announced.delete(key);
    }
    for (const line of model.lines) {
      let row = rows.get(line.key);
      if (row === undefined) rows.set(line.key, (row = makeRow(line)));
      const who = line.who === "user" ? t("you") : nameOf(model) || t("agent");
      setText(row.who, t("said", { who, text: "" }));
      setText(row.text, line.text);
      setText(row.mark, line.interrupted ? `— ${t("interrupted")}` : "");
      setAttribute(row.text, "data-final", String(line.final));
      setAttribute(row.text, "data-interrupted", line.interrupted);
      setAttribute(row.text, "lang", TAGS[writtenIn(line.text)]);
      if (line.final && !announced.has(line.key)) {
        announced.add(line.key);
        if (line.restored) continue;
        announcer.replaceChildren(h("p", {}, t("said", { who, text: line.text })));
      }
    }
    const order = model.lines.map((line) => rows.get(line.key)?.element.id ?? "").join(" ");
    setAttribute(list, "aria-owns", order);
    if (following) toEnd();
  };

  const highlight = ({ key, start, end }: Mark): void => {
    const text = rows.get(key)?.text.firstChild;
    if (typeof Highlight === "undefined" || !(text instanceof Text) || end > text.length) return;
    const range = new Range();
    range.setStart(text, start);
    range.setEnd(text, end);
    CSS.highlights.set(SAID, new Highlight(range));
  };

  return {
    element,
    shown: (key) => rows.get(key)?.text.textContent ?? "",
    mark(key, start, end) {
      marked = { key, start, end };
      highlight(marked);
    },
    unmark() {
      marked = null;
      if (typeof Highlight !== "undefined") CSS.highlights.delete(SAID);
    },
    render(model, t) {
      element.hidden = model.phase !== "talking" && model.lines.length === 0;
      setAttribute(scroller, "aria-label", t("conversation"));
      setName(newest, t("newest"));
      hint.hidden = model.lines.length > 0;
      scroller.hidden = model.lines.length === 0;
      omitted.hidden = model.omitted === 0;
      setText(omitted, t("omitted", { count: formatNumber(model.omitted, model.locale) }));
      setText(news, model.news === null ? "" : t(model.news));
      setText(hint, t(model.hasMicrophone ? "sayHello" : "writeHello"));
      if (shown !== model.lines) {
        renderLines(model, t);
        // The text that grew is another node.
        if (marked) highlight(marked);
      }
      shown = model.lines;
    },
  };
}
