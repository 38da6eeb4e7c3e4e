import type { Translate } from "../i18n/index.ts";
import type { Model } from "../model.ts";
import type { LanguageChoice } from "../options.ts";
import { h, icon, setAttribute, setText } from "./dom.ts";
import type { Part, Wishes } from "./screen.ts";

/** Name, connection in words, the button for the turns' times, language. */
export function header(wishes: Wishes): Part {
  const connection = h("p", { class: "connection", "data-testid": "connection" });
  const automatic = h("option", { value: "auto" });
  const select = h("select", { class: "language", "data-testid": "language" },
    automatic, h("option", { value: "en", lang: "en" }, "English"), h("option", { value: "zh", lang: "zh-CN" }, "中文"));
  select.addEventListener("change", () => wishes.chooseLanguage(select.value as LanguageChoice));
  const times = h("button", { class: "times", type: "button", "data-testid": "waterfall", "aria-controls": "waterfall", "aria-keyshortcuts": "Alt+W" }, icon("waterfall"));
  times.addEventListener("click", () => wishes.toggleWaterfall());
  const element = h("header", { class: "header" }, h("h1", { class: "brand" }, "Visavis"), connection, times, select);

  return {
    element,
    render(model, t) {
      const status = model.connection?.status ?? "none";
      setAttribute(connection, "data-status", status);
      setAttribute(connection, "data-door", model.connection?.door ?? "");
      setText(connection, words(model, t));
      times.hidden = model.phase !== "talking" && model.lines.length === 0 && !model.waterfall;
      setAttribute(times, "aria-expanded", String(model.waterfall));
      setAttribute(times, "aria-label", t("waterfall"));
      setAttribute(times, "title", `${t("waterfall")} (Alt+W)`);
      setText(automatic, t("automatic"));
      setAttribute(select, "aria-label", t("language"));
      if (select.value !== model.language) select.value = model.language;
    },
  };
}

function words(model: Model, t: Translate): string {
  const { status = "none", door } = model.connection ?? {};
  const said = t(`connection.${status === "connecting" && model.returning ? "reconnecting" : status}`);
  return door !== undefined && (status === "connected" || status === "connecting") ? t("via", { status: said, door: t(`door.${door}`) }) : said;
}
