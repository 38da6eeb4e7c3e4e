/** What is used of the library, which comes without types. */
declare module "@met4citizen/talkinghead" {
  import type { Mesh, Scene } from "three";

  export class TalkingHead {
    constructor(node: HTMLElement, options: { [option: string]: unknown });
    readonly opt: { update: ((milliseconds: number) => void) | null };
    readonly mtAvatar: Record<string, { realtime: number | null; needsUpdate: boolean }>;
    readonly scene: Scene;
    readonly morphs: readonly Mesh[];
    showAvatar(avatar: { url: string; body?: "M" | "F" }): Promise<void>;
  }
}
