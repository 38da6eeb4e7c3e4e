import type { Face } from "../face/face.ts";
import { Spring } from "../face/motion.ts";
import type { Translate } from "../i18n/index.ts";
import { nameOf, type Model } from "../model.ts";
import { h, icon, setAttribute, setName, setText } from "./dom.ts";
import type { Part, Wishes } from "./screen.ts";

/** The face in its light, what it is doing, and the three buttons of a call. */
export function stage(face: Face, wishes: Wishes): Part {
  const rings = [h("div", { class: "ring" }), h("div", { class: "ring ring-outer" })] as const;
  const figure = h("div", { class: "figure" }, h("div", { class: "disc" }), ...rings, face.element);

  // The machine's word is stable and in English; people get their own beside it.
  const code = h("span", { class: "unseen", "data-testid": "state", "aria-hidden": "true" });
  const label = h("span", { class: "state-label", role: "status" });
  const state = h("p", { class: "state" }, h("span", { class: "state-dot", "aria-hidden": "true" }), code, label);

  const mute = h("button", { class: "round", type: "button", "data-testid": "mute", "aria-keyshortcuts": "Alt+M" }, icon("microphone"), icon("microphoneOff"));
  const interrupt = h("button", { class: "round interrupt", type: "button", "data-testid": "interrupt", "aria-keyshortcuts": "Escape" }, icon("stop"));
  const end = h("button", { class: "round end", type: "button", "data-testid": "end" }, icon("leave"));
  mute.addEventListener("click", () => wishes.toggleMute());
  interrupt.addEventListener("click", () => wishes.interrupt());
  end.addEventListener("click", () => wishes.end());
  const controls = h("div", { class: "controls", role: "group" }, mute, interrupt, end);
  const element = h("section", { class: "stage" }, figure, h("div", { class: "dock" }, state, controls));

  const heard = new Spring(0, 0.06);
  face.onFrame = (input, seconds) => {
    const level = heard.step(input, seconds);
    const silent = level < 0.02;
    for (const ring of rings) if (ring.hidden !== silent) ring.hidden = silent;
    if (silent) return;
    rings[0].style.transform = `scale(${(1 + 0.05 * level).toFixed(3)})`;
    rings[1].style.transform = `scale(${(1 + 0.13 * level).toFixed(3)})`;
    const ringOpacity = (0.75 * Math.min(1, level * 1.4)).toFixed(2);
    for (const ring of rings) ring.style.opacity = ringOpacity;
  };

  return {
    element,
    render(model, t) {
      setText(code, model.state);
      setText(label, stateWords(model, t));
      setAttribute(face.element, "aria-label", t("face", { name: nameOf(model) || "Visavis" }));
      const talking = model.phase === "talking";
      setAttribute(controls, "aria-label", t("controls"));
      controls.hidden = !talking && model.phase !== "connecting";
      mute.disabled = !model.hasMicrophone;
      setAttribute(mute, "aria-pressed", model.hasMicrophone ? String(model.muted) : "true");
      setName(mute, t(model.hasMicrophone ? (model.muted ? "unmute" : "mute") : "noMicrophone"));
      interrupt.disabled = !talking;
      setAttribute(interrupt, "data-busy", model.state === "thinking" || model.state === "speaking");
      setName(interrupt, t("interrupt"));
      setName(end, t("end"));
    },
  };
}

function stateWords(model: Model, t: Translate): string {
  if (model.phase === "waiting") return t("state.asleep");
  if (model.phase === "connecting") return t(model.returning ? "connection.reconnecting" : "connection.connecting");
  if (model.phase === "talking" && model.muted && model.state === "listening") return t("state.muted");
  return t(`state.${model.state}`);
}
