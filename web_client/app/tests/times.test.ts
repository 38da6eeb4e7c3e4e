// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { type TestSession, begin, get, press, session, settle, shown } from "./world.ts";

describe("the turns' times", () => {
  const STAGES = { silence: 130, transcript: 210, asked: 212, first_token: 330, commit: 402, first_chunk: 560, first_sound: 600, out: 612 };
  const panel = (): HTMLElement | null => get("waterfall-panel");
  const rows = (): HTMLElement[] => [...panel()!.querySelectorAll<HTMLElement>('[data-testid="waterfall-turn"]')];
  const open = (): boolean => panel() !== null && shown("waterfall-panel");
  const key = async (): Promise<void> => {
    press({ code: "KeyW", key: "∑", altKey: true });
    await vi.dynamicImportSettled();
    await settle();
  };
  const answered = (it: TestSession, gen: number, question: string, stages: Record<string, number> = STAGES): void => {
    it.emit("user_text", { id: `u${gen}`, text: question, final: true, via: "voice" });
    it.emit("message", { v: 1, type: "turn_stages", gen, seq: gen, t: 48_000, d: { stages } });
  };

  it("are asked for from the beginning", async () => {
    expect((await begin()).options.wants).toEqual(["stages"]);
  });

  it("show by Alt+W, wherever the letter lies, and never by a bare one; Escape closes them before it interrupts", async () => {
    const it = await begin();
    press({ code: "KeyW", key: "w" });
    await settle();
    expect(get("waterfall").getAttribute("aria-expanded")).toBe("false");
    await key();
    expect(open()).toBe(true);
    expect(panel()!.textContent).toContain("Ask something aloud");
    expect(document.activeElement).toBe(panel());
    press({ key: "Escape" });
    await settle();
    expect(open()).toBe(false);
    expect(it.calls).toEqual([]);
    press({ key: "Escape" });
    expect(it.calls).toEqual(["interrupt"]);
    press({ code: "KeyZ", key: "w", altKey: true });
    await settle();
    expect(open()).toBe(true);
    press({ code: "KeyW", key: "w", altKey: true, ctrlKey: true });
    await settle();
    expect(open()).toBe(true);
  });

  it("open and close by their buttons; the focus goes in and comes back", async () => {
    await begin();
    get("waterfall").focus();
    get("waterfall").click();
    await vi.dynamicImportSettled();
    await settle();
    expect(open()).toBe(true);
    expect(get("waterfall").getAttribute("aria-expanded")).toBe("true");
    expect(document.getElementById(get("waterfall").getAttribute("aria-controls")!)!.contains(panel())).toBe(true);
    expect(document.activeElement).toBe(panel());
    get("waterfall-close").click();
    await settle();
    expect(open()).toBe(false);
    expect(document.activeElement).toBe(get("waterfall"));
  });

  it("are a row a turn, the newest first, with bars, a total, and the same in figures", async () => {
    const it = await begin();
    answered(it, 1, "What is the capital of France?");
    answered(it, 2, "一个星期有几天？", { silence: 100, commit: 480, out: 900 });
    await key();
    expect(rows().map((row) => row.querySelector("summary")!.textContent)).toEqual(["一个星期有几天？sent after 900 ms", "What is the capital of France?sent after 612 ms"]);
    const bars = [...rows()[1]!.querySelectorAll<HTMLElement>('[data-testid="waterfall-bar"]')];
    expect(bars.map((bar) => bar.dataset["stage"])).toEqual(["silence", "transcript", "asked", "first_token", "commit", "first_chunk", "first_sound", "out"]);
    expect(bars.map((bar) => bar.style.left)).toEqual(["0.000%", "13.000%", "21.000%", "21.200%", "33.000%", "40.200%", "56.000%", "60.000%"]);
    expect(bars[0]!.style.width).toBe("13.000%");
    const figures = [...rows()[1]!.querySelectorAll("tbody tr")].map((row) => [...row.children].map((cell) => cell.textContent));
    expect(figures[0]).toEqual(["pause noticed", "130 ms", "+130"]);
    expect(figures.at(-1)).toEqual(["sound sent", "612 ms", "+12"]);
    expect(panel()!.querySelectorAll(".waterfall-legend li")).toHaveLength(8);
  });

  it("say when the answer was heard, once it was, and keep the row that is being read", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
    const it = await begin();
    await key();
    answered(it, 1, "What is it?");
    await settle();
    const [row] = rows();
    row!.querySelector("details")!.open = true;
    const came = performance.now() - 20;
    for (let i = 0; i < 20; i++) {
      it.heard = 48_000 + (performance.now() - came - 75) * 48;
      await vi.advanceTimersByTimeAsync(50);
    }
    expect(rows()).toEqual([row]);
    expect(row!.querySelector("details")!.open).toBe(true);
    const ms = Number(/heard after (\d+) ms/.exec(row!.textContent)?.[1]);
    expect(Math.abs(ms - (612 + 75))).toBeLessThanOrEqual(51);
  });

  it("say that nothing was heard before it was sent, to a page that was busy when it was told", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
    const it = await begin();
    await key();
    it.heard = 48_000 + 90 * 48;
    answered(it, 1, "What is it?");
    const came = performance.now() - 90;
    for (let i = 0; i < 20; i++) {
      it.heard = 48_000 + (performance.now() - came) * 48;
      await vi.advanceTimersByTimeAsync(50);
    }
    expect(rows()[0]!.textContent).toContain("heard after 612 ms");
  });

  it("are ten at most, of all conversations, and in the language of the page", async () => {
    const first = await begin();
    for (let gen = 1; gen <= 8; gen++) answered(first, gen, `Question ${gen}`);
    get("end").click();
    await settle();
    get("start").click();
    await settle();
    for (let gen = 1; gen <= 4; gen++) answered(session(), gen, `Again ${gen}`);
    await key();
    expect(rows()).toHaveLength(10);
    expect(rows()[0]!.textContent).toContain("Again 4");
    expect(rows().at(-1)!.textContent).toContain("Question 3");
    const select = get<HTMLSelectElement>("language");
    select.value = "zh";
    select.dispatchEvent(new Event("change"));
    await settle();
    expect(panel()!.textContent).toContain("应答时间");
    expect(rows()[0]!.textContent).toMatch(/612\s*毫秒后发出/);
  });
});
