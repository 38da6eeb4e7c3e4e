import { describe, expect, it, vi } from "vitest";
import { chooseDoor, parseInfo, personaName, pollInfo, type Info } from "../src/info.ts";
import { parseOptions, withLanguage } from "../src/options.ts";

describe("the address", () => {
  it("has defaults", () => expect(parseOptions("")).toEqual({ door: "auto", persona: undefined, language: "auto", face: undefined }));

  it.each(["auto", "peer", "livekit", "ws"])("names the door %s", (door) => expect(parseOptions(`?door=${door}`).door).toBe(door));

  it("names persona and language", () => {
    expect(parseOptions("?persona=guide&lang=zh-CN")).toEqual({ door: "auto", persona: "guide", language: "zh", face: undefined });
  });

  it("names who is seen", () => {
    expect(parseOptions("?face=mei").face).toBe("mei");
    for (const odd of ["", "constructor", "Mei", "<b>"]) expect(parseOptions(`?face=${odd}`).face).toBeUndefined();
  });

  it("is not trusted", () => {
    expect(parseOptions("?door=javascript:&lang=xx&persona=").door).toBe("auto");
    expect(parseOptions("?lang=xx").language).toBe("auto");
    expect(parseOptions("?persona=").persona).toBeUndefined();
    expect(parseOptions(`?persona=${"x".repeat(900)}`).persona).toHaveLength(64);
  });

  it("keeps the language that was chosen, and the rest of itself", () => {
    expect(withLanguage("http://127.0.0.1:8080/?door=ws", "zh")).toBe("http://127.0.0.1:8080/?door=ws&lang=zh");
    expect(withLanguage("http://127.0.0.1:8080/?lang=zh&door=ws#x", "auto")).toBe("http://127.0.0.1:8080/?door=ws#x");
  });
});

const body = { name: "visavis", version: "0.1.0", doors: ["peer", "ws"], livekit: false, personas: [{ id: "default", name: "Vera", language: "auto" }], ready: true, progress: null, stored: false, dev: true };
const info = (part: Partial<Info> = {}): Info => ({ ...parseInfo(body), ...part });

describe("what the server says of itself", () => {
  it("is read", () => {
    expect(parseInfo({ ...body, ready: false, progress: { phase: "downloading", done_bytes: 5, total_bytes: 10, eta_s: 2.5 } })).toEqual({
      ready: false, stored: false, recorded: false, listed: false, doors: ["peer", "ws"], livekit: false, personas: [{ id: "default", name: "Vera" }],
      progress: { phase: "downloading", doneBytes: 5, totalBytes: 10, etaSeconds: 2.5 },
    });
  });

  it("survives odd numbers and missing parts", () => {
    expect(parseInfo({ ready: false, progress: { done_bytes: "x", total_bytes: -4, eta_s: null } }).progress).toEqual({ phase: "", doneBytes: 0, totalBytes: 0, etaSeconds: null });
  });

  it("counts as recording only when it says so", () => {
    expect(parseInfo({ ready: true }).recorded).toBe(false);
    expect(parseInfo({ ready: true, recorded: true }).recorded).toBe(true);
  });
  it("counts as storing unless it says that it does not", () => expect(parseInfo({ ready: true }).stored).toBe(true));

  it.each([null, [], "ready", {}, { ready: "yes" }])("refuses %j", (bad) => expect(() => parseInfo(bad)).toThrow(/expected an object/));

  it("makes LiveKit the door where there is no other", () => {
    expect(chooseDoor("auto", info({ livekit: true, doors: [] }))).toBe("livekit");
    expect(chooseDoor("auto", info({ livekit: true }))).toBe("auto");
    expect(chooseDoor("auto", info())).toBe("auto");
    expect(chooseDoor("auto", null)).toBe("auto");
    expect(chooseDoor("ws", info({ livekit: true, doors: [] }))).toBe("ws");
  });

  it("names who will answer", () => {
    const personas = [{ id: "guide", name: "Guo" }, { id: "default", name: "Vera" }];
    expect(personaName(info({ personas }), undefined)).toBe("Vera");
    expect(personaName(info({ personas }), "guide")).toBe("Guo");
    expect(personaName(info({ personas }), "nobody")).toBe("");
    expect(personaName(null, undefined)).toBe("");
  });
});

describe("asking every second", () => {
  it("goes on over failures until the server is ready, then stops", async () => {
    vi.useFakeTimers();
    try {
      const answers = [() => Promise.reject(new Error("down")), () => Promise.resolve({ ...body, ready: false }), () => Promise.resolve("nonsense"), () => Promise.resolve(body)];
      const ask = vi.fn(() => (answers.shift() ?? answers[0]!)());
      const seen: boolean[] = [];
      const failures: unknown[] = [];
      const polling = pollInfo(ask, (i) => (seen.push(i.ready), i.ready), (e) => failures.push(e));
      await vi.advanceTimersByTimeAsync(10_000);
      await polling;
      expect(seen).toEqual([false, true]);
      expect(failures).toHaveLength(2);
      expect(ask).toHaveBeenCalledTimes(4);
    } finally {
      vi.useRealTimers();
    }
  });
});
