import { formatMilliseconds, formatNumber, TAGS, type Translate } from "../i18n/index.ts";
import type { Model } from "../model.ts";
import "../styles/waterfall.css";
import type { Turn } from "../turns.ts";
import { bars, scaleOf, share, STAGES, total, type Scale } from "../waterfall.ts";
import { h, icon, setAttribute, setName, setText } from "./dom.ts";
import { writtenIn } from "./history.ts";
import type { Part, Wishes } from "./screen.ts";

/** A figure so near to the left edge begins there. */
const EDGE = 0.04;

const percent = (part: number): string => `${(100 * part).toFixed(3)}%`;

interface Row {
  readonly element: HTMLElement;
  draw(turn: Turn, scale: Scale, model: Model, t: Translate): void;
}

/** Where the time of the last turns went: one row a turn, a bar a stage; each row opens to the same in figures. */
export function waterfall(wishes: Wishes): Part {
  const title = h("h2", { class: "waterfall-title", id: "waterfall-title" });
  const unit = h("p", { class: "waterfall-unit" });
  const close = h("button", { class: "plain waterfall-close", type: "button", "data-testid": "waterfall-close", "aria-keyshortcuts": "Escape" }, icon("close"));
  const empty = h("p", { class: "waterfall-empty" });
  const list = h("ol", { class: "waterfall-turns", role: "list" });
  const axis = h("div", { class: "waterfall-axis", "aria-hidden": "true" });
  const legend = h("ul", { class: "waterfall-legend", "aria-hidden": "true" });
  const chart = h("div", { class: "waterfall-chart" }, axis, list, legend);
  const element = h("section", { class: "waterfall", tabindex: "-1", "aria-labelledby": "waterfall-title", "data-testid": "waterfall-panel" },
    h("header", { class: "waterfall-head" }, h("div", {}, title, unit), close), empty, chart);
  close.addEventListener("click", () => wishes.toggleWaterfall());

  const rows = new Map<string, Row>();
  let shown: readonly Turn[] = [];
  let words: Translate | null = null;
  let locale = "";

  return {
    element,
    render(model, t) {
      if (words !== null && shown === model.turns && locale === model.locale) return;
      [shown, words, locale] = [model.turns, t, model.locale];
      setText(title, t("waterfall"));
      setText(unit, t("waterfallUnit"));
      setName(close, t("close"));
      setText(empty, t("waterfallEmpty"));
      const none = model.turns.length === 0;
      empty.hidden = !none;
      unit.hidden = chart.hidden = none;

      const keys = new Set(model.turns.map((turn) => turn.key));
      for (const [key, row] of rows) {
        if (keys.has(key)) continue;
        row.element.remove();
        rows.delete(key);
      }
      const scale = scaleOf(model.turns.map((turn) => turn.stages));
      for (const turn of model.turns) {
        let row = rows.get(turn.key);
        if (row === undefined) {
          rows.set(turn.key, (row = makeRow()));
          list.prepend(row.element);
        }
        row.draw(turn, scale, model, t);
      }
      axis.replaceChildren(...scale.ticks.map((ms) => placed(h("span", { class: share(scale, ms) < EDGE ? "waterfall-tick waterfall-edge" : "waterfall-tick" }, formatNumber(ms, model.locale)), share(scale, ms))));
      const met = STAGES.filter((stage) => model.turns.some((turn) => Object.hasOwn(turn.stages, stage)));
      legend.replaceChildren(...met.map((stage) => h("li", {}, h("span", { class: "waterfall-colour", "data-stage": stage }), t(`stage.${stage}`))));
    },
  };
}

function makeRow(): Row {
  const question = h("span", { class: "waterfall-question" });
  const sum = h("span", { class: "waterfall-total" });
  const track = h("span", { class: "waterfall-track", "aria-hidden": "true" });
  const summary = h("summary", { class: "waterfall-summary" }, h("span", { class: "waterfall-words" }, question, sum), track);
  const [stageHead, atHead, tookHead] = [h("th", { scope: "col" }), h("th", { scope: "col" }), h("th", { scope: "col" })];
  const body = h("tbody");
  const table = h("table", { class: "waterfall-table" }, h("thead", {}, h("tr", {}, stageHead, atHead, tookHead)), body);
  const element = h("li", { "data-testid": "waterfall-turn" }, h("details", {}, summary, table));

  return {
    element,
    draw(turn, scale, model, t) {
      const said = (ms: number): string => formatMilliseconds(ms, model.locale);
      setText(question, turn.question || t("waterfallUnknown"));
      setAttribute(question, "lang", TAGS[writtenIn(turn.question)]);
      const all = total(turn.stages);
      setText(sum, all === null ? "" : t(all.stage === "heard" ? "heardAfter" : "sentAfter", { time: said(all.ms) }));
      const drawn = bars(turn.stages);
      track.replaceChildren(
        ...scale.ticks.map((ms) => placed(h("span", { class: ms === 0 ? "waterfall-line waterfall-zero" : "waterfall-line" }), share(scale, ms))),
        ...drawn.map(({ stage, from, to }) => {
          const bar = placed(h("span", { class: "waterfall-bar", "data-stage": stage, "data-testid": "waterfall-bar", title: `${t(`stage.${stage}`)}: ${said(to)}` }), share(scale, from));
          bar.style.width = percent(share(scale, to) - share(scale, from));
          return bar;
        }),
      );
      setText(stageHead, t("stageHead"));
      setText(atHead, t("stageAt"));
      setText(tookHead, t("stageTook"));
      body.replaceChildren(...drawn.map(({ stage, from, to }) =>
        h("tr", {}, h("th", { scope: "row" }, h("span", { class: "waterfall-colour", "data-stage": stage, "aria-hidden": "true" }), t(`stage.${stage}`)),
          h("td", {}, said(to)), h("td", {}, `+${to - from}`))));
    },
  };
}

function placed<E extends HTMLElement>(element: E, at: number): E {
  element.style.left = percent(at);
  return element;
}
