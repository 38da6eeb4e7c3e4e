/** Messages that are larger than one frame: cut into `part` messages, and put together again within strict bounds. */
import type { ClientMessage, Envelope, Part } from "../protocol.generated.js";
import { encode } from "./codec.js";
import { MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, ProtocolError, VERSION } from "./limits.js";

/** Enough for the largest message, even if JSON escapes each of its characters. */
export const MAX_PARTS = 256;
/** Unfinished messages; the oldest is dropped. */
export const MAX_OPEN = 4;
/** Room for the envelope around a slice. */
const ENVELOPE_BYTES = 512;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const utf8 = new TextEncoder();
const bytesOf = (text: string): number => utf8.encode(text).byteLength;

/** The frames that carry `envelope`: itself if it fits one, otherwise its parts (each with the envelope's own gen and seq). Throws `ProtocolError` when it is too large. */
export function split(envelope: Envelope<ClientMessage>, partId: string): string[] {
  const json = encode(envelope);
  const size = bytesOf(json);
  if (size <= MAX_FRAME_BYTES) return [json];
  if (size > MAX_MESSAGE_BYTES) throw new ProtocolError("too_large", `a message may have ${MAX_MESSAGE_BYTES} bytes; this one has ${size}`);
  const slices = cut(json, MAX_FRAME_BYTES - ENVELOPE_BYTES);
  const { gen, seq, t } = envelope;
  return slices.map((data, i) => encode({ v: VERSION, type: "part", gen, seq, t, d: { id: partId, i, n: slices.length, data } }));
}

/** Slices that are at most `budget` bytes once they are a JSON string themselves; never through the middle of a character. */
function cut(json: string, budget: number): string[] {
  const slices: string[] = [];
  let begin = 0;
  let size = 0;
  for (let i = 0; i < json.length; i++) {
    const unit = json.charCodeAt(i);
    const pair = unit >= 0xd800 && unit <= 0xdbff;
    const cost = pair ? 4 : unit === QUOTE || unit === BACKSLASH ? 2 : unit <= 0x7f ? 1 : 3;
    if (size + cost > budget) {
      slices.push(json.slice(begin, i));
      begin = i;
      size = 0;
    }
    size += cost;
    if (pair) i += 1;
  }
  slices.push(json.slice(begin));
  return slices;
}

/** Puts parts together. Order does not matter; a slice that comes twice counts once; what is unfinished is bounded. */
export class Joiner {
  readonly #open = new Map<string, { slices: Map<number, string>; size: number; n: number }>();

  /** The whole message's JSON text when this part completes it. Throws `ProtocolError`. */
  add(part: Part): string | undefined {
    if (part.n < 2 || part.n > MAX_PARTS || part.i >= part.n) {
      throw new ProtocolError("bad_message", `part: expected i < n and n from 2 to ${MAX_PARTS}, not ${part.i} of ${part.n}`);
    }
    const open = this.#open.get(part.id) ?? { slices: new Map<number, string>(), size: 0, n: part.n };
    if (open.n !== part.n) throw new ProtocolError("bad_message", `part.n: expected ${open.n} as before, not ${part.n}`);
    if (open.slices.has(part.i)) return undefined;
    open.slices.set(part.i, part.data);
    open.size += part.data.length;
    this.#open.set(part.id, open);
    if (open.size > MAX_MESSAGE_BYTES) {
      this.#open.delete(part.id);
      throw new ProtocolError("too_large", `a message may have ${MAX_MESSAGE_BYTES} bytes`);
    }
    if (open.slices.size === part.n) {
      this.#open.delete(part.id);
      return Array.from({ length: part.n }, (_, i) => open.slices.get(i)).join("");
    }
    if (this.#open.size > MAX_OPEN) this.#open.delete(this.#open.keys().next().value!);
    return undefined;
  }
}
