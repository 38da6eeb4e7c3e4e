import "./core.ts"; // yours: <script src="live2dcubismcore.min.js"> in the page instead
import { Application, Ticker } from "pixi.js";
import { Live2DModel } from "pixi-live2d-display/cubism4";
import { driveLive2D } from "@visavis/sdk/adapters";
import { show, stage, started } from "../shared/page.ts";

Live2DModel.registerTicker(Ticker);
const app = new Application({ resizeTo: stage, backgroundAlpha: 0, antialias: true });
stage.append(app.view);
const model = await Live2DModel.from("../live2d/face.model3.json", { autoInteract: false }); // yours: the address of any .model3.json
model.anchor.set(0.5);
app.stage.addChild(model);
app.ticker.add(() => {
  model.position.set(app.screen.width / 2, app.screen.height / 2);
  model.scale.set(app.screen.height / 1000);
});
show(model);

const session = await started();
const face = driveLive2D(session);
model.internalModel.on("beforeModelUpdate", () => face.update(model.internalModel.coreModel as Parameters<typeof face.update>[0]));
show(model, session);
