/** The portrait's gradients. Stops take their colours from CSS classes, so that no colour is written twice. */

import { shape } from "./svg.ts";

type Stop = readonly [offset: number, colour: string, opacity?: number];

const stops = (list: readonly Stop[]): SVGElement[] =>
  list.map(([offset, colour, opacity]) => shape("stop", { offset, class: `stop-${colour}`, ...(opacity === undefined ? {} : { "stop-opacity": opacity }) }));

const linear = (id: string, x1: number, y1: number, x2: number, y2: number, list: readonly Stop[]): SVGElement =>
  shape("linearGradient", { id, gradientUnits: "userSpaceOnUse", x1, y1, x2, y2 }, ...stops(list));

const radial = (id: string, cx: number, cy: number, r: number, list: readonly Stop[]): SVGElement =>
  shape("radialGradient", { id, cx, cy, r }, ...stops(list));

/** The light comes from the upper left. */
export function gradients(): SVGElement {
  return shape("defs", {},
    linear("skin", -80, -110, 90, 150, [[0, "skin-light"], [0.5, "skin"], [1, "skin-shade"]]),
    linear("side", 40, 40, 120, 60, [[0, "skin-deep", 0], [0.55, "skin-deep", 0.3], [1, "skin-deep", 0.6]]),
    linear("neck", -50, 100, 60, 190, [[0, "skin-shade"], [1, "skin-deep"]]),
    linear("hair", -130, -170, -20, 80, [[0, "hair-light"], [0.5, "hair"], [1, "hair-dark"]]),
    linear("hair-far", 40, -170, 140, 20, [[0, "hair-light"], [0.5, "hair"], [1, "hair-dark"]]),
    linear("hair-back", -140, -140, 120, 150, [[0, "hair"], [1, "hair-dark"]]),
    linear("fringe", 30, -150, -100, -40, [[0, "hair"], [0.45, "hair-light"], [1, "hair"]]),
    linear("knit", -220, 240, 200, 520, [[0, "knit-light"], [0.4, "knit"], [1, "knit-dark"]]),
    linear("collar", -80, 210, 86, 270, [[0, "knit-light"], [0.55, "knit"], [1, "knit-dark"]]),
    linear("lips", 0, -12, 0, 22, [[0, "lip"], [1, "lip-light"]]),
    linear("mouth", 0, -10, 0, 30, [[0, "mouth"], [1, "mouth-deep"]]),
    radial("iris", 0.5, 0.42, 0.6, [[0, "iris-deep"], [0.45, "iris"], [1, "iris-deep"]]),
    radial("white", 0.45, 0.6, 0.7, [[0, "white"], [1, "white-shade"]]),
    radial("socket", 0.5, 0.5, 0.5, [[0, "skin-deep", 0.42], [0.6, "skin-deep", 0.16], [1, "skin-deep", 0]]),
    radial("blush", 0.5, 0.5, 0.5, [[0, "blush", 0.55], [0.55, "blush", 0.22], [1, "blush", 0]]),
    radial("glow", 0.5, 0.5, 0.5, [[0, "light", 0.5], [1, "light", 0]]),
  );
}
