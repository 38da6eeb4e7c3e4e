/** Building SVG elements, and writing to them sparingly. */

import { n } from "./mouth.ts";

const NS = "http://www.w3.org/2000/svg";

type Attributes = Readonly<Record<string, string | number>>;

export function shape(tag: string, attributes: Attributes = {}, ...inside: Element[]): SVGElement {
  const element = document.createElementNS(NS, tag) as SVGElement;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...inside);
  return element;
}

export const group = (attributes: Attributes, ...inside: Element[]): SVGElement => shape("g", attributes, ...inside);

export const svg = (attributes: Attributes, ...inside: Element[]): SVGSVGElement => shape("svg", attributes, ...inside) as SVGSVGElement;

/** An element whose attributes change with the frames; a write that changes nothing is left out, for it would still cost a repaint. */
export class Pen {
  private readonly written = new Map<string, string | number>();

  constructor(readonly element: SVGElement) {}

  set(name: string, value: string | number): void {
    if (this.written.get(name) === value) return;
    this.written.set(name, value);
    this.element.setAttribute(name, String(value));
  }

  /** Shifts, and turns (degrees) and scales about (cx, cy). */
  move(x: number, y: number, degrees = 0, scale = 1, cx = 0, cy = 0): void {
    let transform = `translate(${n(x)} ${n(y)})`;
    if (degrees !== 0) transform += `rotate(${Math.round(degrees * 50) / 50} ${cx} ${cy})`;
    if (scale !== 1) transform += `translate(${cx} ${cy})scale(${Math.round(scale * 2000) / 2000})translate(${-cx} ${-cy})`;
    this.set("transform", transform);
  }
}
