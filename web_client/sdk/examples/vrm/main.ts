import { VRMLoaderPlugin, type VRM } from "@pixiv/three-vrm";
import { driveVrm } from "@visavis/sdk/adapters";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import { show, stage, started } from "../shared/page.ts";
import { perform } from "../shared/scene.ts";
import { avatar } from "./avatar.ts";

const loader = new GLTFLoader();
loader.register((parser) => new VRMLoaderPlugin(parser));
const vrm = (await loader.loadAsync(await avatar())).userData["vrm"] as VRM; // yours: the address of any .vrm
let face: ReturnType<typeof driveVrm> | undefined;

perform(stage, vrm.scene, -0.12, 1.7, (seconds) => {
  face?.update(seconds);
  vrm.update(seconds);
});
show(vrm);

const session = await started();
face = driveVrm(session, vrm.expressionManager!);
show(vrm, session);
