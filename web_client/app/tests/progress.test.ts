import { describe, expect, it } from "vitest";
import { translator, type Locale } from "../src/i18n/index.ts";
import { parseInfo } from "../src/info.ts";
import { progressWords, type ProgressWords } from "../src/progress.ts";

const said = (progress: object | null, { unreachable = false, locale = "en" as Locale } = {}): ProgressWords =>
  progressWords({ info: parseInfo({ ready: false, progress }), unreachable, locale }, translator(locale));
const fetching = (phase: string, done_bytes = 350e6, eta_s: number | null = 141): object => ({ phase, done_bytes, total_bytes: 1.4e9, eta_s });

describe("while the server makes itself ready", () => {
  it("says what is fetched, how much, how long, and that it happens once", () => {
    expect(said(fetching("downloading"))).toEqual({
      what: "Fetching my speech and language models",
      figures: "350 MB of 1.4 GB · about 2 minutes left",
      hint: expect.stringContaining("only once"),
      share: 0.25,
    });
    expect(said(fetching("downloading"), { locale: "zh" })).toEqual({
      what: "正在下载我的语音和语言模型",
      figures: expect.stringMatching(/^350 ?MB \/ 1\.4 ?GB，大约还需 2 ?分钟$/),
      hint: expect.stringContaining("只需下载这一次"),
      share: 0.25,
    });
  });

  it("invents no time", () => {
    expect(said(fetching("downloading", 0, null)).figures).toBe("0 MB of 1.4 GB · estimating the time left");
    expect(said(fetching("resolving", 0, null)).figures).toBe("0 MB of 1.4 GB · beginning soon");
    expect(said(fetching("downloading", 1.39e9, 2)).figures).toBe("1.4 GB of 1.4 GB · nearly done");
  });

  it("says so when everything is fetched and being unpacked", () => {
    expect(said(fetching("assembling", 1.4e9, 0))).toMatchObject({ what: "Unpacking what was fetched", figures: "1.4 GB fetched", share: null });
  });

  it("says who fetches, when it is another program", () => {
    expect(said(fetching("waiting"))).toMatchObject({ what: "Another program on the server is fetching my models", share: 0.25 });
  });

  it.each([{ phase: "loading", done_bytes: 0, total_bytes: 0, eta_s: null }, { phase: "something new", done_bytes: 1, total_bytes: 2, eta_s: null }, null])(
    "does not call loading a download, nor promise that it happens once: %j", (progress) => {
      const words = said(progress);
      expect(words).toMatchObject({ what: "Waking up", figures: "", share: null });
      expect(words.hint).toContain("every start");
    });

  it("keeps the reason when the server ends after a failure", () => {
    for (const unreachable of [false, true]) {
      expect(said(fetching("failed"), { unreachable })).toMatchObject({ what: expect.stringContaining("failed"), figures: "", hint: "", share: "none" });
    }
  });

  it("says when the server does not answer", () => {
    expect(said(fetching("downloading"), { unreachable: true })).toMatchObject({ what: expect.stringContaining("does not answer"), figures: "", hint: "" });
  });
});
