/** Calls a listener of somebody else's. If it throws, that harms nobody here, and is reported like any uncaught error. */
export function call<T>(listener: (value: T) => void, value: T): void {
  try {
    listener(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** Listeners by event. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();
  #held: (() => void)[] | undefined;

  on<K extends keyof Events>(event: K, listener: (e: Events[K]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    // Wrapped, so that the same function may listen twice and leave once.
    const own = (e: Events[K]): void => listener(e);
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  emit<K extends keyof Events>(event: K, value: Events[K]): void {
    if (this.#held) this.#held.push(() => this.#deliver(event, value));
    else this.#deliver(event, value);
  }

  /** Keeps what is emitted, in order. */
  hold(): void {
    this.#held ??= [];
  }

  /** Delivers what was kept, and everything else at once from now on. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const deliver of held) deliver();
  }

  #deliver<K extends keyof Events>(event: K, value: Events[K]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])] as ((e: Events[K]) => void)[]) call(listener, value);
  }
}
