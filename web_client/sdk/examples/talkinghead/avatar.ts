/** A GLB of the drawn head as TalkingHead wants one: a skeleton of Mixamo's names, ARKit's morph targets and Oculus' visemes. */

import { Bone, Group, type Object3D } from "three";
import type { VisemeName } from "@visavis/sdk";
import { ARKIT_SHAPES } from "../shared/arkit_shapes.ts";
import { glb } from "../shared/glb.ts";
import { bust, head } from "../shared/head.ts";
import type { Shape } from "../shared/mouth.ts";

const VISEMES: Readonly<Record<VisemeName, Partial<Shape>>> = {
  sil: {},
  PP: { press: 0.9 },
  FF: { open: 0.06, press: 0.3, upperUp: 0.4 },
  TH: { open: 0.2, tongue: 0.7 },
  DD: { open: 0.18, lowerDown: 0.3 },
  kk: { open: 0.25 },
  CH: { open: 0.15, pucker: 0.55 },
  SS: { open: 0.08, wideLeft: 0.5, wideRight: 0.5, lowerDown: 0.3 },
  nn: { open: 0.16, tongue: 0.4 },
  RR: { open: 0.18, pucker: 0.4 },
  aa: { open: 0.85, upperUp: 0.2, lowerDown: 0.2 },
  E: { open: 0.4, wideLeft: 0.7, wideRight: 0.7, lowerDown: 0.3 },
  I: { open: 0.2, wideLeft: 0.8, wideRight: 0.8, lowerDown: 0.2 },
  O: { open: 0.5, pucker: 0.6 },
  U: { open: 0.15, pucker: 1 },
};

/** Size and place of the head on a body of 1.7 m. */
const HEAD_SCALE = 0.26;
const FINGERS = ["Thumb", "Index", "Middle", "Ring", "Pinky"].flatMap((finger) => [1, 2, 3].map((joint) => [`Hand${finger}`, joint] as const));

/** Its address. */
export function avatar(): Promise<string> {
  const armature = Object.assign(new Group(), { name: "Armature" });
  const hips = bone(armature, "Hips", 1);
  const chest = bone(bone(bone(hips, "Spine", 0.12), "Spine1", 0.12), "Spine2", 0.1);
  const top = bone(bone(chest, "Neck", 0.1), "Head", 0.1);
  for (const side of ["Left", "Right"]) {
    bone(top, `${side}Eye`, 0.083).position.add({ x: side === "Left" ? 0.043 : -0.043, y: 0, z: 0.1 });
    bone(bone(bone(bone(hips, `${side}UpLeg`, -0.05), `${side}Leg`, -0.45), `${side}Foot`, -0.45), `${side}ToeBase`, -0.05);
    const hand = bone(bone(bone(bone(chest, `${side}Shoulder`, 0), `${side}Arm`, 0), `${side}ForeArm`, 0), `${side}Hand`, 0);
    const joints = new Map<string, Object3D>();
    for (const [finger, joint] of FINGERS) joints.set(finger, bone(joints.get(finger) ?? hand, `${side}${finger}${joint}`, 0));
  }
  const visemes = Object.entries(VISEMES).map(([name, shape]) => [`viseme_${name}`, shape]);
  const face = head({ ...ARKIT_SHAPES, ...Object.fromEntries(visemes) });
  face.scale.setScalar(HEAD_SCALE);
  face.position.y = 0.07;
  top.add(face);
  const body = bust(-1.6 / HEAD_SCALE);
  body.scale.setScalar(HEAD_SCALE);
  body.position.y = 1.6;
  armature.add(body);
  return glb(armature);
}

function bone(parent: Object3D, name: string, up: number): Object3D {
  const made = Object.assign(new Bone(), { name });
  made.position.y = up;
  parent.add(made);
  return made;
}
