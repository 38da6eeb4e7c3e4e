import { ConnectError, MicrophoneError, type ConnectErrorCode, type ErrorCode, type MicrophoneErrorCode } from "@visavis/sdk";
import { describe, expect, it } from "vitest";
import { DICTIONARIES, translator } from "../src/i18n/index.ts";
import { isProblemKey, problemOfCode, problemOfError, problemOfMicrophone } from "../src/problems.ts";

// The compiler keeps these complete: a code that is missing here, or is none, does not compile.
const SERVER = {
  bad_json: 1, bad_envelope: 1, unknown_type: 1, bad_message: 1, bad_frame: 1, bad_audio: 1, too_large: 1, hello_expected: 1, unknown_persona: 1, unauthorized: 1,
  forbidden: 1, busy: 1, not_ready: 1, resume_refused: 1, resume_taken: 1, taken_over: 1, slow_reader: 1, rate_limited: 1, asr_failed: 1, llm_failed: 1, tts_failed: 1, internal: 1,
} satisfies Record<ErrorCode, 1>;
const CONNECT = {
  unreachable: 1, timeout: 1, unauthorized: 1, no_route: 1, unsupported: 1, no_agent: 1, livekit_client_missing: 1, bad_server: 1, aborted: 1,
} satisfies Record<ConnectErrorCode, 1>;
const MICROPHONE = { insecure_origin: 1, refused: 1, missing: 1, in_use: 1, unsupported: 1 } satisfies Record<MicrophoneErrorCode, 1>;

const codes = (of: object): string[] => Object.keys(of);
const advice = /start again|start\b|write|try|reload|send|read|ask|press|use|check|wait|close|take|open|see|say/i;

describe("every code has words", () => {
  it.each([...codes(SERVER), ...codes(CONNECT).filter((code) => code !== "aborted"), "autoplay_blocked"])("%s", (code) => {
    expect(isProblemKey(code)).toBe(true);
    const found = problemOfCode(code, "technical text");
    expect(found.key).toBe(code);
    expect(found.detail).toBeNull();
    for (const locale of ["en", "zh"] as const) {
      const dictionary: Record<string, string> = DICTIONARIES[locale];
      expect(dictionary[`problem.${code}`]).toBeTruthy();
      expect(dictionary[`advice.${code}`]).toBeTruthy();
    }
  });

  it("and every problem has advice that tells what to do", () => {
    const english: Record<string, string> = DICTIONARIES.en;
    const problems = Object.keys(english).filter((key) => key.startsWith("problem."));
    expect(problems.length).toBeGreaterThan(30);
    for (const key of problems) expect(english[key.replace("problem.", "advice.")]).toMatch(advice);
  });
});

describe("the microphone", () => {
  it.each(codes(MICROPHONE))("%s names its own cause and offers writing", (code) => {
    const found = problemOfMicrophone(new MicrophoneError(code as MicrophoneErrorCode, "x"), "http://192.168.1.5:8080");
    expect(found.key).toBe(`microphone_${code}`);
    expect(DICTIONARIES.en[`advice.${found.key}`]).toMatch(/write/);
    expect(DICTIONARIES.zh[`advice.${found.key}`]).toMatch(/打字/);
  });

  it("names the page's address where that is the cause", () => {
    const found = problemOfMicrophone(new MicrophoneError("insecure_origin", "x"), "http://192.168.1.5:8080");
    for (const locale of ["en", "zh"] as const) expect(translator(locale)(`problem.${found.key}`, found.words)).toContain("http://192.168.1.5:8080");
  });

  it("may be tried again when it was refused, missing or in use", () => {
    const remedy = (code: MicrophoneErrorCode): string | null => problemOfMicrophone(new MicrophoneError(code, "x"), "").remedy;
    expect([remedy("refused"), remedy("missing"), remedy("in_use"), remedy("insecure_origin"), remedy("unsupported")]).toEqual(["microphone", "microphone", "microphone", null, null]);
  });
});

describe("what was thrown", () => {
  it("is told by its code", () => expect(problemOfError(new ConnectError("busy", "no place"))?.key).toBe("busy"));
  it("is nothing when we stopped it ourselves", () => expect(problemOfError(new ConnectError("aborted", "…"))).toBeNull());

  it.each([
    [new ConnectError("teapot", "short and stout"), "short and stout"],
    [new TypeError("x is undefined"), "x is undefined"],
    ["a string", "a string"],
  ])("keeps its technical text when it has no words: %s", (error, detail) => {
    expect(problemOfError(error)).toMatchObject({ key: "other", detail });
  });

  it("cannot be made to look up something that is no problem", () => {
    for (const code of ["toString", "__proto__", "constructor", ""]) expect(problemOfCode(code, "detail").key).toBe("other");
  });
});
