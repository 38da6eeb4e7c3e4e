import { TalkingHead } from "@met4citizen/talkinghead";
import { driveTalkingHead } from "@visavis/sdk/adapters";
import { show, stage, started } from "../shared/page.ts";
import { avatar } from "./avatar.ts";

// The voice and its shapes come from the session: the library's own speech and lip-sync are left out.
const head = new TalkingHead(stage, {
  lipsyncModules: [],
  cameraView: "head",
  cameraDistance: 1,
  cameraY: 0.55,
  cameraRotateEnable: false,
  avatarIdleEyeContact: 0.9,
  lightAmbientIntensity: 1.4,
  lightDirectColor: "#fff4e6",
  lightDirectIntensity: 2,
  lightDirectTheta: 0.4,
});
head.scene.environment = null;
await head.showAvatar({ url: await avatar() }); // yours: the address of any avatar with Oculus' visemes
show(head);

const session = await started();
const face = driveTalkingHead(session, head);
head.opt.update = (milliseconds) => face.update(milliseconds / 1000);
show(head, session);
