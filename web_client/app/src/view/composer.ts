import type { Face } from "../face/face.ts";
import { h, icon, setAttribute, setName } from "./dom.ts";
import type { Part, Wishes } from "./screen.ts";

/** The longest text the server takes. */
const MOST_CHARACTERS = 8_000;

/** Writing instead of speaking. */
export function composer(face: Face, wishes: Wishes): Part {
  const input = h("input", { class: "text-input", type: "text", "data-testid": "text-input", autocomplete: "off", enterkeyhint: "send", maxlength: String(MOST_CHARACTERS), dir: "auto" });
  const send = h("button", { class: "round send", type: "submit", "data-testid": "send" }, icon("send"));
  const element = h("form", { class: "composer" }, input, send);
  const refresh = (): void => {
    send.disabled = input.disabled || input.value.trim() === "";
  };
  input.addEventListener("input", () => {
    refresh();
    const box = input.getBoundingClientRect();
    face.lookAt(box.left + Math.min(box.width, 40 + input.value.length * 8), box.top);
  });
  // An input method's Enter chooses a word; it must not send.
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.isComposing) event.preventDefault();
  });
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text === "") return;
    input.value = "";
    refresh();
    wishes.send(text);
  });

  return {
    element,
    render(model, t) {
      input.disabled = model.phase === "waiting" || model.phase === "connecting";
      setAttribute(input, "aria-label", t("text"));
      setAttribute(input, "placeholder", t("placeholder"));
      setName(send, t("send"));
      refresh();
    },
  };
}
