import { RATE } from "../protocol/limits.js";

/** The last packet that was given to the decoder: its RTP timestamp, and when, in milliseconds. */
export interface RtpSource {
  rtpTimestamp: number;
  timestamp: number;
  /** The stream's SSRC. */
  source?: number;
}

/** The last packet that a receiver has decoded, and the time on the clock of its timestamp: browsers disagree whether that counts from the page's start or from 1970. */
export function lastPacket(receiver: RTCRtpReceiver | undefined): { packet: RTCRtpSynchronizationSource; now: number } | null {
  const packet = receiver?.getSynchronizationSources()[0];
  return packet ? { packet, now: performance.now() + (packet.timestamp > 1e12 ? performance.timeOrigin : 0) } : null;
}

const age = (source: RtpSource, nowMs: number): number => Math.min(MAX_AGE_MS, Math.max(0, nowMs - source.timestamp));

/** RTP time (fractional) that is decoded now. */
export function decodedAt(source: RtpSource, nowMs: number): number {
  return source.rtpTimestamp + age(source, nowMs) * SAMPLES_A_MS;
}

/** A packet is at most this old while the stream runs: beyond, the clock stands. */
const MAX_AGE_MS = 60;
const SAMPLES_A_MS = RATE / 1000;
const REBASE = 2 ** 30;

/**
 * Media time at the ear of a WebRTC client:
 * `heard(now) = rtp + min(60 ms, now − timestamp) · 48 − A − playout delay · 48`, where the anchor `A` is the RTP time of media sample 0, and differences of
 * RTP times are signed 32-bit numbers (RFC 3550, 5.1).
 */
export class RtpClock {
  #anchor: { rtp: number; t: number; source: number | undefined } | undefined;
  /** From decoding to the ear. */
  playoutDelayMs = 0;

  /** RTP time `rtp` is media sample `t`, on the stream `source`, or on whichever there is. */
  anchor(rtp: number, t: number, source?: number): void {
    this.#anchor = { rtp, t, source };
  }

  /** What is heard comes another way now: nothing is known of it yet. */
  reset(): void {
    this.#anchor = undefined;
  }

  /** Media sample now at the ear, never negative, or null while there is no anchor. `nowMs` is on the clock of `source.timestamp`. */
  heard(source: RtpSource, nowMs: number): number | null {
    if (!this.#anchor) return null;
    if (this.#anchor.source !== undefined && this.#anchor.source !== source.source) return null;
    const decoded = this.#anchor.t + ((source.rtpTimestamp - this.#anchor.rtp) | 0);
    // A signed difference reaches 12 hours; the anchor follows, so that a session may last longer.
    if (decoded - this.#anchor.t > REBASE) this.#anchor = { ...this.#anchor, rtp: source.rtpTimestamp, t: decoded };
    return Math.max(0, Math.round(decoded + (age(source, nowMs) - this.playoutDelayMs) * SAMPLES_A_MS));
  }
}
