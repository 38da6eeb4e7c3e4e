import { ConnectError } from "../errors.js";
import { RATE } from "../protocol/limits.js";

/** Beyond this, sound is not going to start by itself: the browser waits for a gesture. */
const RESUME_MS = 1000;

/** An audio context at the media rate: a frame is a media sample. Make it inside a user's gesture. */
export function openContext(): AudioContext {
  if (typeof AudioContext === "undefined") throw new ConnectError("unsupported", "this browser has no Web Audio; use a current one");
  return new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
}

/** Starts the context; false when the browser wants a user's gesture first (its promise would stay open until then). */
export async function resumeContext(context: AudioContext): Promise<boolean> {
  if (context.state === "closed") return false;
  const late = new Promise<void>((resolve) => setTimeout(resolve, RESUME_MS));
  await Promise.race([context.resume(), late]);
  return context.state === "running";
}

/** Frees it. May be called twice. */
export async function closeContext(context: BaseAudioContext): Promise<void> {
  if (context.state !== "closed") await (context as AudioContext).close();
}

/** Frame that leaves the loudspeaker now (fractional). */
export function heardFrame(context: AudioContext): number {
  const { contextTime, performanceTime } = context.getOutputTimestamp();
  if (contextTime !== undefined && performanceTime) {
    return (contextTime + (performance.now() - performanceTime) / 1000) * context.sampleRate;
  }
  return (context.currentTime - (context.outputLatency || context.baseLatency || 0)) * context.sampleRate;
}

/**
 * A stream as a source, where it can be one: some browsers refuse a context whose rate is not the device's, and get a context of their own.
 * Close the returned context only if it is not the one that was given.
 */
export function streamSource(stream: MediaStream, context: AudioContext): MediaStreamAudioSourceNode {
  try {
    return context.createMediaStreamSource(stream);
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "NotSupportedError")) throw error;
    return new AudioContext({ latencyHint: "interactive" }).createMediaStreamSource(stream);
  }
}
