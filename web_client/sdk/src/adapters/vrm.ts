import type { Emotion } from "./face.generated.js";
import { MouthWeights, mixed, type Recipe } from "./mouth.js";
import type { FaceSource } from "./source.js";

/** What is needed of a VRM's `expressionManager` (three-vrm). */
export interface ExpressionManager {
  setValue(name: string, weight: number): void;
}

const MOUTH = ["aa", "ih", "ou", "ee", "oh"] as const;
type Mouth = (typeof MOUTH)[number];

const RECIPE: Recipe<Mouth> = [
  {},
  {}, // PP: shut
  { ih: 0.2 },
  { ih: 0.3, aa: 0.1 },
  { ih: 0.35, aa: 0.1 },
  { aa: 0.3, ih: 0.1 },
  { ou: 0.35, ih: 0.2 },
  { ih: 0.4 },
  { ih: 0.25, aa: 0.1 },
  { ou: 0.35, oh: 0.15 },
  { aa: 1 },
  { ee: 0.9 },
  { ih: 0.9 },
  { oh: 1 },
  { ou: 1 },
];

/** VRM's own moods for the server's 21. */
const MOODS: Readonly<Record<Emotion, readonly [string, number]>> = {
  neutral: ["relaxed", 0], thinking: ["relaxed", 0],
  happy: ["happy", 0.7], laughing: ["happy", 1], funny: ["happy", 0.9], loving: ["happy", 0.8], winking: ["happy", 0.6], silly: ["happy", 0.9],
  delicious: ["happy", 0.7], kissy: ["happy", 0.5], confident: ["relaxed", 0.5], cool: ["relaxed", 0.6], relaxed: ["relaxed", 0.9], sleepy: ["relaxed", 1],
  sad: ["sad", 0.8], crying: ["sad", 1], embarrassed: ["sad", 0.4], confused: ["sad", 0.3], angry: ["angry", 0.9], surprised: ["surprised", 0.8], shocked: ["surprised", 1],
};
const MOOD_NAMES = ["happy", "angry", "sad", "relaxed", "surprised"] as const;
const FADE_SECONDS = 0.25;

/**
 * Moves the mouth of a VRM, and its mood. Call `update` once a frame, before `vrm.update(seconds)`.
 *
 *     const face = driveVrm(session, vrm.expressionManager);
 *     renderer.setAnimationLoop(() => { const dt = clock.getDelta(); face.update(dt); vrm.update(dt); … });
 */
export function driveVrm(source: FaceSource, expressions: ExpressionManager): { update(seconds: number): void; stop(): void } {
  const mouth = new MouthWeights();
  const parts = Object.fromEntries(MOUTH.map((name) => [name, 0])) as Record<Mouth, number>;
  const moods = new Map<string, number>(MOOD_NAMES.map((name) => [name, 0]));
  let mood: readonly [string, number] | undefined;
  let left = 0;
  const stops = [
    source.on("viseme", (event) => mouth.set(event)),
    source.on("emotion", ({ name, intensity, ttl }) => {
      const found = Object.hasOwn(MOODS, name) ? MOODS[name as Emotion] : undefined;
      mood = found && [found[0], found[1] * intensity];
      left = ttl / 1000;
    }),
  ];
  return {
    update(seconds) {
      mixed(RECIPE, mouth.step(seconds), parts);
      for (const name of MOUTH) expressions.setValue(name, parts[name]);
      left -= seconds;
      const share = 1 - Math.exp(-Math.max(0, seconds) / FADE_SECONDS);
      for (const [name, now] of moods) {
        const target = left > 0 && mood?.[0] === name ? mood[1] : 0;
        const next = now + (target - now) * share;
        moods.set(name, next);
        expressions.setValue(name, next);
      }
    },
    stop() {
      for (const stop of stops) stop();
      for (const name of [...MOUTH, ...MOOD_NAMES]) expressions.setValue(name, 0);
    },
  };
}
