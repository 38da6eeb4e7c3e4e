import { formatBytes, formatDuration, type Translate } from "../i18n/index.ts";
import type { Key } from "../i18n/index.ts";
import { en } from "../i18n/en.ts";
import { nameOf, type Model } from "../model.ts";
import { h, setAttribute, setText } from "./dom.ts";
import type { Part, Wishes } from "./screen.ts";

/** The greeting, how far the preparations are, and the one button that begins. */
export function intro(wishes: Wishes): Part {
  const hello = h("h2", { class: "hello" });
  const invite = h("p", { class: "invite" });
  const what = h("p", { class: "progress-what", id: "progress-what" });
  const bar = h("progress", { class: "progress-bar", "aria-labelledby": "progress-what" });
  const figures = h("p", { class: "progress-figures" });
  const progress = h("div", { class: "progress" }, what, bar, figures);
  const start = h("button", { class: "start", type: "button", "data-testid": "start" });
  const hint = h("p", { class: "hint", id: "start-hint" });
  start.setAttribute("aria-describedby", "start-hint");
  start.addEventListener("click", () => wishes.start());
  const element = h("section", { class: "intro" }, hello, invite, progress, h("div", { class: "begin" }, start, hint));

  return {
    element,
    render(model, t) {
      element.hidden = model.phase === "talking";
      const fresh = model.phase === "waiting" || model.lines.length === 0;
      hello.hidden = invite.hidden = !fresh;
      const name = nameOf(model);
      setText(hello, name ? t("hello", { name }) : t("helloUnnamed"));
      setText(invite, t("invite"));
      progress.hidden = model.phase !== "waiting";
      if (model.phase === "waiting") {
        const said = progressWords(model, t);
        setText(what, said.what);
        setText(figures, said.figures);
        if (said.share === null) bar.removeAttribute("value");
        else bar.value = said.share;
      }
      const canStart = model.phase === "ready" || model.phase === "over";
      start.disabled = !canStart;
      setText(start, t(startKey(model)));
      setText(hint, hintWords(model, t));
      setAttribute(element, "aria-busy", model.phase === "connecting" ? "true" : "false");
    },
  };
}

function hintWords(model: Model, t: Translate): string {
  if (model.phase === "waiting") return model.info?.progress ? t("onlyOnce") : "";
  return t(model.microphonePossible ? "microphoneHint" : "writingHint");
}

function startKey(model: Model): Key {
  if (model.phase === "waiting") return "waiting";
  if (model.phase === "connecting") return "starting";
  if (model.phase === "over") return "startAgain";
  return model.microphonePossible ? "start" : "startWriting";
}

interface ProgressWords {
  readonly what: string;
  readonly figures: string;
  /** 0..1, null when unknown. */
  readonly share: number | null;
}

export function progressWords(model: Model, t: Translate): ProgressWords {
  if (model.unreachable) return { what: t("unreachable"), figures: "", share: null };
  const progress = model.info?.progress ?? null;
  if (progress === null || progress.totalBytes === 0 || progress.doneBytes >= progress.totalBytes) {
    return { what: t(phaseKey(progress?.phase === "failed" ? "failed" : "warming")), figures: "", share: null };
  }
  const { doneBytes, totalBytes, etaSeconds } = progress;
  const amount = t("amount", { done: formatBytes(doneBytes, model.locale), total: formatBytes(totalBytes, model.locale) });
  const left = etaSeconds === null ? "" : etaSeconds < 5 ? t("nearlyDone") : t("left", { time: formatDuration(etaSeconds, model.locale) });
  const comma = model.locale === "zh" ? "，" : " · ";
  return { what: t(phaseKey(progress.phase)), figures: [amount, left].filter(Boolean).join(comma), share: doneBytes / totalBytes };
}

const phaseKey = (phase: string): Key => (Object.hasOwn(en, `phase.${phase}`) ? (`phase.${phase}` as Key) : "phase.downloading");
