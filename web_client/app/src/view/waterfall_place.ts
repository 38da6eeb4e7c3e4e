import type { Translate } from "../i18n/index.ts";
import type { Model } from "../model.ts";
import { h, setText } from "./dom.ts";
import type { Part, Wishes } from "./screen.ts";

/** Where the waterfall comes when someone wants it: fetched with the first wish, focused when it opens; the focus goes back when it closes. */
export function waterfallPlace(wishes: Wishes): Part {
  const element = h("div", { class: "waterfall-place", id: "waterfall" });
  let view: Part | null = null;
  let fetching = false;
  let open = false;
  let before: Element | null = null;
  let latest: readonly [Model, Translate] | null = null;

  const fetch = async (): Promise<void> => {
    fetching = true;
    try {
      const { waterfall } = await import("./waterfall.ts");
      view = waterfall(wishes);
      element.replaceChildren(view.element);
      if (latest !== null) draw(...latest);
      if (open) view.element.focus({ preventScroll: true });
    } catch {
      if (latest !== null) setText(element, latest[1]("problem.unreachable"));
    } finally {
      fetching = false;
    }
  };
  const draw = (model: Model, t: Translate): void => {
    if (model.waterfall) view?.render(model, t);
  };

  return {
    element,
    render(model, t) {
      latest = [model, t];
      draw(model, t);
      if (model.waterfall && !open) {
        before = document.activeElement;
        element.hidden = false;
        if (view === null && !fetching) void fetch();
        view?.element.focus({ preventScroll: true });
      } else if (!model.waterfall) {
        const mine = element.contains(document.activeElement);
        element.hidden = true;
        if (open && mine && before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
      }
      open = model.waterfall;
    },
  };
}
