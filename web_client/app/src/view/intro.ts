import type { Key, Translate } from "../i18n/index.ts";
import { nameOf, type Model } from "../model.ts";
import { progressWords } from "../progress.ts";
import { h, setAttribute, setText } from "./dom.ts";
import type { Part, Wishes } from "./screen.ts";

/** The greeting, how far the preparations are, and the one button that begins. */
export function intro(wishes: Wishes): Part {
  const hello = h("h2", { class: "hello" });
  const invite = h("p", { class: "invite" });
  const what = h("p", { class: "progress-what", id: "progress-what" });
  const bar = h("progress", { class: "progress-bar", "aria-labelledby": "progress-what" });
  const figures = h("p", { class: "progress-figures" });
  const why = h("p", { class: "progress-why" });
  const progress = h("div", { class: "progress" }, what, bar, figures, why);
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
      setText(invite, t(model.returning ? "inviteBack" : "invite"));
      progress.hidden = model.phase !== "waiting";
      if (model.phase === "waiting") {
        const said = progressWords(model, t);
        setText(what, said.what);
        setText(figures, said.figures);
        setText(why, said.hint);
        figures.hidden = said.figures === "";
        bar.hidden = said.share === "none";
        if (typeof said.share !== "number") bar.removeAttribute("value");
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
  if (model.phase === "waiting") return "";
  return t(model.microphonePossible ? "microphoneHint" : "writingHint");
}

function startKey(model: Model): Key {
  if (model.phase === "waiting") return "waiting";
  if (model.phase === "connecting") return model.returning ? "comingBack" : "starting";
  if (model.returning) return "goOn";
  if (model.phase === "over") return "startAgain";
  return model.microphonePossible ? "start" : "startWriting";
}
