import { driveArkit } from "@visavis/sdk/adapters";
import { ARKIT_SHAPES } from "../shared/arkit_shapes.ts";
import { head } from "../shared/head.ts";
import { show, stage, started } from "../shared/page.ts";
import { perform } from "../shared/scene.ts";

const mesh = head(ARKIT_SHAPES); // yours: any mesh whose morph targets have ARKit's names
const at = mesh.morphTargetDictionary!;
const weights = mesh.morphTargetInfluences!;
let face: ReturnType<typeof driveArkit> | undefined;

perform(stage, mesh, 0, 1.35, (seconds) => {
  for (const [name, weight] of Object.entries(face?.frame(seconds) ?? {})) weights[at[name]!] = weight;
});
show(mesh);

const session = await started();
face = driveArkit(session);
show(mesh, session);
