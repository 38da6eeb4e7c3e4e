/** Every mouth shape, or one portrait large (`?single&viseme=10&mood=speaking`), `?moods`, `?emotions`; `&face=mei`. For the drawing board only: no part of the build. */

import { Behaviour, type Mood } from "../src/face/behaviour.ts";
import { isCharacter, type CharacterName } from "../src/face/characters.ts";
import { EMOTIONS, expressionOf } from "../src/face/emotions.ts";
import { Portrait } from "../src/face/portrait.ts";
import { VISEMES, visemeShape } from "../src/face/visemes.ts";

const query = new URLSearchParams(location.search);
const who = isCharacter(query.get("face")) ? (query.get("face") as CharacterName) : "vera";
const moods: Mood[] = ["asleep", "idle", "listening", "thinking", "speaking", "sorry"];

function still(mood: Mood, id: number, title: string, crop: string | null, emotion = "neutral"): void {
  const senses = { mood, input: 0, output: 0, look: null, calm: false, expression: expressionOf(emotion) };
  const behaviour = new Behaviour(3);
  const portrait = new Portrait(who);
  let pose = behaviour.step(senses, 0.016);
  for (let i = 0; i < Number(query.get("steps") ?? 55); i++) pose = behaviour.step(senses, 0.016);
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
} else if (query.has("emotions")) {
  for (const name of EMOTIONS) still("speaking", 0, name, null, name);
} else if (query.has("moods")) {
  for (const mood of moods) still(mood, 0, mood, null);
} else {
  VISEMES.forEach((name, id) => still("speaking", id, `${id} ${name}`, "170 120 300 400"));
}
