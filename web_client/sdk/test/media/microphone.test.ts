import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Microphone } from "../../src/media/microphone.js";
import { FakeContext, fakeBrowser } from "../doors/browser.js";

const context = new FakeContext() as unknown as AudioContext;
const device = () => ({ enabled: true, readyState: "live", stop: vi.fn() });

function browser(getUserMedia: ((constraints: unknown) => Promise<unknown>) | undefined, secure = true): void {
  vi.stubGlobal("isSecureContext", secure);
  vi.stubGlobal("navigator", { mediaDevices: getUserMedia && { getUserMedia } });
}

beforeEach(() => {
  fakeBrowser();
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("the device", () => {
  test("is asked for with echo cancellation, noise suppression and gain control, and stopped at the end", async () => {
    const track = device();
    const getUserMedia = vi.fn(() => Promise.resolve({ getAudioTracks: () => [track] }));
    browser(getUserMedia);
    const microphone = await Microphone.open(true, context);
    expect(getUserMedia).toHaveBeenCalledWith({ audio: expect.objectContaining({ echoCancellation: true, noiseSuppression: true, autoGainControl: true }) as unknown });
    expect(microphone.level()).toBeGreaterThan(0);
    track.enabled = false;
    expect(microphone.level()).toBe(0);
    microphone.close();
    expect(track.stop).toHaveBeenCalled();
  });

  test.each([
    ["NotAllowedError", "refused"],
    ["SecurityError", "refused"],
    ["NotFoundError", "missing"],
    ["OverconstrainedError", "missing"],
    ["NotReadableError", "in_use"],
    ["AbortError", "in_use"],
    ["TypeError", "unsupported"],
  ])("%s means %s, and is the cause", async (name, code) => {
    const cause = new DOMException("no", name);
    browser(() => Promise.reject(cause));
    await expect(Microphone.open(true, context)).rejects.toMatchObject({ name: "MicrophoneError", code, cause });
  });

  test("is not to be had on an insecure origin, whose address is named as the cause", async () => {
    browser(undefined, false);
    await expect(Microphone.open(true, context)).rejects.toMatchObject({ code: "insecure_origin", message: expect.stringContaining("https") as string });
  });

  test("is not to be had in a browser without it", async () => {
    browser(undefined);
    await expect(Microphone.open(true, context)).rejects.toMatchObject({ code: "unsupported" });
  });
});

test("a track of the caller's is used as it is, and left running", async () => {
  const track = device();
  const microphone = await Microphone.open(track as unknown as MediaStreamTrack, context);
  expect(microphone.track).toBe(track);
  microphone.close();
  expect(track.stop).not.toHaveBeenCalled();
});
