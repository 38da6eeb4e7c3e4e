import type { Room } from "livekit-client";
import type { Microphone } from "../media/microphone.js";
import type { Speaker } from "../media/speaker.js";
import { decodeFrame, Kind, type Frame } from "../protocol/frames.js";
import { ProtocolError } from "../protocol/limits.js";
import type { ClientMessage, Envelope } from "../protocol.generated.js";
import type { DoorKind, Language, TokenResponse } from "../types.js";

/** What a door tells; nothing any more after `closed` or `Door.close`. */
export interface DoorEvents {
  /** A text frame. */
  text(json: string): void;
  /** A frame of the face. */
  face(frame: Frame): void;
  /** The connection is in doubt, or well again. */
  status(status: "connected" | "reconnecting"): void;
  /** Something does not work, and the session goes on without it. */
  trouble(code: string, message: string): void;
  /** The connection is lost. `reason` is a plain code. */
  closed(reason: string): void;
}

/** Trouble: a browser lets no page make a sound that nobody asked for. */
export const AUTOPLAY = ["autoplay_blocked", "the browser holds the sound back until you click or press a key"] as const;

/** Tells of a binary frame that holds a face; any other, and what cannot be read, is ignored. */
export function faceOf(bytes: ArrayBuffer, events: DoorEvents): void {
  try {
    const frame = decodeFrame(bytes);
    if (frame.kind === Kind.BLENDSHAPES) events.face(frame);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
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
  /** The voice's loudness in steps of 10 ms, from step `first` on (LiveKit only). */
  marks?(first: number, levels: Uint8Array): void;
  /** Resolves when what was sent is on its way, as far as that can be known. */
  flush(): Promise<unknown>;
  close(): Promise<void>;
}

/** What an agent is told when it is sent to a room. */
export interface Dispatch {
  persona?: string;
  language?: Language;
}

/** What a door is opened with. */
export interface DoorSetting {
  readonly base: URL;
  /** The credential, asked for when it is needed. `dispatch`: for a door where the agent is sent for by the token. */
  readonly token: (dispatch?: Dispatch) => Promise<TokenResponse>;
  readonly dispatch: Dispatch;
  /** It is a room that was left, and where somebody should be waiting. */
  readonly returning: boolean;
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
