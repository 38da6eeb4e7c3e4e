/** The JSON envelope `{v, type, gen, seq, t, d}`: the only place where messages become text or the other way round. */
import type { ClientMessage, Envelope, ServerMessage } from "../protocol.generated.js";
import { MAX_MESSAGE_BYTES, ProtocolError, VERSION } from "./limits.js";
import { SERVER_SHAPES, isObject, wrongField } from "./shapes.js";

/** Reads what a server sent. Throws `ProtocolError`. */
export function decodeServer(json: string): Envelope<ServerMessage> {
  if (json.length > MAX_MESSAGE_BYTES) {
    throw new ProtocolError("too_large", `a message may have ${MAX_MESSAGE_BYTES} bytes; this one has ${json.length} characters`);
  }
  const value = parse(json);
  if (!isObject(value)) throw new ProtocolError("bad_envelope", "expected an object {v, type, gen, seq, t, d}");
  const { v, type, gen = 0, seq = 0, t = null, d = {} } = value;
  if (v !== VERSION) throw new ProtocolError("bad_envelope", `expected v: ${VERSION}`);
  if (typeof type !== "string") throw new ProtocolError("bad_envelope", "expected type to be a string");
  if (!isObject(d)) throw new ProtocolError("bad_envelope", "expected d to be an object");
  if (!isCount(gen) || !isCount(seq) || !(t === null || isCount(t))) {
    throw new ProtocolError("bad_envelope", "expected gen, seq and t to be whole numbers from 0 to 2^53 - 1 (t may be null)");
  }
  if (!isServerType(type)) throw new ProtocolError("unknown_type", `type ${type.slice(0, 40)} is not known`);
  const wrong = wrongField(SERVER_SHAPES[type], d);
  if (wrong !== undefined) throw new ProtocolError("bad_message", `${type}.${wrong}: missing or wrong`);
  return { v: VERSION, type, gen, seq, t, d } as unknown as Envelope<ServerMessage>;
}

/** The text that travels. Half characters (lone surrogates, which are no UTF-8) become U+FFFD. */
export function encode(envelope: Envelope<ClientMessage> | Envelope<ServerMessage>): string {
  return JSON.stringify(envelope, (_, value: unknown) => (typeof value === "string" ? value.replace(/\p{Surrogate}/gu, "\ufffd") : value));
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new ProtocolError("bad_json", `expected JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isServerType(type: string): type is keyof typeof SERVER_SHAPES {
  return Object.hasOwn(SERVER_SHAPES, type);
}
