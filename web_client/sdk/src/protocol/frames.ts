/** Binary frames: audio, or a face, behind a fixed big-endian header `ver u8, kind u8, flags u16, gen u32, seq u32, t u64`. */
import { ProtocolError } from "./limits.js";

export const HEADER_BYTES = 20;
export const MAX_PAYLOAD_BYTES = 16 * 1024;

/** MICROPHONE: 16 kHz mono, `t` in 16 kHz samples of the microphone. ANSWER: 24 kHz mono, `t` in 48 kHz media samples. BLENDSHAPES: frames of a face. */
export const Kind = { MICROPHONE: 1, ANSWER: 2, BLENDSHAPES: 3 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

const isKind = (kind: number): kind is Kind => Object.values<number>(Kind).includes(kind);

export interface Frame {
  kind: Kind;
  gen: number;
  /** Modulo 2^32. */
  seq: number;
  t: number;
  /** The payload is one Opus packet; otherwise little-endian 16-bit PCM. */
  opus: boolean;
  payload: Uint8Array<ArrayBuffer>;
}

export function encodeFrame(frame: Frame): ArrayBuffer {
  const bytes = new ArrayBuffer(HEADER_BYTES + frame.payload.byteLength);
  const view = new DataView(bytes);
  view.setUint8(0, 1);
  view.setUint8(1, frame.kind);
  view.setUint16(2, frame.opus ? 1 : 0);
  view.setUint32(4, frame.gen);
  view.setUint32(8, frame.seq);
  view.setBigUint64(12, BigInt(frame.t));
  new Uint8Array(bytes, HEADER_BYTES).set(frame.payload);
  return bytes;
}

/** Reads a frame; its payload is a view of `bytes`. Throws `ProtocolError` for a wrong version, kind, size or time. */
export function decodeFrame(bytes: ArrayBuffer): Frame {
  const size = bytes.byteLength - HEADER_BYTES;
  if (size < 0 || size > MAX_PAYLOAD_BYTES) {
    throw new ProtocolError("bad_frame", `a frame has ${HEADER_BYTES} to ${HEADER_BYTES + MAX_PAYLOAD_BYTES} bytes; this one has ${bytes.byteLength}`);
  }
  const view = new DataView(bytes);
  if (view.getUint8(0) !== 1) throw new ProtocolError("bad_frame", `expected version 1, not ${view.getUint8(0)}`);
  const kind = view.getUint8(1);
  if (!isKind(kind)) throw new ProtocolError("bad_frame", `expected kind 1, 2 or 3, not ${kind}`);
  const t = view.getBigUint64(12);
  if (t > BigInt(Number.MAX_SAFE_INTEGER)) throw new ProtocolError("bad_frame", `expected t below 2^53, not ${t}`);
  const opus = (view.getUint16(2) & 1) === 1;
  if (kind !== Kind.BLENDSHAPES && !opus && size % 2 !== 0) throw new ProtocolError("bad_frame", `16-bit PCM has an even number of bytes; this payload has ${size}`);
  return { kind, gen: view.getUint32(4), seq: view.getUint32(8), t: Number(t), opus, payload: new Uint8Array(bytes, HEADER_BYTES) };
}
