/** What every example has around its face: the server's address, a button, what is said, and a line to write in. */

import { connect, type Session } from "@visavis/sdk";
import "./page.css";

/** `?url=` the server (default: where the page comes from), `?door=peer|ws|livekit`, `?microphone=off`. */
const query = new URLSearchParams(location.search);
const DOORS = ["auto", "peer", "ws", "livekit"] as const;

/** Where the face goes. */
export const stage = document.querySelector<HTMLElement>("#stage")!;

/** A session, when somebody has pressed the button. */
export function started(): Promise<Session> {
  const start = element("button", "start", "Start talking");
  const status = element("p", "status", "");
  stage.after(start, status);
  return new Promise((resolve) => {
    start.onclick = async () => {
      start.disabled = true;
      status.textContent = "connecting …";
      try {
        const session = await connect({
          url: query.get("url") ?? undefined,
          door: DOORS.find((door) => door === query.get("door")),
          microphone: query.get("microphone") !== "off",
        });
        status.remove();
        start.replaceWith(conversation(session));
        resolve(session);
      } catch (error) {
        status.textContent = String(error);
        start.disabled = false;
      }
    };
  });
}

/** For the browser's console. */
export function show(face: object, session?: Session): void {
  Object.assign(window, { example: { face, session } });
}

function conversation(session: Session): HTMLElement {
  const form = element("form", "talk", "");
  const said = element("p", "said", "Ask something, or speak.");
  const line = element("input", "line", "");
  line.placeholder = "Say something";
  line.ariaLabel = "Say something";
  line.autocomplete = "off";
  form.append(said, line, element("button", "send", "Say"));
  form.onsubmit = (event) => {
    event.preventDefault();
    session.sendText(line.value);
    line.value = "";
  };
  session.on("agent_text", ({ text }) => (said.textContent = text));
  session.on("state", ({ state }) => (form.dataset["state"] = state));
  session.on("error", ({ message }) => (said.textContent = message));
  return form;
}

function element<K extends keyof HTMLElementTagNameMap>(tag: K, id: string, text: string): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(tag), { id, textContent: text });
}
