import type { Frame } from "../protocol/frames.js";
import type { DoorEvents } from "./door.js";

/** Keeps what a door tells while it is being opened, in order, until somebody listens. */
export class Held implements DoorEvents {
  readonly #listener: DoorEvents;
  #kept: (() => void)[] | undefined = [];

  constructor(listener: DoorEvents) {
    this.#listener = listener;
  }

  /** Tells what was kept; from now on everything is told at once. */
  release(): void {
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    for (const tell of kept) tell();
  }

  text(json: string): void {
    this.#tell(() => this.#listener.text(json));
  }
  face(frame: Frame): void {
    this.#tell(() => this.#listener.face(frame));
  }
  status(status: "connected" | "reconnecting"): void {
    this.#tell(() => this.#listener.status(status));
  }
  trouble(code: string, message: string): void {
    this.#tell(() => this.#listener.trouble(code, message));
  }
  closed(reason: string): void {
    this.#tell(() => this.#listener.closed(reason));
  }

  #tell(tell: () => void): void {
    if (this.#kept) this.#kept.push(tell);
    else tell();
  }
}
