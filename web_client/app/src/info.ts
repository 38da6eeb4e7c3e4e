/** What the server says of itself before anyone is connected: `GET /api/info`. */

import type { Door } from "./options.ts";

export interface Progress {
  readonly phase: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Seconds, null when not known. */
  readonly etaSeconds: number | null;
}

export interface Info {
  readonly ready: boolean;
  readonly progress: Progress | null;
  readonly stored: boolean;
  /** The sound of both sides, too. */
  readonly recorded: boolean;
  /** Answers come from a small list, not from a language model. */
  readonly listed: boolean;
  readonly doors: readonly string[];
  readonly livekit: boolean;
  readonly personas: readonly { readonly id: string; readonly name: string }[];
}

const REQUEST_MS = 5_000;
const POLL_MS = 1_000;

type Json = Record<string, unknown>;
const isObject = (x: unknown): x is Json => typeof x === "object" && x !== null && !Array.isArray(x);
const amount = (x: unknown): number => (typeof x === "number" && Number.isFinite(x) && x > 0 ? x : 0);

/** Throws TypeError when `body` is no answer of `/api/info`. */
export function parseInfo(body: unknown): Info {
  if (!isObject(body) || typeof body["ready"] !== "boolean") throw new TypeError("/api/info: expected an object with the boolean `ready`");
  const progress = body["progress"];
  const personas = Array.isArray(body["personas"]) ? body["personas"].filter(isObject) : [];
  return {
    ready: body["ready"],
    progress: isObject(progress)
      ? {
          phase: String(progress["phase"] ?? ""),
          doneBytes: amount(progress["done_bytes"]),
          totalBytes: amount(progress["total_bytes"]),
          etaSeconds: typeof progress["eta_s"] === "number" ? amount(progress["eta_s"]) : null,
        }
      : null,
    stored: body["stored"] !== false,
    recorded: body["recorded"] === true,
    listed: body["answers"] === "faq",
    doors: Array.isArray(body["doors"]) ? body["doors"].map(String) : [],
    livekit: body["livekit"] === true,
    personas: personas.map((p) => ({ id: String(p["id"] ?? ""), name: String(p["name"] ?? "") })),
  };
}

/** Asks until `done` says enough: every second, one question at a time. `onFailure` hears of each answer that did not come. */
export async function pollInfo(ask: () => Promise<unknown>, onInfo: (info: Info) => boolean, onFailure: (error: unknown) => void, signal?: AbortSignal): Promise<void> {
  while (!signal?.aborted) {
    try {
      if (onInfo(parseInfo(await ask()))) return;
    } catch (error) {
      onFailure(error);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export async function askInfo(): Promise<unknown> {
  const response = await fetch("/api/info", { cache: "no-store", signal: AbortSignal.timeout(REQUEST_MS) });
  if (!response.ok) throw new Error(`/api/info: status ${response.status}`);
  return response.json();
}

/** Where only LiveKit is served (no door of its own), "auto" means LiveKit. */
export function chooseDoor(asked: Door, info: Info | null): Door {
  if (asked !== "auto" || info === null || !info.livekit) return asked;
  return info.doors.includes("peer") || info.doors.includes("ws") ? "auto" : "livekit";
}

/** The persona whose name greets: the one asked for, otherwise the default one. */
export function personaName(info: Info | null, asked: string | undefined): string {
  const personas = info?.personas ?? [];
  return (personas.find((p) => p.id === (asked ?? "default")) ?? (asked === undefined ? personas[0] : undefined))?.name ?? "";
}
