// @vitest-environment happy-dom
import { type Ticket } from "@visavis/sdk";
import { describe, expect, it, vi } from "vitest";
import { READY, type TestSession, begin, get, lines, open, session, settle, shown, world } from "./world.ts";

describe("coming back", () => {
  const old: Ticket = { session_id: "s-old", secret: "secret", number: 3, expires: Infinity };
  const said = [
    { who: "user", text: "What is it?", interrupted: false },
    { who: "agent", text: "A moun", interrupted: true },
  ] as const;
  const texts = (): (string | null)[] => [...document.querySelectorAll('[data-testid="line"]')].map((line) => line.textContent);
  const back = (it: TestSession, omitted = 0): void => it.emit("restored", { round: 2, loop: 1, lines: [...said], omitted, commands: [] });

  it("goes on by itself when the page was loaded again, with the microphone if nobody has to be asked", async () => {
    world.ticket = old;
    open();
    await settle();
    const it = session();
    expect([it.id, it.options.microphone, it.options.resume !== undefined]).toEqual(["s-old", true, true]);
    back(it);
    await settle();
    expect(texts()).toEqual(["What is it?", "A moun"]);
    expect(get("news").textContent).toBe("The conversation goes on.");
    expect(lines("agent")[0]!.parentElement!.textContent).toContain("interrupted");
    expect(document.querySelector('[aria-live="polite"]')!.textContent).toBe("");
    expect(shown("error")).toBe(false);
  });

  it("waits until the server is ready, and says what it is about to do", async () => {
    world.ticket = old;
    world.info = { ...READY, ready: false };
    open({ language: "zh" });
    await settle();
    expect(world.sessions).toHaveLength(0);
    expect(document.querySelector(".invite")!.textContent).toContain("我都还记得");
    world.info = READY;
    await vi.advanceTimersByTimeAsync(1100);
    expect(session().id).toBe("s-old");
  });

  it("says that it is reconnecting, and can be stopped for good", async () => {
    world.ticket = old;
    open();
    await settle();
    const it = session();
    it.options.onConnection?.({ status: "reconnecting", door: "peer" });
    await settle();
    expect(get("connection").textContent).toBe("Reconnecting…");
    get("end").click();
    await settle();
    expect(it.calls).toEqual(["close"]);
    expect(world.ticket).toBeUndefined();
    expect(get("start").textContent).toBe("Start again");
  });

  it("comes back without the microphone where somebody would be asked, and offers it; the conversation stays the same", async () => {
    world.ticket = old;
    world.granted = false;
    open();
    await settle();
    const first = session();
    expect(first.options.microphone).toBe(false);
    expect(get("error").textContent).toContain("I cannot hear you yet");
    expect(get("remedy").textContent).toBe("Turn the microphone on");
    get("remedy").click();
    await settle();
    expect(first.calls).toEqual(["leave"]);
    expect([session().id, session().options.microphone]).toEqual(["s-old", true]);
    expect(shown("error")).toBe(false);
  });

  it("lets the sound go with the next gesture, and only then offers the microphone", async () => {
    world.ticket = old;
    world.granted = false;
    open();
    await settle();
    session().emit("error", { code: "autoplay_blocked", message: "x", recoverable: true });
    await settle();
    document.body.click();
    document.body.click();
    await settle();
    expect(session().calls).toEqual(["resume"]);
    expect(get("error").textContent).toContain("I cannot hear you yet");
  });

  it("shows nothing twice, on a page that stayed, and keeps what was said in conversations before", async () => {
    const first = await begin();
    first.emit("user_text", { id: "u1", text: "Earlier", final: true, via: "text" });
    get("end").click();
    await settle();
    get("start").click();
    await settle();
    const it = session();
    it.emit("user_text", { id: "u1", text: "What is it?", final: true, via: "text" });
    it.emit("agent_text", { id: "a1", gen: 1, text: "A mountain is", final: false });
    back(it);
    it.emit("agent_text", { id: "2.a1", gen: 7, text: "A mountain", final: false });
    await settle();
    expect(texts().sort()).toEqual(["A moun", "A mountain", "Earlier", "What is it?"]);
    back(it, 12);
    await settle();
    expect(texts().sort()).toEqual(["A moun", "Earlier", "What is it?"]);
    expect(document.body.textContent).toContain("Earlier lines that are not shown: 12");
    it.emit("user_text", { id: "2.u2", text: "Go on", final: true, via: "text" });
    await settle();
    expect(get("news").textContent).toBe("");
  });

  it("by the button, after the connection was given up, takes the place of what was shown", async () => {
    const it = await begin();
    it.emit("user_text", { id: "u1", text: "What is it?", final: true, via: "text" });
    it.options.onConnection?.({ status: "failed", reason: "unreachable" });
    await settle();
    get("start").click();
    await settle();
    expect(session().id).toBe(it.id);
    back(session());
    await settle();
    expect(texts().sort()).toEqual(["A moun", "What is it?"]);
  });

  it("tells calmly when it cannot be, and keeps what was said on the screen", async () => {
    const it = await begin();
    it.emit("user_text", { id: "u1", text: "Earlier", final: true, via: "text" });
    it.emit("error", { code: "resume_refused", message: "x", recoverable: false });
    it.id = "s-9";
    it.emit("session_lost", { session_id: "s-1", reason: "resume_refused" });
    it.emit("user_text", { id: "2.u1", text: "Again", final: true, via: "text" });
    await settle();
    expect(shown("error")).toBe(false);
    it.emit("session_lost", { session_id: "s-9", reason: "not_kept" });
    await settle();
    expect(get("news").textContent).toBe("The earlier conversation could not be resumed. This is a new one.");
    expect(texts()).toEqual(["Earlier", "Again"]);
  });

  it("is over where another device goes on", async () => {
    const it = await begin();
    world.ticket = undefined;
    it.emit("error", { code: "taken_over", message: "x", recoverable: false });
    it.options.onConnection?.({ status: "failed", reason: "taken_over" });
    await settle();
    expect(get("error").textContent).toContain("goes on somewhere else");
    expect(get("start").textContent).toBe("Start again");
  });

  it("happens as well on a page that the browser had kept", async () => {
    const it = await begin();
    it.options.onConnection?.({ status: "closed" });
    await settle();
    dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    await settle();
    expect(world.sessions.map(({ id }) => id)).toEqual([it.id, it.id]);
  });
});
