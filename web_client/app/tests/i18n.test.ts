import { describe, expect, it } from "vitest";
import { chooseLocale, DICTIONARIES, formatBytes, formatDuration, translator, type Key } from "../src/i18n/index.ts";

const places = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "").sort();
const keys = Object.keys(DICTIONARIES.en) as Key[];

describe("dictionaries", () => {
  it("have the same keys", () => {
    expect(Object.keys(DICTIONARIES.zh).sort()).toEqual([...keys].sort());
  });

  it.each(keys)("%s says something in both languages, with the same places to fill", (key) => {
    const { en, zh } = { en: DICTIONARIES.en[key], zh: DICTIONARIES.zh[key] };
    expect(en.trim()).toBe(en);
    expect(en).not.toBe("");
    expect(zh).not.toBe("");
    expect(places(zh)).toEqual(places(en));
  });

  it("are written in their own language", () => {
    const same = keys.filter((key) => DICTIONARIES.en[key] === DICTIONARIES.zh[key]);
    expect(same).toEqual([]);
    const foreign = keys.filter((key) => /[㐀-鿿]/.test(DICTIONARIES.en[key]));
    expect(foreign).toEqual([]);
  });
});

describe("choice of language", () => {
  it("takes what was chosen", () => {
    expect(chooseLocale("zh", ["en-US"])).toBe("zh");
    expect(chooseLocale("en", ["zh-CN"])).toBe("en");
  });

  it("otherwise the first of the browser's languages that it knows", () => {
    expect(chooseLocale("auto", ["fr-FR", "zh-Hant-TW", "en"])).toBe("zh");
    expect(chooseLocale("auto", ["EN-gb", "zh"])).toBe("en");
    expect(chooseLocale("auto", ["de"])).toBe("en");
    expect(chooseLocale("auto", [])).toBe("en");
  });
});

describe("translator", () => {
  it("fills the places and leaves unknown ones visible", () => {
    expect(translator("en")("said", { who: "Vera", text: "Hello {who}" })).toBe("Vera: Hello {who}");
    expect(translator("zh")("hello", {})).toContain("{name}");
  });
});

describe("amounts", () => {
  it.each([
    [312_400_000, "312 MB"],
    [999_600_000, "1 GB"],
    [1_234_000_000, "1.2 GB"],
    [0, "0 MB"],
  ])("%i bytes are %s", (bytes, text) => expect(formatBytes(bytes, "en")).toBe(text));

  it.each([
    [0.2, "5 seconds"],
    [11, "15 seconds"],
    [54, "55 seconds"],
    [56, "1 minute"],
    [141, "2 minutes"],
    [7200, "2 hours"],
  ])("%d seconds are about %s", (seconds, text) => expect(formatDuration(seconds, "en")).toBe(text));

  it("has Chinese units", () => expect(formatDuration(141, "zh")).toMatch(/2\s*分钟/));
});
