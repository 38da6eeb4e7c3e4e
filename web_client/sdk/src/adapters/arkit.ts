import { ARKIT, MOUTHS, type ArkitName } from "./face.generated.js";
import { MouthWeights, mixed } from "./mouth.js";
import type { FaceSource } from "./source.js";

export { ARKIT, type ArkitName };

/**
 * Frames of ARKit's names, polled by a renderer: the server's own, of a session that `wants: ["blendshapes"]`, and while there are none, the mouth alone.
 *
 *     const face = driveArkit(session);
 *     // once a frame:
 *     for (const [name, weight] of Object.entries(face.frame(seconds))) mesh.morphTargetInfluences[mesh.morphTargetDictionary[name]] = weight;
 */
export function driveArkit(source: FaceSource): { frame(seconds: number): Record<ArkitName, number>; stop(): void } {
  const mouth = new MouthWeights();
  const out = Object.fromEntries(ARKIT.map((name) => [name, 0])) as Record<ArkitName, number>;
  const stop = source.on("viseme", (event) => mouth.set(event));
  const frame = (seconds: number): Record<ArkitName, number> => {
    const weights = mouth.step(seconds);
    const face = source.blendshapes?.();
    if (!face || face.length !== ARKIT.length) return mixed(MOUTHS, weights, out);
    for (const [k, name] of ARKIT.entries()) out[name] = face[k]!;
    return out;
  };
  return { frame, stop };
}
