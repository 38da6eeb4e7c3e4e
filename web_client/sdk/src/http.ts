import { ConnectError } from "./errors.js";
import { within } from "./timing.js";

const LIMIT_MS = 8_000;

/** An address under which `api/token` and the others are found; a path in front of them is kept. Default: the page's origin. */
export function serverBase(url: string = location.origin): URL {
  const base = new URL(url.replace(/^ws/, "http"));
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}

/** POSTs JSON and reads JSON. Rejects with a `ConnectError` that says what is wrong. */
export async function postJson(url: URL, body: object, { token, signal }: { token?: string; signal?: AbortSignal } = {}): Promise<Record<string, unknown>> {
  const response = await within(
    LIMIT_MS,
    () => new ConnectError("timeout", `${url.href} did not answer within ${LIMIT_MS / 1000} s`),
    send(url, body, token, signal),
    signal,
  );
  const answer = await read(response);
  if (response.ok && answer) return answer;
  throw refusal(url, response, answer);
}

async function send(url: URL, body: object, token: string | undefined, signal: AbortSignal | undefined): Promise<Response> {
  const headers = { "Content-Type": "application/json", ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) };
  try {
    return await fetch(url, { method: "POST", headers, body: JSON.stringify(body), cache: "no-store", signal: signal ?? null });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw new ConnectError("unreachable", `${url.href} cannot be reached; is the server running?`, { cause: error });
  }
}

async function read(response: Response): Promise<Record<string, unknown> | undefined> {
  try {
    const value: unknown = await response.json();
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** The server's own code and words where it gave some, otherwise what the status means. */
function refusal(url: URL, response: Response, answer: Record<string, unknown> | undefined): ConnectError {
  const { code, message, retry_ms: retry } = (typeof answer?.error === "object" && answer.error !== null ? answer.error : (answer ?? {})) as Record<string, unknown>;
  const text = typeof message === "string" ? message : `${url.href} answered with status ${response.status}`;
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  const retryMs = typeof retry === "number" ? retry : Number.isFinite(seconds) ? seconds * 1000 : undefined;
  return new ConnectError(typeof code === "string" ? code : meaning(response.status), text, { retryMs });
}

function meaning(status: number): string {
  if (status === 401) return "unauthorized";
  if (status === 403) return "forbidden";
  if (status === 429) return "rate_limited";
  if (status === 503) return "busy";
  return "bad_server";
}
