// Whether a client can reach the cluster, computed from its links.
import type { ShardcastError } from "@shardcast/protocol";
import type { Emitter } from "./emitter.ts";

/**
 * `connecting`: links are being opened. `open`: every link that the client needs is open. `offline`: an attempt to open
 * a link has failed since, or the platform reports that there is no network; the client keeps trying. `closed`: final.
 */
export type ClientStateName = "connecting" | "open" | "offline" | "closed";

export interface ClientState {
  readonly name: ClientStateName;
  /** Why the client is not open: the last error of a link, or the error that ended the client. */
  readonly reason: ShardcastError | undefined;
}

export interface ClientStateSource {
  /** Whether the client could be used once, and has all the links that it needs. */
  readonly isOpen: () => boolean;
  readonly isOffline: () => boolean;
}

export class ClientStates {
  readonly #source: ClientStateSource;
  readonly #emitter: Emitter<{ readonly state: ClientState }>;
  #current: ClientState = { name: "connecting", reason: undefined };
  #emitted = this.#current;
  /** The last error of a link since all links were open. */
  #fault: ShardcastError | undefined;
  /** Whether an attempt to open a link has failed since all links were open. */
  #hasFailed = false;
  #isClosed = false;
  #isUpdating = false;

  constructor(source: ClientStateSource, emitter: Emitter<{ readonly state: ClientState }>) {
    this.#source = source;
    this.#emitter = emitter;
  }

  get current(): ClientState {
    this.#refresh();
    return this.#current;
  }

  failed(error: ShardcastError | undefined): void {
    this.#hasFailed = true;
    this.lost(error);
  }

  lost(error: ShardcastError | undefined): void {
    this.#fault = error ?? this.#fault;
    this.update();
  }

  closed(reason: ShardcastError | undefined): void {
    this.#isClosed = true;
    this.#fault = reason;
    this.update();
  }

  /** Emits the state at the end of the turn, if it has changed. A link that replaces another changes nothing. */
  update(): void {
    if (this.#isUpdating) return;
    this.#isUpdating = true;
    queueMicrotask(() => {
      this.#isUpdating = false;
      const { current } = this;
      // Reading the state meanwhile has refreshed it, without an event.
      if (current === this.#emitted) return;
      this.#emitted = current;
      this.#emitter.emit("state", current);
    });
  }

  #refresh(): void {
    const name = this.#name();
    if (name === "open") {
      this.#hasFailed = false;
      this.#fault = undefined;
    }
    if (name === this.#current.name && this.#fault === this.#current.reason) return;
    this.#current = { name, reason: this.#fault };
  }

  #name(): ClientStateName {
    if (this.#isClosed) return "closed";
    if (this.#source.isOpen()) return "open";
    return this.#hasFailed || this.#source.isOffline() ? "offline" : "connecting";
  }
}
