import type { Key } from "../i18n/index.ts";
import type { Remedy } from "../problems.ts";
import { h, icon, setName, setText } from "./dom.ts";
import type { Part, Wishes } from "./screen.ts";

const REMEDIES: Record<Remedy, Key> = { reload: "reload", sound: "playSound", microphone: "retryMicrophone" };

/** What went wrong, why, and what helps. */
export function notice(wishes: Wishes): Part {
  const what = h("strong", { class: "notice-what" });
  const advice = h("p", { class: "notice-advice" });
  const detail = h("p", { class: "notice-detail" });
  const remedy = h("button", { class: "small", type: "button", "data-testid": "remedy" });
  const close = h("button", { class: "plain", type: "button", "data-testid": "dismiss" }, icon("close"));
  remedy.addEventListener("click", () => wishes.remedy());
  close.addEventListener("click", () => wishes.dismiss());
  const box = h("div", { class: "notice", "data-testid": "error" }, h("div", { class: "notice-words" }, what, advice, detail, remedy), close);
  // The live region itself is always there: one that appears together with its words is not read out.
  const element = h("div", { class: "notice-place", role: "alert" }, box);

  return {
    element,
    render(model, t) {
      const { problem } = model;
      box.hidden = problem === null;
      if (problem === null) {
        for (const part of [what, advice, detail]) setText(part, "");
        return;
      }
      box.dataset["problem"] = problem.key;
      setText(what, t(`problem.${problem.key}`, problem.words));
      setText(advice, t(`advice.${problem.key}`, problem.words));
      setText(detail, problem.detail === null ? "" : t("detail", { detail: problem.detail }));
      detail.hidden = problem.detail === null;
      remedy.hidden = problem.remedy === null;
      if (problem.remedy !== null) setText(remedy, t(problem.key === "microphone_asleep" ? "turnMicrophoneOn" : REMEDIES[problem.remedy]));
      setName(close, t("close"));
    },
  };
}
