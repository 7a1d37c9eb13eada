// A value that changes, as user interfaces read it, and how stores of the same thing share one source.

/**
 * A value that changes. The functions need no `this`. React reads a store with `useSyncExternalStore`; the bindings for
 * other libraries take a few lines.
 */
export interface Store<Snapshot> {
  /**
   * Calls the listener after each change. The store works while it has a listener. Returns a function that removes the
   * listener.
   */
  readonly subscribe: (listener: () => void) => () => void;
  /** The value: immutable, and the same object until the next change. */
  readonly getSnapshot: () => Snapshot;
  /** The value before the first listener. The same on a server and in the browser. */
  readonly getServerSnapshot: () => Snapshot;
}

/** The shortest time between two changes, in ms: about one frame of a screen. */
const CHANGE_MIN_MS = 16;

/** What works for stores while they have listeners. */
export abstract class Source<Snapshot> {
  readonly initial: Snapshot;
  #snapshot: Snapshot;
  readonly #listeners = new Set<() => void>();
  #isRunning = false;
  /** Whether the snapshot is out of date. */
  #isStale = false;
  /** Whether a flush is scheduled, or the last one was less than `CHANGE_MIN_MS` ago. */
  #isWaiting = false;
  #onIdle: (() => void) | undefined;

  constructor(initial: Snapshot) {
    this.initial = initial;
    this.#snapshot = initial;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Whether the source works: it has listeners, or had some in this turn. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /**
   * Adds a listener. The first one starts the source.
   * @param onIdle called when the source has stopped
   */
  subscribe(listener: () => void, onIdle: () => void): () => void {
    // The same function may be added twice.
    const entry = (): void => listener();
    this.#listeners.add(entry);
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#onIdle = onIdle;
      this.start();
      this.#snapshot = this.build();
    }
    return () => {
      if (this.#listeners.delete(entry)) this.release();
    };
  }

  protected abstract start(): void;
  protected abstract stop(): void;
  protected abstract build(): Snapshot;

  /** Whether the source must work on without listeners. */
  protected get isBusy(): boolean {
    return false;
  }

  /**
   * Stops the source if nothing needs it at the end of the turn. React removes a listener and adds it again in one turn
   * in StrictMode, and when one component replaces another.
   */
  protected release(): void {
    if (!this.#isIdle) return;
    setTimeout(() => {
      if (!this.#isIdle) return;
      this.#isRunning = false;
      this.stop();
      this.#onIdle?.();
    }, 0);
  }

  /** Builds a new snapshot at the end of the turn, and calls the listeners. */
  protected changed(): void {
    this.#isStale = true;
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    queueMicrotask(() => this.#flush());
  }

  get #isIdle(): boolean {
    return this.#isRunning && this.#listeners.size === 0 && !this.isBusy;
  }

  #flush(): void {
    if (!this.#isStale || !this.#isRunning) {
      this.#isWaiting = false;
      return;
    }
    this.#isStale = false;
    this.#snapshot = this.build();
    setTimeout(() => this.#flush(), CHANGE_MIN_MS);
    for (const listener of [...this.#listeners]) listener();
  }
}

/** The sources that work at the moment, by what they read. */
export type Sources = Map<string, Source<unknown>>;

/** A store whose source is shared with all stores that have the same key, while one of them has a listener. */
export class SharedStore<Snapshot, Shared extends Source<Snapshot>> implements Store<Snapshot> {
  readonly #sources: Sources;
  readonly #key: string;
  #own: Shared;

  constructor(sources: Sources, key: string, source: Shared) {
    this.#sources = sources;
    this.#key = key;
    this.#own = source;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    const { source } = this;
    // A store that loses its last listener keeps its source, and resumes with it.
    this.#own = source;
    this.#sources.set(this.#key, source);
    return source.subscribe(listener, () => this.#sources.delete(this.#key));
  };

  readonly getSnapshot = (): Snapshot => this.source.snapshot;

  readonly getServerSnapshot = (): Snapshot => this.#own.initial;

  /** For other stores: what works at the moment. */
  get source(): Shared {
    // Keys begin with the kind of the source.
    return (this.#sources.get(this.#key) as Shared | undefined) ?? this.#own;
  }
}
