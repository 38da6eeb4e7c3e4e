/** What of ARKit's 52 names this drawn head does. The others are there, and move nothing. */

import { ARKIT, type ArkitName } from "@visavis/sdk/adapters";
import type { Shape } from "./mouth.ts";

const MOVING: Partial<Record<ArkitName, Partial<Shape>>> = {
  jawOpen: { open: 1 },
  mouthFunnel: { pucker: 0.6, upperUp: 0.3, lowerDown: 0.3 },
  mouthPucker: { pucker: 1, press: 0.2 },
  mouthLeft: { aside: 1 },
  mouthRight: { aside: -1 },
  mouthSmileLeft: { cornerLeft: 1, wideLeft: 0.5 },
  mouthSmileRight: { cornerRight: 1, wideRight: 0.5 },
  mouthFrownLeft: { cornerLeft: -1 },
  mouthFrownRight: { cornerRight: -1 },
  mouthStretchLeft: { wideLeft: 1 },
  mouthStretchRight: { wideRight: 1 },
  mouthRollLower: { press: 0.5 },
  mouthRollUpper: { press: 0.5 },
  mouthPressLeft: { press: 0.3 },
  mouthPressRight: { press: 0.3 },
  mouthLowerDownLeft: { lowerDown: 0.5 },
  mouthLowerDownRight: { lowerDown: 0.5 },
  mouthUpperUpLeft: { upperUp: 0.5 },
  mouthUpperUpRight: { upperUp: 0.5 },
  tongueOut: { tongue: 1 },
  eyeBlinkLeft: { blinkLeft: 1 },
  eyeBlinkRight: { blinkRight: 1 },
  browDownLeft: { browLeft: -1 },
  browDownRight: { browRight: -1 },
  browInnerUp: { browInner: 1 },
  browOuterUpLeft: { browLeft: 1 },
  browOuterUpRight: { browRight: 1 },
};

export const ARKIT_SHAPES = Object.fromEntries(ARKIT.map((name) => [name, MOVING[name] ?? {}]));
