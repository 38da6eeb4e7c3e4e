import { dial } from "./dial.js";
import { call } from "./emitter.js";
import { ConnectError, MicrophoneError } from "./errors.js";
import { serverBase } from "./http.js";
import { closeContext, openContext, resumeContext } from "./media/context.js";
import { Microphone } from "./media/microphone.js";
import { LiveSession } from "./session.js";
import { tabStore } from "./tickets.js";
import type { ConnectOptions, ResumeStore, Session } from "./types.js";

/**
 * Opens a session, or comes back to the one whose ticket is kept (see `resume`). Call it inside a user's gesture, so that sound may play. Rejects with a
 * `ConnectError`.
 */
export async function connect(options: ConnectOptions = {}): Promise<Session> {
  options.signal?.throwIfAborted();
  const base = serverBase(options.url);
  // Before the first await: a browser lets sound begin only inside the gesture.
  const context = openContext();
  void resumeContext(context);
  let microphone: Microphone | undefined;
  try {
    microphone = await openMicrophone(options, context);
    return await LiveSession.open({ base, context, microphone, options, dial, store: storeOf(options) });
  } catch (error) {
    microphone?.close();
    await closeContext(context);
    if (options.onConnection) call(options.onConnection, { status: "failed", reason: error instanceof ConnectError ? error.code : "internal" });
    throw error;
  }
}

function storeOf({ resume = true, url, persona }: ConnectOptions): ResumeStore | undefined {
  if (resume === false) return undefined;
  return resume === true ? tabStore(url, persona) : resume;
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
