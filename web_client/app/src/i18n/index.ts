/** The interface's words, and how they are chosen. */

import { en, type Dictionary, type Key } from "./en.ts";
import { zh } from "./zh.ts";

export type { Key } from "./en.ts";
export type Locale = "en" | "zh";
export type Words = Readonly<Record<string, string>>;

export const DICTIONARIES: Record<Locale, Dictionary> = { en, zh };

/** The language tag that browsers and screen readers understand. */
export const TAGS: Record<Locale, string> = { en: "en", zh: "zh-CN" };

/** The spoken language that was chosen is the interface's too; "auto" leaves it to the browser's languages. */
export function chooseLocale(choice: string, preferred: readonly string[]): Locale {
  if (choice === "en" || choice === "zh") return choice;
  for (const tag of preferred) {
    const primary = tag.toLowerCase().split("-")[0];
    if (primary === "en" || primary === "zh") return primary;
  }
  return "en";
}

export type Translate = (key: Key, words?: Words) => string;

export function translator(locale: Locale): Translate {
  const dictionary = DICTIONARIES[locale];
  return (key, words = {}) => dictionary[key].replace(/\{(\w+)\}/g, (whole, name: string) => words[name] ?? whole);
}

/** "412 MB" */
export function formatBytes(bytes: number, locale: Locale): string {
  const [unit, size] = bytes >= 999.5e6 ? (["gigabyte", 1e9] as const) : (["megabyte", 1e6] as const);
  const digits = unit === "gigabyte" ? 1 : 0;
  return new Intl.NumberFormat(TAGS[locale], { style: "unit", unit, maximumFractionDigits: digits }).format(bytes / size);
}

/** "1,500" */
export const formatNumber = (number: number, locale: Locale): string => new Intl.NumberFormat(TAGS[locale]).format(number).replace("-", "−");

/** "612 ms" */
export function formatMilliseconds(ms: number, locale: Locale): string {
  return new Intl.NumberFormat(TAGS[locale], { style: "unit", unit: "millisecond", maximumFractionDigits: 0 }).format(ms);
}

/** "2 minutes"; short times in steps that do not flicker. */
export function formatDuration(seconds: number, locale: Locale): string {
  const unit = (value: number, name: "second" | "minute" | "hour"): string =>
    new Intl.NumberFormat(TAGS[locale], { style: "unit", unit: name, unitDisplay: "long", maximumFractionDigits: name === "hour" ? 1 : 0 }).format(value);
  if (seconds < 55) return unit(Math.max(5, Math.ceil(seconds / 5) * 5), "second");
  if (seconds < 5400) return unit(Math.max(1, Math.round(seconds / 60)), "minute");
  return unit(seconds / 3600, "hour");
}
