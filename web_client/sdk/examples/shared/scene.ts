/** A camera, light and a loop, for faces that are drawn by three.js. */

import { Clock, Color, DirectionalLight, HemisphereLight, PerspectiveCamera, Scene, WebGLRenderer, type Object3D } from "three";

/** Draws `thing` into `element`, with `height` units of it from `middle` up and down; `step` is called once a frame with the seconds that went by. */
export function perform(element: HTMLElement, thing: Object3D, middle: number, height: number, step: (seconds: number) => void): void {
  const renderer = new WebGLRenderer({ antialias: true, alpha: true });
  const scene = new Scene().add(thing, new HemisphereLight(new Color("#ffffff"), new Color("#d8b8a0"), 2.2));
  const sun = new DirectionalLight(new Color("#fff4e6"), 1.6);
  sun.position.set(1, 2, 3);
  scene.add(sun);
  const camera = new PerspectiveCamera(20, 1, 0.1, 50);
  camera.position.set(0, middle, height / 2 / Math.tan((10 * Math.PI) / 180));
  element.append(renderer.domElement);
  new ResizeObserver(() => {
    renderer.setSize(element.clientWidth, element.clientHeight);
    camera.aspect = element.clientWidth / element.clientHeight;
    camera.updateProjectionMatrix();
  }).observe(element);
  const clock = new Clock();
  renderer.setAnimationLoop(() => {
    step(clock.getDelta());
    renderer.render(scene, camera);
  });
}
