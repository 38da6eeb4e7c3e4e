/** Every mouth shape, or one portrait large (`?single&viseme=10&mood=speaking`). For the drawing board only: no part of the build. */

import { Behaviour, type Mood } from "../src/face/behaviour.ts";
import { Portrait } from "../src/face/portrait.ts";
import { VISEMES, visemeShape } from "../src/face/visemes.ts";

const query = new URLSearchParams(location.search);
const moods: Mood[] = ["asleep", "idle", "listening", "thinking", "speaking", "sorry"];

function still(mood: Mood, id: number, title: string, crop: string | null): void {
  const behaviour = new Behaviour(3);
  const portrait = new Portrait();
  let pose = behaviour.step({ mood, input: 0, output: 0, look: null, calm: false }, 0.016);
  for (let i = 0; i < Number(query.get("steps") ?? 55); i++) pose = behaviour.step({ mood, input: 0, output: 0, look: null, calm: false }, 0.016);
  portrait.draw(pose, visemeShape(id));
  if (crop) portrait.element.setAttribute("viewBox", crop);
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = title;
  figure.append(portrait.element, caption);
  document.body.append(figure);
}

if (query.has("single")) {
  document.body.className = "single";
  still((query.get("mood") ?? "idle") as Mood, Number(query.get("viseme") ?? 0), "", null);
} else if (query.has("moods")) {
  for (const mood of moods) still(mood, 0, mood, null);
} else {
  VISEMES.forEach((name, id) => still("speaking", id, `${id} ${name}`, "170 120 300 400"));
}
