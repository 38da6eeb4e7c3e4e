/** What the adapters listen to: a `Session`, or anything that tells the same. */
export interface FaceSource {
  blendshapes?(): Float32Array | null;
  on(event: "viseme", fn: (event: { id: number; weight: number }) => void): () => void;
  on(event: "emotion", fn: (event: { name: string; intensity: number; ttl: number }) => void): () => void;
}
