/** The one screen: who listens on the left (above, on a phone), what is said on the right (below). */

import type { Face } from "../face/face.ts";
import { TAGS, type Translate } from "../i18n/index.ts";
import { storedOf, type Model, type Phase } from "../model.ts";
import type { LanguageChoice } from "../options.ts";
import { composer } from "./composer.ts";
import { h, setAttribute, setText } from "./dom.ts";
import { header } from "./header.ts";
import { history, type Karaoke } from "./history.ts";
import { intro } from "./intro.ts";
import { notice } from "./notice.ts";
import { stage } from "./stage.ts";
import { waterfallPlace } from "./waterfall_place.ts";

/** What the person in front of the screen can want. */
export interface Wishes {
  start(): void;
  send(text: string): void;
  interrupt(): void;
  toggleMute(): void;
  end(): void;
  /** Opens the view of the turns' times, or closes it. */
  toggleWaterfall(): void;
  chooseLanguage(choice: LanguageChoice): void;
  dismiss(): void;
  remedy(): void;
}

/** A piece of the screen: built once, then told what is so. */
export interface Part {
  readonly element: HTMLElement;
  render(model: Model, t: Translate): void;
}

export class Screen {
  readonly element: HTMLElement;
  readonly karaoke: Karaoke;
  private readonly parts: readonly Part[];
  private phase: Phase = "waiting";
  private waterfall = false;
  private readonly promises = h("span");
  private readonly listed = h("span", { class: "listed", "data-testid": "listed" });

  constructor(face: Face, private readonly wishes: Wishes, signal: AbortSignal) {
    const head = header(wishes);
    const figure = stage(face, wishes);
    const welcome = intro(wishes);
    const times = waterfallPlace(wishes);
    const lines = history();
    this.karaoke = lines;
    const trouble = notice(wishes);
    const writing = composer(face, wishes);
    this.parts = [head, figure, welcome, times, lines, trouble, writing];
    const facts = h("p", { class: "facts" }, this.promises, this.listed);
    const talk = h("section", { class: "talk" }, times.element, lines.element, trouble.element, welcome.element, writing.element, facts);
    this.element = h("div", { class: "screen" }, head.element, h("main", { class: "main" }, figure.element, talk));
    document.addEventListener("keydown", this.onKey, { signal });
    document.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse") face.lookAt(event.clientX, event.clientY);
    }, { passive: true, signal });
  }

  render(model: Model, t: Translate): void {
    setAttribute(document.documentElement, "lang", TAGS[model.locale]);
    setAttribute(document.querySelector("meta[name=description]") ?? this.element, "content", t("description"));
    setAttribute(this.element, "data-phase", model.phase);
    setAttribute(this.element, "data-state", model.state);
    setAttribute(this.element, "data-talked", model.lines.length > 0);
    for (const part of this.parts) part.render(model, t);
    if (model.phase !== this.phase) this.moveFocus(model.phase);
    this.phase = model.phase;
    this.waterfall = model.waterfall;
    const stored = storedOf(model);
    setText(this.promises, [t("ai"), stored === null ? "" : t(stored)].filter(Boolean).join(model.locale === "zh" ? "" : " "));
    setText(this.listed, t("listed"));
    this.listed.hidden = model.info?.listed !== true;
  }

  /** The start button goes away when pressed; whoever works by keyboard must land somewhere useful. A touch keyboard must not open unasked. */
  private moveFocus(phase: Phase): void {
    const lost = document.activeElement === null || document.activeElement === document.body;
    if (!lost || !matchMedia("(pointer: fine)").matches) return;
    const target = phase === "talking" ? "text-input" : phase === "over" ? "start" : null;
    if (target !== null) this.element.querySelector<HTMLElement>(`[data-testid="${target}"]`)?.focus({ preventScroll: true });
  }

  /** Keys that need no button: Escape closes the times or interrupts, Alt+M mutes, Alt+W shows the times. No bare letters: they belong to whoever types or dictates. */
  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.isComposing || event.defaultPrevented) return;
    if (event.key === "Escape" && !(event.target instanceof HTMLSelectElement)) {
      if (this.waterfall) this.wishes.toggleWaterfall();
      else this.wishes.interrupt();
    } else if (isAlt(event, "M")) {
      event.preventDefault();
      this.wishes.toggleMute();
    } else if (isAlt(event, "W") && !event.repeat) {
      event.preventDefault();
      this.wishes.toggleWaterfall();
    }
  };
}

/** By the letter, wherever it lies, and by its place: with Alt some systems make another letter of it. */
function isAlt(event: KeyboardEvent, letter: string): boolean {
  return event.altKey && !event.ctrlKey && !event.metaKey && (event.code === `Key${letter}` || event.key.toUpperCase() === letter);
}
