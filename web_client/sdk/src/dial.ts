import { ConnectError } from "./errors.js";
import type { Door, DoorSetting, OpenDoor } from "./doors/door.js";
import { PeerDoor } from "./doors/peer.js";
import { WebSocketDoor } from "./doors/websocket.js";
import type { ConnectOptions, DoorKind } from "./types.js";

const DOORS: Readonly<Record<DoorKind, OpenDoor>> = {
  peer: (setting) => PeerDoor.open(setting),
  ws: (setting) => WebSocketDoor.open(setting),
  // Loaded when it is wanted: it brings livekit-client with it.
  livekit: async (setting) => (await import("./doors/livekit.js")).LiveKitDoor.open(setting),
};

/** Failures that the WebSocket would share. */
const OF_ALL_DOORS: ReadonlySet<string> = new Set(["unauthorized", "forbidden", "busy", "not_ready", "rate_limited"]);

/** Opens the door that was asked for, or the first of them that opens. `trying` is told before each attempt. */
export type Dial = (door: NonNullable<ConnectOptions["door"]>, setting: DoorSetting, trying: (door: DoorKind) => void) => Promise<Door>;

export const dial: Dial = async (door, setting, trying) => {
  if (door !== "auto") {
    trying(door);
    return await DOORS[door](setting);
  }
  try {
    trying("peer");
    return await DOORS.peer(setting);
  } catch (error) {
    if (!(error instanceof ConnectError) || OF_ALL_DOORS.has(error.code) || setting.signal.aborted) throw error;
    trying("ws");
    return await DOORS.ws(setting);
  }
};
