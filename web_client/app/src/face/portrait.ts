/** The drawing: a portrait in layers, built once, then only moved. Its colours are CSS variables, so that the evening theme lights it otherwise. */

import type { Pose } from "./behaviour.ts";
import { CHARACTERS, type CharacterName, type Strand } from "./characters.ts";
import { browPath, eyePaths } from "./eye.ts";
import { type MouthPaths, mouthPaths, n } from "./mouth.ts";
import { gradients } from "./paint.ts";
import { group, Pen, shape, svg } from "./svg.ts";
import type { MouthShape } from "./visemes.ts";

/** Middle between the eyes, in the picture's 640 × 700 units. */
const HEAD = { x: 320, y: 286, scale: 1.2 };
/** How far a full turn or nod moves what lies on the face's front, in the head's units. */
const TURN = 15;
const NOD = 11;

const NECK = "M-50 88C-48 146 -52 176 -66 200C-40 244 42 244 68 200C54 176 50 146 52 88Z";
const BODY =
  "M-72 214C-108 238 -170 240 -210 276C-246 310 -260 392 -266 560L266 560C260 392 246 310 212 276C174 240 110 238 74 214C40 254 -38 254 -72 214Z";
const COLLAR = "M-74 188C-54 226 56 226 76 188C86 196 91 222 87 240C54 282 -52 282 -85 240C-90 222 -85 196 -74 188Z";
const SLEEVES = ["M-188 540C-182 440 -188 396 -202 362", "M188 540C182 440 190 396 204 362"];
const FRECKLES = [[-44, 40], [-33, 46], [-52, 50], [-24, 38], [-39, 56], [26, 39], [36, 46], [46, 40], [52, 51], [40, 56], [-10, 33], [12, 34]] as const;

function faceOutline(drop: number): string {
  const chin = n(149 + drop);
  const jaw = n(98 + 0.45 * drop);
  const low = n(128 + 0.8 * drop);
  return `M0 -146C64 -146 108 -100 108 -34C108 20 106 56 92 ${jaw}C80 ${low} 34 ${chin} 0 ${chin}C-34 ${chin} -80 ${low} -92 ${jaw}C-106 56 -108 20 -108 -34C-108 -100 -64 -146 0 -146Z`;
}

/** A lock of light: widest in the middle, pointed at both ends. */
function strand(x0: number, y0: number, cx: number, cy: number, x1: number, y1: number, width: number): string {
  const length = Math.hypot(x1 - x0, y1 - y0);
  const dx = (-(y1 - y0) / length) * width;
  const dy = ((x1 - x0) / length) * width;
  return `M${x0} ${y0}Q${n(cx + dx)} ${n(cy + dy)} ${x1} ${y1}Q${n(cx - dx)} ${n(cy - dy)} ${x0} ${y0}Z`;
}

interface Eye {
  readonly side: -1 | 1;
  readonly at: Pen;
  readonly opening: Pen;
  readonly clip: Pen;
  readonly shade: Pen;
  readonly lash: Pen;
  readonly lowerLash: Pen;
  readonly crease: Pen;
  readonly iris: Pen;
  readonly light: Pen;
  readonly brow: Pen;
  readonly browAt: Pen;
}

let portraits = 0;

export class Portrait {
  readonly element: SVGSVGElement;
  private readonly body: Pen;
  private readonly neck: Pen;
  private readonly backHair: Pen;
  private readonly head: Pen;
  private readonly ears: Pen;
  private readonly outline: Pen[];
  private readonly front: Record<"shadow" | "cheeks" | "nose" | "mouth" | "hair", Pen>;
  private readonly eyes: readonly Eye[];
  private readonly mouth: Record<"lips" | "upperLip" | "inside" | "clip" | "upperTeeth" | "lowerTeeth" | "tongue" | "seam" | "gloss" | "under" | "dimples", Pen>;

  constructor(name: CharacterName = "vera") {
    const character = CHARACTERS[name];
    const own = `portrait${++portraits}`; // clip paths differ between portraits, and ids are the document's
    const pen = (tag: string, attributes: Record<string, string | number> = {}, ...inside: SVGElement[]): Pen => new Pen(shape(tag, attributes, ...inside));
    const layer = (...inside: SVGElement[]): Pen => new Pen(group({}, ...inside));

    this.body = layer(
      shape("path", { d: BODY, fill: "url(#knit)" }),
      shape("path", { d: "M-72 222C-108 240 -170 242 -208 278C-170 262 -118 268 -88 250Z", class: "knit-light", opacity: 0.5 }),
      ...SLEEVES.map((d) => shape("path", { d, class: "knit-fold" })),
      shape("path", { d: "M-90 246C-54 300 58 300 92 246C76 318 -70 320 -90 246Z", class: "knit-dark", opacity: 0.45 }),
      shape("path", { d: COLLAR, fill: "url(#collar)" }),
      ...ribs(),
    );
    this.neck = layer(
      shape("path", { d: NECK, fill: "url(#neck)" }),
      shape("path", { d: "M-50 100C-44 164 46 166 52 100L53 140C40 196 -38 192 -51 140Z", class: "skin-deep", opacity: 0.55 }),
    );

    this.backHair = layer(shape("path", { d: character.hairBack, fill: "url(#hair-back)" }), ...character.strandsBack.map(drawStrand));
    this.ears = layer(
      shape("path", { d: "M98 -4C120 -16 131 8 123 32C117 48 108 52 96 44Z", fill: "url(#skin)" }),
      shape("path", { d: "M104 6C116 -2 120 14 114 28C111 35 107 38 102 36C110 28 112 14 104 6Z", class: "skin-deep", opacity: 0.5 }),
      shape("circle", { cx: 113, cy: 56, r: 7, class: "gold" }),
      shape("circle", { cx: 111, cy: 54, r: 2.2, class: "gold-light" }),
    );
    const skin = pen("path", { fill: "url(#skin)" });
    const faceClip = pen("path");
    this.outline = [skin, faceClip];
    const shadow = layer(
      shape("path", { d: "M112 -70C84 -20 92 60 62 112C44 142 20 158 -10 172L120 190L140 0Z", fill: "url(#side)" }),
      shape("path", { d: character.hairShade, class: "skin-deep", opacity: 0.34 }),
    );
    const cheeks = layer(
      shape("ellipse", { cx: -62, cy: 54, rx: 42, ry: 32, fill: "url(#blush)" }),
      shape("ellipse", { cx: 62, cy: 54, rx: 42, ry: 32, fill: "url(#blush)" }),
      shape("ellipse", { cx: -10, cy: -50, rx: 64, ry: 42, fill: "url(#glow)", opacity: 0.8 }),
      shape("ellipse", { cx: -8, cy: 128, rx: 26, ry: 14, fill: "url(#glow)", opacity: 0.6 }),
    );
    const freckles = (character.freckles ? FRECKLES : []).map(([cx, cy], i) => shape("circle", { cx, cy, r: i % 3 === 0 ? 1.9 : 1.4, class: "freckle" }));
    const nose = layer(
      ...freckles,
      shape("ellipse", { cx: 0, cy: 46, rx: 22, ry: 15, fill: "url(#blush)", opacity: 0.75 }),
      shape("path", { d: "M6 0C9 16 15 28 18 39C21 50 9 54 -2 52C10 46 7 18 6 0Z", class: "skin-deep", opacity: 0.16 }),
      shape("path", { d: "M-12 52C-9 56.5 -5 55 0 57.5C5 55 9 56.5 13 52", class: "nose" }),
      shape("ellipse", { cx: -4, cy: 40, rx: 6.5, ry: 5, class: "light", opacity: 0.5 }),
    );
    this.mouth = {
      lips: pen("path", { fill: "url(#lips)" }),
      upperLip: pen("path", { class: "lip-upper" }),
      inside: pen("path", { fill: "url(#mouth)" }),
      clip: pen("path"),
      upperTeeth: pen("path", { class: "teeth" }),
      lowerTeeth: pen("path", { class: "teeth teeth-lower" }),
      tongue: pen("path", { class: "tongue" }),
      seam: pen("path", { class: "seam" }),
      gloss: pen("path", { class: "gloss" }),
      under: pen("ellipse", { fill: "url(#socket)", rx: 24, ry: 8 }),
      dimples: pen("path", { class: "dimple" }),
    };
    const m = this.mouth;
    const mouth = layer(
      m.under.element, m.dimples.element, m.lips.element, m.upperLip.element, m.inside.element,
      shape("clipPath", { id: `${own}-mouth` }, m.clip.element),
      group({ "clip-path": `url(#${own}-mouth)` }, m.lowerTeeth.element, m.tongue.element, m.upperTeeth.element),
      m.seam.element, m.gloss.element,
    );
    this.eyes = [makeEye(-1, `${own}-left`), makeEye(1, `${own}-right`)];
    const hair = layer(
      ...character.hairFront.map(([d, gradient]) => shape("path", { d, fill: `url(#${gradient})` })),
      ...character.strandsFront.map(drawStrand),
    );
    this.front = { shadow, cheeks, nose, mouth, hair };

    this.head = layer(
      this.backHair.element,
      this.ears.element,
      skin.element,
      shape("clipPath", { id: `${own}-face` }, faceClip.element),
      group({ "clip-path": `url(#${own}-face)` }, cheeks.element, shadow.element),
      nose.element,
      mouth.element,
      ...this.eyes.map((eye) => eye.at.element),
      ...this.eyes.map((eye) => eye.browAt.element),
      hair.element,
    );
    const backHair = this.backHair.element;
    const whole = group({ transform: `translate(${HEAD.x} ${HEAD.y}) scale(${HEAD.scale})` }, backHair, this.neck.element, this.body.element, this.head.element);
    this.element = svg({ viewBox: "0 0 640 700", class: `portrait portrait-${name}`, "aria-hidden": "true", focusable: "false" }, gradients(), whole);
  }

  /** Draws the pose and the mouth. Only what changed by a tenth of a unit is written. */
  draw(pose: Pose, shapeNow: MouthShape): void {
    const x = TURN * pose.yaw;
    const y = NOD * pose.pitch;
    const rise = -2.2 * pose.breath;
    this.body.move(0.18 * x, 3 * pose.lean + rise - 8, 0, 1 + 0.004 * pose.breath + 0.012 * pose.lean, 0, 300);
    this.neck.move(0.3 * x, 0.2 * y + rise * 0.8 - 4);
    const grow = 1 + 0.03 * pose.lean;
    const lift = rise * 0.9 + 7 * pose.lean;
    this.head.move(0.45 * x, 0.4 * y + lift, pose.roll, grow, 0, 170);
    this.backHair.move(0.45 * x - 0.5 * x, 0.4 * y + lift - 0.35 * y, pose.roll * 0.9, grow, 0, 170);
    this.ears.move(-0.55 * x, -0.35 * y);
    this.front.shadow.move(0.35 * x, 0.4 * y);
    this.front.cheeks.move(0.7 * x, 0.7 * y);
    this.front.nose.move(1.35 * x, 1.25 * y);
    this.front.hair.move(0.35 * x, 0.3 * y);
    this.front.mouth.move(x, 92 + 0.95 * y, 0, 1.1);
    for (const eye of this.eyes) {
      eye.at.move(48 * eye.side + 0.95 * x - 0.1 * Math.abs(x) * eye.side, 4 + 0.85 * y, 0, 1.14);
      const raise = eye.side < 0 ? pose.browLeft : pose.browRight;
      eye.browAt.move(48 * eye.side + x, -42 - 9 * raise + 0.9 * y);
      eye.brow.set("d", browPath(eye.side, pose.worry + 0.25 * raise));
    }
    const paths = mouthPaths(shapeNow, pose.smile);
    const outline = faceOutline(paths.drop);
    for (const pen of this.outline) pen.set("d", outline);
    this.drawMouth(paths, pose, shapeNow);
    for (const eye of this.eyes) drawEye(eye, pose);
  }

  /** Draws mouth and eyes where they were drawn last; the rest stays as it is. */
  drawFeatures(pose: Pose, shapeNow: MouthShape): void {
    this.drawMouth(mouthPaths(shapeNow, pose.smile), pose, shapeNow);
    for (const eye of this.eyes) drawEye(eye, pose);
  }

  private drawMouth(paths: MouthPaths, pose: Pose, shapeNow: MouthShape): void {
    const m = this.mouth;
    for (const key of ["lips", "upperLip", "inside", "upperTeeth", "lowerTeeth", "tongue", "seam", "gloss"] as const) m[key].set("d", paths[key]);
    m.clip.set("d", paths.inside);
    m.seam.set("opacity", n(Math.max(0, 1 - shapeNow.open * 5)));
    m.under.set("cy", n(26 + paths.drop * 1.35));
    const { halfWidth: w, cornerY: c } = paths;
    m.dimples.set("d", `M${n(-w - 3)} ${n(c - 5)}Q${n(-w - 6)} ${n(c - 1)} ${n(-w - 3.5)} ${n(c + 2.5)}M${n(w + 3)} ${n(c - 5)}Q${n(w + 6)} ${n(c - 1)} ${n(w + 3.5)} ${n(c + 2.5)}`);
    m.dimples.set("opacity", n(Math.max(0, pose.smile) * 0.7));
  }
}

function drawEye(eye: Eye, pose: Pose): void {
  const e = eyePaths(eye.side, pose.lids, pose.squint);
  for (const key of ["opening", "shade", "lash", "lowerLash", "crease"] as const) eye[key].set("d", e[key]);
  eye.clip.set("d", e.opening);
  eye.crease.set("opacity", n(e.creaseOpacity));
  eye.iris.move(8.5 * pose.gazeX + 0.8 * eye.side * -1, 6 * pose.gazeY - 2.2);
  eye.light.move(6.5 * pose.gazeX, 4.6 * pose.gazeY - 2.2);
}

function makeEye(side: -1 | 1, clipId: string): Eye {
  const pen = (tag: string, attributes: Record<string, string | number> = {}): Pen => new Pen(shape(tag, attributes));
  const opening = pen("path", { fill: "url(#white)" });
  const clip = pen("path");
  const shade = pen("path", { class: "eye-shade" });
  const lash = pen("path", { class: "lash" });
  const lowerLash = pen("path", { class: "lower-lash" });
  const crease = pen("path", { class: "crease" });
  const brow = pen("path", { class: "brow" });
  const iris = new Pen(group({},
    shape("circle", { r: 17, class: "iris-rim" }),
    shape("circle", { r: 15.6, fill: "url(#iris)" }),
    shape("path", { d: "M-12 4.5C-8.5 13.5 8.5 13.5 12 4.5C8.5 9.5 -8.5 9.5 -12 4.5Z", class: "iris-light" }),
    shape("circle", { r: 8, class: "pupil" }),
  ));
  const light = new Pen(group({}, shape("circle", { cx: -5.4, cy: -6, r: 4.8, class: "glint" }), shape("circle", { cx: 6, cy: 5.6, r: 2.2, class: "glint", opacity: 0.75 })));
  const at = new Pen(group({},
    shape("ellipse", { cx: side * 2, cy: -6, rx: 40, ry: 27, fill: "url(#socket)" }),
    opening.element,
    shape("clipPath", { id: clipId }, clip.element),
    group({ "clip-path": `url(#${clipId})` }, iris.element, shade.element, light.element),
    lowerLash.element, crease.element, lash.element,
  ));
  return { side, at, opening, clip, shade, lash, lowerLash, crease, iris, light, brow, browAt: new Pen(group({}, brow.element)) };
}

const drawStrand = ([x0, y0, cx, cy, x1, y1, width, kind]: Strand): SVGElement =>
  shape("path", { d: strand(x0, y0, cx, cy, x1, y1, width), class: kind });

function ribs(): SVGElement[] {
  return [-62, -48, -33, -17, 0, 17, 33, 48, 62].map((x) => {
    const sag = 1 - (x / 76) ** 2;
    return shape("path", { d: `M${x} ${n(194 + 24 * sag)}Q${n(x * 1.1)} ${n(216 + 26 * sag)} ${n(x * 1.12)} ${n(242 + 28 * sag)}`, class: "rib" });
  });
}
