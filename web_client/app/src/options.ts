/** What the page's address asks for. */

import { isCharacter, type CharacterName } from "./face/characters.ts";

export type Door = "auto" | "peer" | "livekit" | "ws";
export type LanguageChoice = "auto" | "en" | "zh";

export interface Options {
  readonly door: Door;
  readonly persona: string | undefined;
  readonly language: LanguageChoice;
  /** Who is seen; undefined: by the page's language. */
  readonly face?: CharacterName | undefined;
}

const DOORS: readonly string[] = ["auto", "peer", "livekit", "ws"] satisfies Door[];

/** `?door=auto|peer|livekit|ws&persona=…&lang=auto|en|zh&face=vera|mei`; what is not understood counts as not given. */
export function parseOptions(search: string): Options {
  const query = new URLSearchParams(search);
  const door = query.get("door") ?? "auto";
  const face = query.get("face");
  return {
    door: DOORS.includes(door) ? (door as Door) : "auto",
    persona: query.get("persona")?.slice(0, 64) || undefined,
    language: parseLanguage(query.get("lang")),
    face: isCharacter(face) ? face : undefined,
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
