/** Files for loaders, made in the page. */

import type { Object3D } from "three";
import { GLTFExporter } from "three/addons/exporters/GLTFExporter.js";

/** The address of a binary glTF file of `thing`, with an extension of the format if there is one. */
export async function glb(thing: Object3D, extension?: { name: string; of(node: (name: string) => number): object }): Promise<string> {
  const exporter = new GLTFExporter();
  exporter.register((writer) => ({
    afterParse() {
      if (!extension) return;
      const { json } = writer as unknown as { json: { nodes: { name?: string }[] } }; // its types leave it out
      const written = extension.of((name) => json.nodes.findIndex((node) => node.name === name));
      Object.assign(json, { extensions: { [extension.name]: written } });
      writer.extensionsUsed[extension.name] = true;
    },
  }));
  const file = (await exporter.parseAsync(thing, { binary: true })) as ArrayBuffer;
  return URL.createObjectURL(new Blob([file]));
}
