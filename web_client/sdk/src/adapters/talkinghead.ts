import { VISEMES } from "../driving/visemes.js";
import { MouthWeights } from "./mouth.js";
import type { FaceSource } from "./source.js";

/** What is needed of a `TalkingHead` (1.7): its morph targets by name. */
export interface Head {
  readonly mtAvatar: Record<string, { realtime: number | null; needsUpdate: boolean }>;
}

/**
 * Moves the mouth of a TalkingHead avatar (whose morph targets have Oculus' names, `viseme_aa` …). Call `update` once a frame, as its `opt.update` is.
 *
 *     const face = driveTalkingHead(session, head);
 *     head.opt.update = (ms) => face.update(ms / 1000);
 */
export function driveTalkingHead(source: FaceSource, head: Head): { update(seconds: number): void; stop(): void } {
  const mouth = new MouthWeights();
  const unsubscribe = source.on("viseme", (event) => mouth.set(event));
  const write = (value: (id: number) => number | null): void => {
    for (let id = 1; id < VISEMES.length; id++) {
      const target = head.mtAvatar[`viseme_${VISEMES[id]!}`];
      if (target) Object.assign(target, { realtime: value(id), needsUpdate: true });
    }
  };
  return {
    update(seconds) {
      const weights = mouth.step(seconds);
      write((id) => weights[id]!);
    },
    stop() {
      unsubscribe();
      write(() => null);
    },
  };
}
