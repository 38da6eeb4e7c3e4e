/** What is said while the server makes itself ready. */

import { formatBytes, formatDuration, type Key, type Translate } from "./i18n/index.ts";
import type { Model } from "./model.ts";

export interface ProgressWords {
  readonly what: string;
  readonly figures: string;
  /** Why, and whether it will be so again. */
  readonly hint: string;
  /** 0..1, null when unknown, "none" when nothing goes on. */
  readonly share: number | null | "none";
}

const FETCHING: Readonly<Record<string, Key>> = { waiting: "phase.waiting", resolving: "phase.resolving", downloading: "phase.downloading", assembling: "phase.assembling" };
const NEARLY_SECONDS = 5;

export function progressWords({ info, unreachable, locale }: Pick<Model, "info" | "unreachable" | "locale">, t: Translate): ProgressWords {
  const progress = info?.progress ?? null;
  // The server ends after it: that it does not answer any more says less.
  if (progress?.phase === "failed") return { what: t("phase.failed"), figures: "", hint: "", share: "none" };
  if (unreachable) return { what: t("unreachable"), figures: "", hint: "", share: null };
  const fetching = progress === null ? undefined : FETCHING[progress.phase];
  if (progress === null || fetching === undefined || progress.totalBytes === 0) return { what: t("phase.warming"), figures: "", hint: info === null ? "" : t("eachStart"), share: null };
  const { phase, doneBytes, totalBytes, etaSeconds } = progress;
  const words = { what: t(fetching), hint: t("onlyOnce") };
  if (phase === "assembling") return { ...words, figures: t("fetched", { total: formatBytes(totalBytes, locale) }), share: null };
  const amount = t("amount", { done: formatBytes(doneBytes, locale), total: formatBytes(totalBytes, locale) });
  const left = etaSeconds === null ? t(phase === "resolving" ? "notBegun" : "estimating") : etaSeconds < NEARLY_SECONDS ? t("nearlyDone") : t("left", { time: formatDuration(etaSeconds, locale) });
  return { ...words, figures: [amount, left].join(locale === "zh" ? "，" : " · "), share: doneBytes / totalBytes };
}
