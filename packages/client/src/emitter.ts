// Typed events. An error that a listener throws is reported as an uncaught exception; the other listeners and the
// client continue.

type Listeners<Events> = { [Name in keyof Events]?: Set<(value: Events[Name]) => void> };

export class Emitter<Events extends object> {
  readonly #listeners: Listeners<Events> = {};

  /** Adds a listener. Returns a function that removes it. */
  on<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): () => void {
    const listeners = (this.#listeners[name] ??= new Set());
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  has(name: keyof Events): boolean {
    return (this.#listeners[name]?.size ?? 0) > 0;
  }

  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    for (const listener of this.#listeners[name] ?? []) {
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
