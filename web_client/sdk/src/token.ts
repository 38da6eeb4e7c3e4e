import type { Dispatch } from "./doors/door.js";
import { ConnectError } from "./errors.js";
import { postJson } from "./http.js";
import type { ConnectOptions, Ticket, TokenRequest, TokenResponse } from "./types.js";

/**
 * Asks for a token: LiveKit's standard token endpoint, or the caller's own function. `wanted`: the person and room of a session to come back to. `dispatch` is
 * what an agent is told that is sent to the token's room. Rejects with a `ConnectError`.
 */
export async function fetchToken(
  source: ConnectOptions["tokenSource"],
  base: URL,
  signal: AbortSignal,
  wanted: TokenRequest = {},
  dispatch?: Dispatch,
): Promise<TokenResponse> {
  if (typeof source === "function") {
    try {
      return await source(wanted);
    } catch (error) {
      throw error instanceof ConnectError ? error : new ConnectError("unauthorized", "the caller's token source failed", { cause: error });
    }
  }
  const url = new URL(source ?? "api/token", base);
  const agents = dispatch && Object.keys(dispatch).length > 0 ? { room_config: { agents: [{ metadata: JSON.stringify(dispatch) }] } } : {};
  const { server_url, participant_token } = await postJson(url, { ...wanted, ...agents }, { signal });
  if (typeof server_url !== "string" || typeof participant_token !== "string") {
    throw new ConnectError("bad_server", `${url.href}: expected {server_url, participant_token}`);
  }
  return { server_url, participant_token };
}

/** Whom an access token names, and in which room; empty where it cannot be read. It is not verified: the server does that. */
export function holderOf(token: string): Pick<Ticket, "identity" | "room"> {
  try {
    const payload = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const { sub, video } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown; video?: { room?: unknown } };
    return { ...(typeof sub === "string" ? { identity: sub } : {}), ...(typeof video?.room === "string" ? { room: video.room } : {}) };
  } catch {
    return {};
  }
}
