// @vitest-environment happy-dom
import { ConnectError, MicrophoneError } from "@visavis/sdk";
import { describe, expect, it, vi } from "vitest";
import { READY, begin, get, lines, open, press, session, settle, shown, world, write } from "./world.ts";

describe("before the conversation", () => {
  it("offers the start once the server is ready, and shows the download until then", async () => {
    world.info = { ...READY, ready: false, progress: { phase: "downloading", done_bytes: 250e6, total_bytes: 1e9, eta_s: 141 } };
    open();
    await settle();
    expect(get<HTMLButtonElement>("start").disabled).toBe(true);
    expect(document.body.textContent).toContain("250 MB of 1 GB · about 2 minutes left");
    expect(document.querySelector("progress")!.value).toBeCloseTo(0.25);
    world.info = READY;
    await vi.advanceTimersByTimeAsync(1100);
    expect(get<HTMLButtonElement>("start").disabled).toBe(false);
    expect(shown("start")).toBe(true);
  });

  it("says that it is an AI and whether words are stored", async () => {
    open();
    await settle();
    expect(document.body.textContent).toContain("I am an AI");
    expect(document.body.textContent).toContain("is not stored");
  });

  it.each([
    ["auto", "Answers come from a small list; no language model is set."],
    ["zh", "回答来自一小份问答，没有设置语言模型。"],
  ] as const)("says that answers come from a list when they do (%s)", async (language, words) => {
    world.info = { ...READY, answers: "faq" };
    open({ language });
    await settle();
    expect(shown("listed")).toBe(true);
    expect(get("listed").textContent).toBe(words);
  });

  it.each(["language model", null, undefined])("says nothing of a list when answers are %s", async (answers) => {
    world.info = { ...READY, answers };
    open();
    await settle();
    expect(shown("listed")).toBe(false);
  });

  it("says when the server does not answer", async () => {
    world.info = null;
    open();
    await settle();
    expect(document.body.textContent).toContain("The server does not answer");
  });

  it("names the address as the cause on an insecure origin, and begins without the microphone", async () => {
    vi.stubGlobal("isSecureContext", false);
    const it = await begin();
    expect(get("error").textContent).toContain(location.origin);
    expect(it.options.microphone).toBe(false);
    expect(get("error").textContent).toContain("you can write");
  });
});

describe("the conversation", () => {
  it("begins with the address's wishes", async () => {
    const it = await begin({ door: "ws", persona: "guide", language: "zh" });
    expect(it.options).toMatchObject({ door: "ws", persona: "guide", language: "zh", microphone: true });
    expect(window.visavis).toBe(it);
  });

  it("shows the state, in a word that no language changes", async () => {
    const it = await begin({ language: "zh" });
    for (const state of ["thinking", "speaking", "idle", "listening"] as const) {
      it.emit("state", { state, gen: 1 });
      await settle();
      expect(get("state").textContent).toBe(state);
    }
    expect(document.querySelector("[role=status]")!.textContent).toBe("正在听");
  });

  it("shows connection and door in words", async () => {
    const it = await begin();
    expect(get("connection").textContent).toBe("Connected directly (WebRTC)");
    it.options.onConnection?.({ status: "reconnecting" });
    await settle();
    expect(get("connection").textContent).toBe("Reconnecting…");
    it.options.onConnection?.({ status: "connected", door: "ws" });
    await settle();
    expect(get("connection").textContent).toBe("Connected by WebSocket");
  });

  it("shows both sides as they grow, in one order, and announces final lines once", async () => {
    const it = await begin();
    it.emit("user_text", { id: "u1", text: "what is", final: false, via: "voice" });
    await settle();
    expect(lines("user")[0]!.dataset["final"]).toBe("false");
    it.emit("user_text", { id: "u1", text: "What is it?", final: true, via: "voice", language: "en" });
    it.emit("agent_text", { id: "a1", gen: 1, text: "A mountain", final: false });
    await settle();
    expect(lines("user").map((l) => l.dataset["final"])).toEqual(["true"]);
    expect(lines("agent")[0]!.textContent).toBe("A mountain");
    const live = document.querySelector('[aria-live="polite"]')!;
    expect(live.textContent).toBe("You: What is it?");
    it.emit("agent_text", { id: "a1", gen: 1, text: "A mountain.", final: true });
    await settle();
    expect(live.textContent).toBe("Vera: A mountain.");
    expect(document.querySelector(".lines")!.getAttribute("aria-owns")).toBe([...lines("user"), ...lines("agent")].map((l) => l.parentElement!.id).join(" "));
  });

  it("never reads text as markup", async () => {
    const it = await begin();
    it.emit("agent_text", { id: "a1", gen: 1, text: "<img src=x onerror=alert(1)>", final: true });
    await settle();
    expect(lines("agent")[0]!.querySelector("img")).toBeNull();
    expect(lines("agent")[0]!.textContent).toContain("<img");
  });

  it("marks each line with the language it is written in", async () => {
    const it = await begin();
    it.emit("user_text", { id: "u1", text: "什么是 AI？", final: true, via: "voice" });
    it.emit("agent_text", { id: "a1", gen: 1, text: "A machine that…", final: true });
    await settle();
    expect(lines("user")[0]!.lang).toBe("zh-CN");
    expect(lines("agent")[0]!.lang).toBe("en");
  });

  it("marks an answer that was cut", async () => {
    const it = await begin();
    it.emit("agent_text", { id: "a1", gen: 1, text: "The long sto", final: false });
    it.emit("interrupt", { gen: 2, cut_t: 0, reason: "voice" });
    await settle();
    expect(lines("agent")[0]!.dataset["final"]).toBe("true");
    expect(lines("agent")[0]!.textContent).toBe("The long sto");
    expect(lines("agent")[0]!.parentElement!.textContent).toContain("interrupted");
  });

  it("sends what was written, once, and nothing blank", async () => {
    const it = await begin();
    await write("  Hello  ");
    expect(get<HTMLInputElement>("text-input").value).toBe("");
    await write("   ");
    expect(it.sent).toEqual(["Hello"]);
  });

  it("begins without the microphone for whoever writes first", async () => {
    open();
    await settle();
    await write("Hello");
    expect(session().options.microphone).toBe(false);
    expect(session().sent).toEqual(["Hello"]);
    expect(get<HTMLButtonElement>("mute").disabled).toBe(true);
  });

  it("interrupts by button and by Escape, but not while an input method is choosing", async () => {
    const it = await begin();
    get("interrupt").click();
    press({ key: "Escape" }, get("text-input"));
    press({ key: "Escape", isComposing: true }, get("text-input"));
    expect(it.calls).toEqual(["interrupt", "interrupt"]);
  });

  it("mutes by button and by Alt+M, never by a bare letter", async () => {
    const it = await begin();
    get("mute").click();
    await settle();
    expect([it.muted, get("mute").getAttribute("aria-pressed"), get("mute").getAttribute("aria-label")]).toEqual([true, "true", "Unmute the microphone"]);
    press({ code: "KeyM", key: "µ", altKey: true });
    expect(it.muted).toBe(false);
    press({ code: "KeyM", key: "m" });
    expect(it.muted).toBe(false);
  });

  it("changes language for the ear and the eye, and keeps it in the address", async () => {
    const it = await begin();
    const select = get<HTMLSelectElement>("language");
    select.value = "zh";
    select.dispatchEvent(new Event("change"));
    await settle();
    expect(it.calls).toEqual(["language zh"]);
    expect(document.documentElement.lang).toBe("zh-CN");
    expect(get("text-input").getAttribute("placeholder")).toBe("输入消息");
    expect(location.search).toBe("?lang=zh");
  });

  it.each([["auto", "is recorded on this server, as sound and as text"], ["zh", "会录音"]] as const)("says before a conversation that it is recorded (%s)", async (language, words) => {
    world.info = { ...READY, stored: true, recorded: true };
    open({ language });
    await settle();
    expect(document.body.textContent).toContain(words);
    expect(document.body.textContent).not.toContain("is stored");
  });

  it("shows what the session says of recording, whatever the server said before", async () => {
    world.recorded = true;
    await begin();
    expect(document.body.textContent).toContain("is recorded on this server");
  });

  it("believes a session that says that it is not recorded", async () => {
    world.info = { ...READY, recorded: true };
    await begin();
    expect(document.body.textContent).toContain("is stored on this server");
  });

  it("shows what the session says of storage", async () => {
    await begin();
    expect(document.body.textContent).toContain("is stored on this server");
  });

  it("ends when asked, lets go of the session, and offers another", async () => {
    const it = await begin();
    it.emit("agent_text", { id: "a1", gen: 1, text: "Well", final: false });
    get("end").click();
    await settle();
    expect(it.calls).toEqual(["close"]);
    expect(it.listening).toBe(0);
    expect(lines("agent")[0]!.dataset["final"]).toBe("true");
    expect(get("start").textContent).toBe("Start again");
    get("start").click();
    await settle();
    expect(world.sessions).toHaveLength(2);
    expect(shown("start")).toBe(false);
  });
});

describe("trouble", () => {
  it("is not on the screen when there is none", async () => {
    await begin();
    expect(shown("error")).toBe(false);
  });

  it("tells why no conversation came about, and can start again", async () => {
    world.connectFails = new ConnectError("busy", "no place");
    open();
    await settle();
    get("start").click();
    await settle();
    expect(shown("error")).toBe(true);
    expect(get("error").textContent).toContain("All places are taken");
    world.connectFails = null;
    get("start").click();
    await settle();
    expect(shown("error")).toBe(false);
    expect(world.sessions).toHaveLength(1);
  });

  it("goes on in writing when the microphone is refused, and can try it again", async () => {
    world.microphoneFails = new MicrophoneError("refused", "no");
    const first = await begin();
    expect(get("error").textContent).toContain("not allowed to use the microphone");
    await write("Hello");
    expect(first.sent).toEqual(["Hello"]);
    world.microphoneFails = null;
    get("remedy").click();
    await settle();
    expect(first.calls).toEqual(["leave"]);
    expect(session().id).toBe(first.id);
    expect(session().hasMicrophone).toBe(true);
    expect(shown("error")).toBe(false);
  });

  it("goes on in writing when the microphone is lost in the middle", async () => {
    const it = await begin();
    expect(get<HTMLButtonElement>("mute").disabled).toBe(false);
    it.options.onMicrophoneError?.(new MicrophoneError("missing", "unplugged"));
    await settle();
    expect(get<HTMLButtonElement>("mute").disabled).toBe(true);
    expect(get("error").textContent).toContain("No microphone was found");
  });

  it("does not take the last word of a left session for news of the next", async () => {
    const first = await begin();
    get("end").click();
    await settle();
    get("start").click();
    await settle();
    first.options.onConnection?.({ status: "closed", door: "peer" });
    await settle();
    expect(get("connection").dataset["status"]).toBe("connected");
    expect(shown("end")).toBe(true);
  });

  it("clears a passing error with the next answer, and no other", async () => {
    const it = await begin();
    it.emit("error", { code: "asr_failed", message: "x", recoverable: true });
    await settle();
    expect(get("error").textContent).toContain("could not hear");
    it.emit("agent_text", { id: "a1", gen: 1, text: "Yes", final: false });
    await settle();
    expect(shown("error")).toBe(false);
    it.emit("error", { code: "tts_failed", message: "x", recoverable: true });
    it.emit("agent_text", { id: "a1", gen: 1, text: "Yes.", final: true });
    await settle();
    expect(shown("error")).toBe(true);
    get("dismiss").click();
    await settle();
    expect(shown("error")).toBe(false);
  });

  it("says that the connection was lost, or the server's own reason", async () => {
    const it = await begin();
    it.options.onConnection?.({ status: "failed", reason: "heartbeat" });
    await settle();
    expect(get("error").textContent).toContain("connection was lost");
    expect(get("start").textContent).toBe("Continue the conversation");
    get("start").click();
    await settle();
    session().emit("error", { code: "internal", message: "x", recoverable: false });
    session().options.onConnection?.({ status: "failed" });
    await settle();
    expect(get("error").textContent).toContain("The server made a mistake");
  });

  it("lets the sound be turned on where the browser holds it back", async () => {
    const it = await begin();
    it.emit("error", { code: "autoplay_blocked", message: "x", recoverable: true });
    await settle();
    get("remedy").click();
    await settle();
    expect(it.calls).toEqual(["resume"]);
    expect(shown("error")).toBe(false);
  });
});

describe("the face", () => {
  it("shows its viseme, and draws only while the page is visible", async () => {
    const frames: FrameRequestCallback[] = [];
    vi.stubGlobal("requestAnimationFrame", (cb: FrameRequestCallback) => frames.push(cb));
    const cancelled = vi.fn();
    vi.stubGlobal("cancelAnimationFrame", cancelled);
    open();
    await settle();
    expect(get("face").dataset["viseme"]).toBe("0");
    expect(get("face").getAttribute("role")).toBe("img");
    expect(frames).toHaveLength(1);
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(cancelled).toHaveBeenCalled();
    expect(frames).toHaveLength(1);
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("visible");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(frames).toHaveLength(2);
    vi.restoreAllMocks();
  });
});
