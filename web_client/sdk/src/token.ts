import type { Dispatch } from "./doors/door.js";
import { ConnectError } from "./errors.js";
import { postJson } from "./http.js";
import type { ConnectOptions, TokenResponse } from "./types.js";

/**
 * Asks for a token: LiveKit's standard token endpoint, or the caller's own function. `dispatch` is what an agent is told that is sent to the token's room.
 * Rejects with a `ConnectError`.
 */
export async function fetchToken(source: ConnectOptions["tokenSource"], base: URL, signal: AbortSignal, dispatch?: Dispatch): Promise<TokenResponse> {
  if (typeof source === "function") {
    try {
      return await source();
    } catch (error) {
      throw error instanceof ConnectError ? error : new ConnectError("unauthorized", "the caller's token source failed", { cause: error });
    }
  }
  const url = new URL(source ?? "api/token", base);
  const body = dispatch && Object.keys(dispatch).length > 0 ? { room_config: { agents: [{ metadata: JSON.stringify(dispatch) }] } } : {};
  const { server_url, participant_token } = await postJson(url, body, { signal });
  if (typeof server_url !== "string" || typeof participant_token !== "string") {
    throw new ConnectError("bad_server", `${url.href}: expected {server_url, participant_token}`);
  }
  return { server_url, participant_token };
}
