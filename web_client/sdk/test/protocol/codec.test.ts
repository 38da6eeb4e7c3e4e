import fc from "fast-check";
import { expect, test } from "vitest";
import { ProtocolError, SessionMachine, decodeServer, encode, type Fault } from "../../src/protocol/index.js";
import { HELLO, message } from "./messages.js";

function faultOf(json: string): Fault | undefined {
  try {
    decodeServer(json);
    return undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}

test("a valid message comes back as it is", () => {
  const envelope = decodeServer(message("hello", HELLO, { gen: 2, seq: 3 }));
  expect(envelope).toEqual({ v: 1, type: "hello", gen: 2, seq: 3, t: null, d: HELLO });
});

test.each<[string, Fault]>([
  ["", "bad_json"],
  ["{", "bad_json"],
  ["[]", "bad_envelope"],
  ["null", "bad_envelope"],
  ['{"v":2,"type":"pong","d":{"id":1,"t":1}}', "bad_envelope"],
  ['{"v":1,"type":5}', "bad_envelope"],
  ['{"v":1,"type":"pong","gen":-1,"d":{"id":1,"t":1}}', "bad_envelope"],
  ['{"v":1,"type":"pong","t":0.5,"d":{"id":1,"t":1}}', "bad_envelope"],
  ['{"v":1,"type":"pong","d":[]}', "bad_envelope"],
  ['{"v":1,"type":"from_the_future","d":{}}', "unknown_type"],
  ['{"v":1,"type":"__proto__","d":{}}', "unknown_type"],
  ['{"v":1,"type":"toString","d":{}}', "unknown_type"],
  ['{"v":1,"type":"state_update","d":{"state":"dancing"}}', "bad_message"],
  ['{"v":1,"type":"assistant_text_delta","d":{"id":"a"}}', "bad_message"],
  ['{"v":1,"type":"clock","d":{"rtp":"1","t":0}}', "bad_message"],
  ['{"v":1,"type":"generation_start","d":{"t0":9007199254740993}}', "bad_message"],
  [JSON.stringify("x".repeat(1_600_000)), "too_large"],
])("%.60s is a %s", (json, fault) => {
  expect(faultOf(json)).toBe(fault);
});

test("unknown fields and absent optional ones are no fault", () => {
  expect(faultOf('{"v":1,"type":"state_update","d":{"state":"idle","reason":null,"mood":1},"extra":1}')).toBeUndefined();
});

test("nothing that comes can make the machine throw, and all of it is counted", () => {
  const type = fc.constantFrom("hello", "state_update", "asr_final", "assistant_text", "interrupt", "part", "clock", "nonsense");
  const anything = fc.oneof(
    fc.string(),
    fc.json(),
    fc.record({ v: fc.constant(1), type, gen: fc.nat(), seq: fc.nat(), t: fc.option(fc.nat()), d: fc.object() }).map((value) => JSON.stringify(value)),
  );
  fc.assert(
    fc.property(fc.array(anything, { maxLength: 20 }), (frames) => {
      const machine = new SessionMachine();
      for (const frame of frames) machine.receive(frame);
      const { accepted, stale, duplicate, faults } = machine.counters;
      const counted = accepted + stale + duplicate + Object.values(faults).reduce((sum, n) => sum + n, 0);
      expect(counted).toBe(frames.length);
    }),
  );
});

test("half characters become U+FFFD, whole ones stay", () => {
  const machine = new SessionMachine();
  const sent = JSON.parse(encode(machine.compose("text_input", { text: "a\ud83d 🙂" }))) as { d: { text: string } };
  expect(sent.d.text).toBe("a\ufffd 🙂");
});
