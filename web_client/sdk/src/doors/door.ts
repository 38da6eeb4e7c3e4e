import type { Room } from "livekit-client";
import type { Microphone } from "../media/microphone.js";
import type { Speaker } from "../media/speaker.js";
import type { ClientMessage, Envelope } from "../protocol.generated.js";
import type { DoorKind, TokenResponse } from "../types.js";

/** What a door tells. None of it comes before `open` has resolved, and none after `closed` or `Door.close`. */
export interface DoorEvents {
  /** A text frame. */
  text(json: string): void;
  /** The connection is in doubt, or well again. */
  status(status: "connected" | "reconnecting"): void;
  /** The browser holds sound back until there is a user's gesture. */
  blocked(): void;
  /** The connection is lost. `reason` is a plain code. */
  closed(reason: string): void;
}

/** An open way to the server. */
export interface Door {
  readonly kind: DoorKind;
  readonly speaker: Speaker;
  /** In order, without waiting. A message of any size that the protocol allows. */
  send(envelope: Envelope<ClientMessage>): void;
  /** Answer audio that came as a JSON message (WebSocket only). */
  audio?(gen: number, t: number, chunk: { codec: string; sample_rate: number; data: string }): void;
  /** The peer's clock (see RtpClock). */
  clock?(rtp: number, t: number): void;
  close(): Promise<void>;
}

/** What a door is opened with. */
export interface DoorSetting {
  readonly base: URL;
  /** The credential; asked for when it is needed. */
  readonly token: () => Promise<TokenResponse>;
  readonly microphone: Microphone | undefined;
  readonly context: AudioContext;
  readonly events: DoorEvents;
  /** Whether answer audio of that generation may still be heard. */
  readonly admits: (gen: number) => boolean;
  /** The caller's own room, for the LiveKit door. */
  readonly room?: Room | undefined;
  readonly signal: AbortSignal;
}

/** Rejects with a `ConnectError`, having freed everything. */
export type OpenDoor = (setting: DoorSetting) => Promise<Door>;
