/** Making elements and writing to them only when something changed: what did not change must not wake a screen reader or lose a selection. */

import { shape } from "../face/svg.ts";

type Attributes = Readonly<Record<string, string | boolean>>;

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...inside: (Node | string)[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...inside);
  return element;
}

export function setAttribute(element: Element, name: string, value: string | boolean): void {
  if (typeof value === "boolean") element.toggleAttribute(name, value);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** What an icon button is called: for the ear and for the pointer. */
export function setName(element: HTMLElement, name: string): void {
  setAttribute(element, "aria-label", name);
  setAttribute(element, "title", name);
}

const ICONS = {
  microphone: "M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3ZM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3M9 21h6",
  microphoneOff: "M9 8.5V6a3 3 0 0 1 6 0v5.5M9.3 13.5A3 3 0 0 0 14 14.2M5.5 11.5a6.5 6.5 0 0 0 10.6 5M18.5 11.5a6.4 6.4 0 0 1-.6 2.8M12 18v3M9 21h6M4 4l16 16",
  stop: "M7.5 5.5h9a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-9a2 2 0 0 1 2-2Z",
  leave: "M3 13.6c5.4-5 12.6-5 18 0 .5.5.5 1.2.1 1.7l-1.5 1.8c-.4.5-1 .6-1.6.3l-2.6-1.3c-.5-.2-.8-.7-.8-1.2V13a12 12 0 0 0-5.2 0v1.9c0 .5-.3 1-.8 1.2L6 17.4c-.6.3-1.2.2-1.6-.3l-1.5-1.8c-.4-.5-.4-1.2.1-1.7Z",
  send: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  waterfall: "M4 6h6M9 12h7M15 18h5",
  close: "M6 6l12 12M18 6 6 18",
} as const;

export type IconName = keyof typeof ICONS;

export function icon(name: IconName): SVGElement {
  const path = shape("path", { d: ICONS[name] });
  return shape("svg", { viewBox: "0 0 24 24", class: name === "stop" || name === "leave" ? "icon icon-solid" : "icon", "aria-hidden": "true", focusable: "false" }, path);
}
