import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { base64, toBase64 } from "../src/base64.js";
import { tabStore } from "../src/tickets.js";
import { holderOf } from "../src/token.js";

const ticket = { session_id: "s-1", secret: "secret", number: 1, expires: Date.now() + 60_000, identity: "ann", room: "hall" };

describe("a tab's store", () => {
  let kept: Map<string, string>;

  beforeEach(() => {
    kept = new Map();
    vi.stubGlobal("location", { origin: "http://127.0.0.1:8080" });
    vi.stubGlobal("sessionStorage", {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
      removeItem: (key: string) => kept.delete(key),
    });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  test("gives back what was kept, until it is forgotten or too old", () => {
    tabStore().save(ticket);
    expect(tabStore("ws://127.0.0.1:8080").load()).toEqual(ticket);
    tabStore().save({ ...ticket, expires: Date.now() });
    expect(tabStore().load()).toBeUndefined();
    tabStore().save(ticket);
    tabStore().save(undefined);
    expect(kept.size).toBe(0);
  });

  test("has a place for each server and persona", () => {
    tabStore().save(ticket);
    expect(tabStore(undefined, "guide").load()).toBeUndefined();
    expect(tabStore("https://talk.example/visavis").load()).toBeUndefined();
  });

  test.each(["", "{", "7", "null", '{"session_id":"s-1"}', JSON.stringify({ ...ticket, room: 7 })])("takes no %j for a ticket", (text) => {
    tabStore().save(ticket);
    for (const key of kept.keys()) kept.set(key, text);
    expect(tabStore().load()).toBeUndefined();
  });

  test("keeps nothing where the browser refuses", () => {
    const refuse = () => {
      throw new DOMException("no", "SecurityError");
    };
    vi.stubGlobal("sessionStorage", { getItem: refuse, setItem: refuse, removeItem: refuse });
    tabStore().save(ticket);
    expect(tabStore().load()).toBeUndefined();
  });
});

describe("an access token", () => {
  const token = (payload: object) => `e30.${toBase64(new TextEncoder().encode(JSON.stringify(payload))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "")}.sig`;

  test("names its holder and room", () => {
    expect(holderOf(token({ sub: "安娜???>>>", video: { room: "大厅" } }))).toEqual({ identity: "安娜???>>>", room: "大厅" });
    expect(holderOf(token({ sub: "ann" }))).toEqual({ identity: "ann" });
  });

  test.each(["", "t", "a.b.c", token({ sub: 7, video: { room: [] } })])("that cannot be read names nobody: %s", (text) => {
    expect(holderOf(text)).toEqual({});
  });
});

test("base64 gives back every byte, of any length", () => {
  for (const length of [0, 1, 2, 3, 8191, 8192, 8193, 100_000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37) % 256);
    expect(base64(toBase64(bytes))).toEqual(bytes);
  }
  expect(base64("no base64!")).toBeUndefined();
});
