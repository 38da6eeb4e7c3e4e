/** What the page's address asks for. */

export type Door = "auto" | "peer" | "livekit" | "ws";
export type LanguageChoice = "auto" | "en" | "zh";

export interface Options {
  readonly door: Door;
  readonly persona: string | undefined;
  readonly language: LanguageChoice;
}

const DOORS: readonly string[] = ["auto", "peer", "livekit", "ws"] satisfies Door[];

/** `?door=auto|peer|livekit|ws&persona=…&lang=auto|en|zh`; what is not understood counts as not given. */
export function parseOptions(search: string): Options {
  const query = new URLSearchParams(search);
  const door = query.get("door") ?? "auto";
  return {
    door: DOORS.includes(door) ? (door as Door) : "auto",
    persona: query.get("persona")?.slice(0, 64) || undefined,
    language: parseLanguage(query.get("lang")),
  };
}

/** Takes tags as browsers write them: zh-CN is zh. */
export function parseLanguage(tag: string | null): LanguageChoice {
  const primary = tag?.toLowerCase().split("-")[0];
  return primary === "en" || primary === "zh" ? primary : "auto";
}

/** The address with the language that was chosen, so that a reload keeps it. */
export function withLanguage(href: string, language: LanguageChoice): string {
  const url = new URL(href);
  if (language === "auto") url.searchParams.delete("lang");
  else url.searchParams.set("lang", language);
  return url.href;
}
