import { AnchorEstimate } from "./anchor.js";
import { heardFrame } from "./context.js";
import { FingerprintMatcher } from "./fingerprint.js";
import { decodedAt, lastPacket, type RtpClock } from "./rtp_clock.js";
import { fingerprintNode } from "./worklets.js";

const SAMPLES_A_MS = 48;
/** What Web Audio gets of a track lags behind the decoder by so much (Chromium 150, measured where the clock is known exactly). */
const TAP_LAG_MS = 40;

/** What `worklets/fingerprint.js` reports. */
interface Report {
  frame: number;
  levels: number[];
}

/** Keeps a clock's anchor behind an SFU: what the server tells of the voice's loudness is found again in what is heard. */
export class StreamAnchor {
  readonly #matcher = new FingerprintMatcher();
  readonly #source: MediaStreamAudioSourceNode;
  readonly #context: AudioContext;
  readonly #receiver: RTCRtpReceiver;
  readonly #clock: RtpClock;
  #node: AudioWorkletNode | undefined;
  #estimate = new AnchorEstimate();
  #ssrc: number | undefined;
  #closed = false;

  constructor(source: MediaStreamAudioSourceNode, receiver: RTCRtpReceiver, clock: RtpClock) {
    this.#source = source;
    this.#context = source.context as AudioContext;
    this.#receiver = receiver;
    this.#clock = clock;
    // Without it the clock stays unknown, and the page goes by the messages' arrival.
    void this.#tap().catch(() => undefined);
  }

  async #tap(): Promise<void> {
    const node = await fingerprintNode(this.#context);
    if (this.#closed) return;
    this.#node = node;
    node.port.onmessage = ({ data }: MessageEvent<Report>) => this.#hear(data);
    this.#source.connect(node);
    // It gives silence, but a node that leads nowhere is not run by every browser.
    node.connect(this.#context.destination);
  }

  /** The server's marks from index `first` on. They are ahead of the ear: they are found when it has heard them. */
  told(first: number, marks: Uint8Array): void {
    this.#matcher.told(first, marks);
  }

  #hear({ frame, levels }: Report): void {
    const match = this.#matcher.heard(frame, levels);
    if (match) this.#found(match.t - match.frame);
  }

  /** `offset`: what is to be added to a frame of the context to have its media sample. */
  #found(offset: number): void {
    const last = lastPacket(this.#receiver);
    if (!last) return;
    if (last.packet.source !== this.#ssrc) this.#estimate = new AnchorEstimate();
    this.#ssrc = last.packet.source;
    const decoded = decodedAt(last.packet, last.now);
    const context = this.#context;
    const tapped = heardFrame(context) + (context.outputLatency || 0) * context.sampleRate + offset;
    const t = tapped + TAP_LAG_MS * SAMPLES_A_MS;
    const correction = this.#estimate.add(decoded, t);
    this.#clock.anchor(Math.round(decoded), Math.round(t - correction), this.#ssrc);
  }

  close(): void {
    this.#closed = true;
    if (!this.#node) return;
    this.#node.port.onmessage = null;
    this.#source.disconnect(this.#node);
    this.#node.disconnect();
    this.#node = undefined;
  }
}
