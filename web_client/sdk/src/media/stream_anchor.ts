import { AnchorEstimate } from "./anchor.js";
import { heardFrame } from "./context.js";
import { FingerprintMatcher } from "./fingerprint.js";
import { decodedAt, lastPacket, type RtpClock } from "./rtp_clock.js";
import { fingerprintNode } from "./worklets.js";

const SAMPLES_A_MS = 48;
/** What Web Audio gets of a track lags behind the decoder by so much (Chromium 150, measured where the clock is known exactly). */
const TAP_LAG_MS = 37;

/** What `worklets/fingerprint.js` reports. */
interface Report {
  frame: number;
  levels: number[];
}

/** Keeps a clock's anchor behind an SFU: what the server tells of the voice's loudness is found again in what is heard. */
export class StreamAnchor {
  readonly #matcher = new FingerprintMatcher();
  readonly #stream: MediaStream;
  readonly #context: AudioContext;
  readonly #receiver: RTCRtpReceiver;
  readonly #clock: RtpClock;
  #source: MediaStreamAudioSourceNode | undefined;
  #node: AudioWorkletNode | undefined;
  /** The mark that comes next, if the voice goes on. */
  #next = 0;
  #estimate = new AnchorEstimate();
  #ssrc: number | undefined;
  #closed = false;

  /** `context` runs at the media rate. */
  constructor(stream: MediaStream, context: AudioContext, receiver: RTCRtpReceiver, clock: RtpClock) {
    this.#stream = stream;
    this.#context = context;
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
    this.#renew();
    // It gives silence, but a node that leads nowhere is not run by every browser.
    node.connect(this.#context.destination);
  }

  /** The server's marks from index `first` on. They are ahead of the ear: they are found when it has heard them. */
  told(first: number, marks: Uint8Array): void {
    if (first !== this.#next) this.#renew();
    this.#next = first + marks.length;
    this.#matcher.told(first, marks);
  }

  /** Where a browser was late once, its queue before Web Audio stays longer: a new source has a short one. */
  #renew(): void {
    if (!this.#node) return;
    this.#source?.disconnect();
    this.#source = this.#context.createMediaStreamSource(this.#stream);
    this.#source.connect(this.#node);
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
    this.#source?.disconnect();
    this.#node.disconnect();
    this.#node = undefined;
  }
}
