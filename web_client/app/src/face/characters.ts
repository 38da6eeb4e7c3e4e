/** Who can be seen: the shapes that differ from one to the other. Their colours are in `portrait.css`, by the character's name. */

/** x0, y0, cx, cy, x1, y1, width, class: a lock of light. */
export type Strand = readonly [number, number, number, number, number, number, number, string];

export interface Character {
  readonly hairBack: string;
  /** In front of the face, drawn in this order, each with the gradient that fills it. */
  readonly hairFront: readonly (readonly [path: string, gradient: "hair" | "hair-far" | "fringe"])[];
  /** The hair's shadow on the forehead. */
  readonly hairShade: string;
  readonly strandsFront: readonly Strand[];
  readonly strandsBack: readonly Strand[];
  readonly freckles: boolean;
}

const VERA: Character = {
  hairBack:
    "M10 -184C92 -186 150 -132 148 -56C147 -20 166 8 160 48C156 76 172 98 160 124C150 148 126 150 112 140C100 158 82 156 74 140L-76 140C-84 160 -110 160 -120 144"
    + "C-146 154 -172 134 -168 106C-166 86 -156 70 -160 44C-165 8 -148 -18 -148 -54C-148 -134 -84 -186 10 -184Z",
  hairFront: [
    ["M40 -152C58 -118 88 -98 100 -56C106 -34 106 -14 103 0C116 -8 130 2 131 24C143 8 149 -22 148 -56C150 -132 92 -186 10 -184C22 -176 34 -166 40 -152Z", "hair-far"],
    ["M46 -158C56 -122 74 -112 84 -84C90 -66 90 -54 86 -42C84 -66 68 -82 58 -98C50 -112 46 -132 46 -158Z", "hair-far"],
    [
      "M46 -158C14 -186 -40 -190 -86 -160C-132 -130 -152 -92 -150 -46C-150 -22 -160 0 -158 32C-156 62 -142 84 -120 104C-126 74 -112 54 -107 22C-103 -8 -104 -34 -84 -52"
      + "C-48 -84 20 -92 46 -158Z",
      "hair",
    ],
    ["M46 -158C2 -152 -66 -140 -98 -92C-110 -74 -116 -50 -112 -24C-102 -52 -84 -62 -58 -74C-14 -92 30 -104 46 -158Z", "fringe"],
  ],
  hairShade:
    "M50 -162C24 -100 -44 -82 -80 -48C-98 -30 -98 0 -101 30L-110 60L-96 64C-90 30 -92 -4 -74 -26C-36 -68 28 -72 52 -118C58 -98 78 -82 84 -54C88 -36 94 -8 95 22C96 44 100 62 104 74L114 40L108 -60Z",
  strandsFront: [
    [36, -158, -70, -150, -116, -52, 11, "hair-glow"],
    [20, -150, -60, -128, -98, -56, 7, "hair-glow"],
    [-126, -64, -146, -10, -138, 48, 8, "hair-glow"],
    [-118, -20, -130, 40, -122, 88, 5, "hair-glow"],
    [62, -150, 122, -124, 136, -48, 9, "hair-rim"],
    [56, -134, 104, -112, 120, -46, 5, "hair-glow"],
  ],
  strandsBack: [
    [150, 40, 168, 90, 146, 128, 7, "hair-rim"],
    [134, 60, 148, 96, 128, 130, 6, "hair-glow"],
    [-150, 84, -156, 120, -128, 136, 7, "hair-glow"],
  ],
  freckles: true,
};

/** Long straight hair with a fringe. */
const MEI: Character = {
  hairBack:
    "M0 -186C92 -188 148 -132 148 -52C150 20 160 90 164 160C166 204 150 236 128 246C112 226 104 190 98 150L-98 150C-104 190 -112 226 -128 246C-150 236 -166 204 -164 160"
    + "C-160 90 -150 20 -148 -52C-148 -132 -92 -188 0 -186Z",
  hairFront: [
    ["M0 -176C70 -180 134 -140 142 -56C148 16 154 92 150 176C128 156 120 108 116 54C113 8 112 -34 98 -72C70 -96 36 -128 0 -176Z", "hair-far"],
    ["M0 -176C-70 -180 -134 -140 -142 -56C-148 16 -154 92 -150 176C-128 156 -120 108 -116 54C-113 8 -112 -34 -98 -72C-70 -96 -36 -128 0 -176Z", "hair"],
    [
      "M-112 -52C-118 -118 -66 -172 0 -174C66 -172 118 -118 112 -52C104 -62 96 -66 90 -67L84 -78C76 -66 66 -60 54 -58L46 -72C38 -60 24 -55 10 -54L2 -70C-6 -58 -22 -54 -38 -56"
      + "L-46 -74C-54 -62 -66 -58 -78 -62L-84 -78C-92 -68 -104 -62 -112 -52Z",
      "fringe",
    ],
  ],
  hairShade: "M-104 -70L104 -70L112 40L100 60C98 20 98 -16 90 -46C40 -36 -40 -36 -90 -46C-98 -16 -98 20 -100 60L-112 40Z",
  strandsFront: [
    [-30, -164, -84, -140, -92, -82, 9, "hair-glow"],
    [10, -166, 0, -120, -6, -74, 8, "hair-glow"],
    [40, -160, 78, -136, 84, -88, 8, "hair-rim"],
    [-130, -56, -140, 30, -136, 120, 8, "hair-glow"],
    [132, -60, 142, 30, 138, 120, 8, "hair-rim"],
  ],
  strandsBack: [
    [150, 60, 160, 150, 138, 220, 7, "hair-rim"],
    [-150, 70, -160, 150, -138, 220, 7, "hair-glow"],
  ],
  freckles: false,
};

export const CHARACTERS = { vera: VERA, mei: MEI } as const;

export type CharacterName = keyof typeof CHARACTERS;

export const isCharacter = (name: string | null): name is CharacterName => name !== null && Object.hasOwn(CHARACTERS, name);
