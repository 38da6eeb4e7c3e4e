import { afterEach, describe, expect, test, vi } from "vitest";
import { Backoff } from "../src/backoff.js";
import { Emitter } from "../src/emitter.js";
import { ConnectError } from "../src/errors.js";
import { Heartbeat } from "../src/heartbeat.js";
import { postJson } from "../src/http.js";
import { fetchToken } from "../src/token.js";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("back-off", () => {
  test("grows, and gives up", () => {
    const backoff = new Backoff();
    const waits = [];
    for (let wait = backoff.next(0.5); wait !== undefined; wait = backoff.next(0.5)) waits.push(wait);
    expect(waits).toEqual([250, 1000, 2000, 4000, 8000, 8000, 8000]);
  });

  test("obeys the server, spreads the clients, and knows what is hopeless", () => {
    expect(new Backoff().next(0, { code: "busy", retryMs: 5000 })).toBe(5000);
    expect(new Backoff().next(1, { code: "busy", retryMs: 5000 })).toBe(7000);
    expect(new Backoff().next(0.5, { code: "unknown_persona" })).toBeUndefined();
  });
});

describe("heartbeat", () => {
  test("asks, waits, and gives up when nobody answers", () => {
    const heartbeat = new Heartbeat();
    expect(heartbeat.tick(0)).toEqual({ ping: 0 });
    expect(heartbeat.tick(5000)).toBe("wait");
    heartbeat.heard();
    expect(heartbeat.tick(60_000)).toEqual({ ping: 1 });
    expect(heartbeat.tick(65_000)).toBe("wait");
    expect(heartbeat.tick(70_000)).toBe("dead");
  });
});

describe("emitter", () => {
  test("tells all who listen, until they leave", () => {
    const emitter = new Emitter<{ tick: number }>();
    const heard: string[] = [];
    const listener = (n: number) => heard.push(`a${n}`);
    const leave = emitter.on("tick", listener);
    emitter.on("tick", listener);
    emitter.emit("tick", 1);
    leave();
    leave();
    emitter.emit("tick", 2);
    expect(heard).toEqual(["a1", "a1", "a2"]);
  });

  test("a listener that throws harms nobody, and its error is not swallowed", async () => {
    const emitter = new Emitter<{ tick: number }>();
    const uncaught = new Promise((resolve) => process.once("uncaughtException", resolve));
    const others = process.listeners("uncaughtException").filter((listener) => listener.name !== "resolve");
    const heard: number[] = [];
    emitter.on("tick", () => {
      throw new Error("listener");
    });
    emitter.on("tick", (n) => heard.push(n));
    const before = others.slice(0, -1);
    for (const listener of before) process.off("uncaughtException", listener);
    emitter.emit("tick", 1);
    expect(heard).toEqual([1]);
    expect(await uncaught).toMatchObject({ message: "listener" });
    for (const listener of before) process.on("uncaughtException", listener);
  });
});

const answer = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  vi.stubGlobal(
    "fetch",
    vi.fn(() => Promise.resolve(new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers }))),
  );
const url = new URL("http://127.0.0.1:8080/api/x");

async function failure(promise: Promise<unknown>): Promise<ConnectError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConnectError);
  return error as ConnectError;
}

describe("requests", () => {
  test("carry the token in a header, never in the address", async () => {
    answer(200, { ok: true });
    expect(await postJson(url, { a: 1 }, { token: "secret" })).toEqual({ ok: true });
    const [target, init] = vi.mocked(fetch).mock.calls[0]!;
    expect(String(target)).not.toContain("secret");
    expect(init).toMatchObject({ method: "POST", body: '{"a":1}', cache: "no-store", headers: { Authorization: "Bearer secret" } });
  });

  test("a refusal speaks with the server's own code and words", async () => {
    answer(503, { error: { code: "busy", message: "all 8 places are taken", retry_ms: 5000 } });
    expect(await failure(postJson(url, {}))).toMatchObject({ code: "busy", message: "all 8 places are taken", retryMs: 5000 });
  });

  test.each([
    [401, "", "unauthorized"],
    [403, "{}", "forbidden"],
    [404, "<html>", "bad_server"],
    [429, "", "rate_limited"],
    [503, "", "busy"],
    [200, "<html>", "bad_server"],
    [200, "[1]", "bad_server"],
  ])("status %i with body %j is %s", async (status, body, code) => {
    answer(status, body);
    expect((await failure(postJson(url, {}))).code).toBe(code);
  });

  test("Retry-After is read", async () => {
    answer(429, "", { "Retry-After": "7" });
    expect((await failure(postJson(url, {}))).retryMs).toBe(7000);
  });

  test("no server is unreachable", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    expect((await failure(postJson(url, {}))).code).toBe("unreachable");
  });

  test("a server that says nothing is late", async () => {
    vi.useFakeTimers();
    vi.stubGlobal("fetch", () => new Promise(() => undefined));
    const failed = failure(postJson(url, {}));
    await vi.advanceTimersByTimeAsync(8000);
    expect((await failed).code).toBe("timeout");
  });
});

describe("tokens", () => {
  const { signal } = new AbortController();
  const base = new URL("http://127.0.0.1:8080/talk/");

  test("come from the standard endpoint under the server's address", async () => {
    answer(200, { server_url: "ws://a", participant_token: "t", room_name: "r" });
    expect(await fetchToken(undefined, base, signal)).toEqual({ server_url: "ws://a", participant_token: "t" });
    expect(String(vi.mocked(fetch).mock.calls[0]![0])).toBe("http://127.0.0.1:8080/talk/api/token");
  });

  test("come from any other endpoint, or from a function", async () => {
    answer(200, { server_url: "ws://a", participant_token: "t" });
    await fetchToken("https://other.example/token", base, signal, { participant_identity: "ann", room_name: "hall" }, { persona: "guide" });
    const [address, request] = vi.mocked(fetch).mock.calls[0]!;
    expect(String(address)).toBe("https://other.example/token");
    expect(JSON.parse(String(request!.body))).toEqual({
      participant_identity: "ann",
      room_name: "hall",
      room_config: { agents: [{ metadata: '{"persona":"guide"}' }] },
    });
    const own = { server_url: "ws://b", participant_token: "u" };
    expect(await fetchToken(() => Promise.resolve(own), base, signal)).toBe(own);
    expect((await failure(fetchToken(() => Promise.reject(new Error("no")), base, signal))).code).toBe("unauthorized");
  });

  test("an answer without a token is no answer", async () => {
    answer(200, { server_url: "ws://a" });
    expect((await failure(fetchToken(undefined, base, signal))).code).toBe("bad_server");
  });
});
