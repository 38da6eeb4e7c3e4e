/**
 * Stands where `live2dcubismcore.min.js` does on a real page: Live2D's own code, under its own licence and on no package registry. It knows no `.moc3`, and
 * shows the one face of `face.ts`. What lies above it (the framework's parameters, its renderer, the model's loop) is pixi-live2d-display as it is.
 */

import { PARAMETERS, PARTS, type Drawn } from "./face.ts";

const DOUBLE_SIDED = 4;
const VISIBLE = 1;
const POSITIONS_CHANGED = 32;
const has = (bit: number) => (flags: number): boolean => (flags & bit) !== 0;

class Moc {
  static fromArrayBuffer(): Moc {
    return new Moc();
  }
  _release(): void {}
}

class Model {
  static fromMoc(): Model {
    return new Model();
  }

  readonly canvasinfo = { CanvasWidth: 1000, CanvasHeight: 1000, PixelsPerUnit: 1000 };
  readonly parts = { count: 0, ids: [], opacities: new Float32Array() };
  readonly parameters = {
    count: PARAMETERS.length,
    ids: PARAMETERS.map(({ id }) => id),
    minimumValues: Float32Array.from(PARAMETERS, ({ min }) => min),
    maximumValues: Float32Array.from(PARAMETERS, ({ max }) => max),
    defaultValues: Float32Array.from(PARAMETERS, ({ rest }) => rest),
    values: Float32Array.from(PARAMETERS, ({ rest }) => rest),
  };
  readonly drawables = new Drawables();

  constructor() {
    this.update();
  }

  /** Puts the points where the parameters say. */
  update(): void {
    const of = Object.fromEntries(PARAMETERS.map(({ id }, at) => [id, this.parameters.values[at]!])) as Drawn;
    PARTS.forEach(({ points }, part) => this.drawables.vertexPositions[part]!.set(points(of)));
  }
  release(): void {}
}

class Drawables {
  readonly count = PARTS.length;
  readonly ids = PARTS.map(({ id }) => id);
  readonly renderOrders = Int32Array.from(PARTS.keys());
  readonly textureIndices = new Int32Array(PARTS.length);
  readonly constantFlags = new Uint8Array(PARTS.length).fill(DOUBLE_SIDED);
  readonly dynamicFlags = new Uint8Array(PARTS.length).fill(VISIBLE | POSITIONS_CHANGED);
  readonly opacities = new Float32Array(PARTS.length).fill(1);
  readonly masks = PARTS.map(() => new Int32Array());
  readonly maskCounts = new Int32Array(PARTS.length);
  readonly indices = PARTS.map(({ triangles }) => Uint16Array.from(triangles));
  readonly indexCounts = Int32Array.from(this.indices, ({ length }) => length);
  readonly vertexCounts = Int32Array.from(this.indices, (indices) => Math.max(...indices) + 1);
  readonly vertexPositions = Array.from(this.vertexCounts, (count) => new Float32Array(2 * count));
  readonly vertexUvs = PARTS.map(({ color }, part) => Float32Array.from({ length: 2 * this.vertexCounts[part]! }, (_, at) => (at % 2 ? 0.5 : (color + 0.5) / 8)));

  resetDynamicFlags(): void {}
}

Object.assign(window, {
  Live2DCubismCore: {
    Version: { csmGetVersion: () => 0 },
    Logging: { csmSetLogFunction() {}, csmGetLogFunction: () => null },
    Utils: {
      hasIsDoubleSidedBit: has(DOUBLE_SIDED),
      hasBlendAdditiveBit: has(1),
      hasBlendMultiplicativeBit: has(2),
      hasIsInvertedMaskBit: has(8),
      hasIsVisibleBit: has(VISIBLE),
      hasVertexPositionsDidChangeBit: has(POSITIONS_CHANGED),
    },
    Moc,
    Model,
  },
});
