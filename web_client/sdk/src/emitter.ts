/** Listeners by event. One that throws harms neither the others nor the one who emits: its error is reported like any uncaught one. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  on<K extends keyof Events>(event: K, listener: (e: Events[K]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    // Wrapped, so that the same function may listen twice and leave once.
    const own = (e: Events[K]): void => listener(e);
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  emit<K extends keyof Events>(event: K, value: Events[K]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])] as ((e: Events[K]) => void)[]) {
      try {
        listener(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
