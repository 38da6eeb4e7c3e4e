/** A VRM 1.0 file of the drawn head: the humanoid bones that every VRM has, and expressions bound to its morph targets. */

import { Group, Object3D } from "three";
import { bust, head } from "../shared/head.ts";
import { glb } from "../shared/glb.ts";
import type { Shape } from "../shared/mouth.ts";

const EXPRESSIONS: Readonly<Record<string, Partial<Shape>>> = {
  aa: { open: 0.9, upperUp: 0.2, lowerDown: 0.2 },
  ih: { open: 0.22, wideLeft: 0.6, wideRight: 0.6, lowerDown: 0.2 },
  ou: { open: 0.15, pucker: 1 },
  ee: { open: 0.4, wideLeft: 0.8, wideRight: 0.8, lowerDown: 0.3, upperUp: 0.2 },
  oh: { open: 0.6, pucker: 0.6 },
  blink: { blinkLeft: 1, blinkRight: 1 },
  happy: { cornerLeft: 0.9, cornerRight: 0.9, wideLeft: 0.4, wideRight: 0.4, browLeft: 0.4, browRight: 0.4 },
  angry: { cornerLeft: -0.7, cornerRight: -0.7, browLeft: -0.8, browRight: -0.8, browInner: -0.6 },
  sad: { cornerLeft: -0.9, cornerRight: -0.9, browInner: 1 },
  relaxed: { cornerLeft: 0.5, cornerRight: 0.5, blinkLeft: 0.4, blinkRight: 0.4 },
  surprised: { open: 0.2, browLeft: 1, browRight: 1 },
};

/** Each bone that a VRM must have, and what it hangs on. */
const BONES = [
  ["hips", ""], ["spine", "hips"], ["head", "spine"],
  ["leftUpperArm", "spine"], ["leftLowerArm", "leftUpperArm"], ["leftHand", "leftLowerArm"],
  ["rightUpperArm", "spine"], ["rightLowerArm", "rightUpperArm"], ["rightHand", "rightLowerArm"],
  ["leftUpperLeg", "hips"], ["leftLowerLeg", "leftUpperLeg"], ["leftFoot", "leftLowerLeg"],
  ["rightUpperLeg", "hips"], ["rightLowerLeg", "rightUpperLeg"], ["rightFoot", "rightLowerLeg"],
] as const;

/** Its address. */
export function avatar(): Promise<string> {
  const root = new Group();
  const bones = new Map<string, Object3D>();
  for (const [name, parent] of BONES) {
    const bone = Object.assign(new Object3D(), { name });
    bones.set(name, bone);
    (bones.get(parent) ?? root).add(bone);
  }
  bones.get("head")!.add(head(EXPRESSIONS));
  root.add(bust(-2));
  return glb(root, {
    name: "VRMC_vrm",
    of: (node) => ({
      specVersion: "1.0",
      meta: {
        name: "A drawn head",
        authors: ["Visavis"],
        licenseUrl: "https://vrm.dev/licenses/1.0/",
        avatarPermission: "everyone",
        commercialUsage: "corporation",
        creditNotation: "unnecessary",
        modification: "allowModificationRedistribution",
      },
      humanoid: { humanBones: Object.fromEntries(BONES.map(([name]) => [name, { node: node(name) }])) },
      expressions: {
        preset: Object.fromEntries(
          Object.keys(EXPRESSIONS).map((name, index) => [name, { morphTargetBinds: [{ node: node("Face"), index, weight: 1 }] }]),
        ),
      },
    }),
  });
}
