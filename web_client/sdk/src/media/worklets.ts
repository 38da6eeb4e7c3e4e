import { ConnectError } from "../errors.js";

// Files of their own, from the page's own origin: a strict Content-Security-Policy lets neither data: nor blob: through.
const PLAYER = new URL("../../worklets/player.js?no-inline", import.meta.url);
const FINGERPRINT = new URL("../../worklets/fingerprint.js?no-inline", import.meta.url);
const MICROPHONE = new URL("../../worklets/microphone.js?no-inline", import.meta.url);

async function load(context: BaseAudioContext, url: URL): Promise<void> {
  if (!context.audioWorklet) {
    throw new ConnectError("unsupported", "an AudioWorklet is needed: a current browser, and a page from https or from this machine");
  }
  try {
    await context.audioWorklet.addModule(url);
  } catch (error) {
    throw new ConnectError("unsupported", `could not load ${url.pathname}; is it served, and allowed by the page's Content-Security-Policy?`, { cause: error });
  }
}

/** Plays what `worklets/player.js` is told to. */
export async function playerNode(context: BaseAudioContext): Promise<AudioWorkletNode> {
  await load(context, PLAYER);
  return new AudioWorkletNode(context, "visavis-player", { numberOfInputs: 0, numberOfOutputs: 1, outputChannelCount: [1] });
}

/** Posts its input as 20 ms frames (see `worklets/microphone.js`). */
export async function microphoneNode(context: BaseAudioContext): Promise<AudioWorkletNode> {
  await load(context, MICROPHONE);
  return new AudioWorkletNode(context, "visavis-microphone", {
    numberOfInputs: 1,
    numberOfOutputs: 1,
    channelCount: 1,
    channelCountMode: "explicit",
    channelInterpretation: "speakers",
  });
}

/** Measures its input's loudness (see `worklets/fingerprint.js`). */
export async function fingerprintNode(context: BaseAudioContext): Promise<AudioWorkletNode> {
  await load(context, FINGERPRINT);
  return new AudioWorkletNode(context, "visavis-fingerprint", { numberOfInputs: 1, numberOfOutputs: 1, channelCount: 1, channelCountMode: "explicit" });
}
