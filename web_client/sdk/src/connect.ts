import { dial } from "./dial.js";
import { call } from "./emitter.js";
import { ConnectError, MicrophoneError } from "./errors.js";
import { closeContext, openContext, resumeContext } from "./media/context.js";
import { Microphone } from "./media/microphone.js";
import { LiveSession } from "./session.js";
import type { ConnectOptions, Session } from "./types.js";

/** Opens a session. Call it inside a user's gesture, so that sound may play. Rejects with a `ConnectError`. */
export async function connect(options: ConnectOptions = {}): Promise<Session> {
  options.signal?.throwIfAborted();
  const base = serverBase(options.url ?? location.origin);
  // Before the first await: a browser lets sound begin only inside the gesture.
  const context = openContext();
  void resumeContext(context);
  let microphone: Microphone | undefined;
  try {
    microphone = await openMicrophone(options, context);
    return await LiveSession.open({ base, context, microphone, options, dial });
  } catch (error) {
    microphone?.close();
    await closeContext(context);
    if (options.onConnection) call(options.onConnection, { status: "failed", reason: error instanceof ConnectError ? error.code : "internal" });
    throw error;
  }
}

/** An address under which `api/token` and the others are found; a path in front of them is kept. */
function serverBase(url: string): URL {
  const base = new URL(url.replace(/^ws/, "http"));
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}

async function openMicrophone({ microphone = true, room, onMicrophoneError }: ConnectOptions, context: AudioContext): Promise<Microphone | undefined> {
  if (microphone === false) return undefined;
  // In the caller's own room the microphone that is published there is the one.
  const published = [...(room?.localParticipant.audioTrackPublications.values() ?? [])].find((publication) => publication.source === "microphone");
  try {
    return await Microphone.open(published?.track?.mediaStreamTrack ?? microphone, context);
  } catch (error) {
    if (!(error instanceof MicrophoneError)) throw error;
    onMicrophoneError?.(error);
    return undefined;
  }
}
