// The state of the client's connection.
import type { ClientState } from "../client-state.ts";
import type { ClientSource, StoresClient } from "./stores-client.ts";
import { Source } from "./store.ts";

export interface ConnectionSnapshot extends ClientState {
  /** The user of the client's token, once a node has accepted the token. */
  readonly user: string | undefined;
}

const INITIAL: ConnectionSnapshot = Object.freeze({
  name: "connecting",
  reason: undefined,
  user: undefined,
});

export class ConnectionSource extends Source<ConnectionSnapshot> {
  readonly #clientSource: ClientSource;
  #client: StoresClient | undefined;
  #stops: (() => void)[] = [];

  constructor(client: ClientSource) {
    super(INITIAL);
    this.#clientSource = client;
  }

  protected start(): void {
    const client = (this.#client = this.#clientSource());
    if (client === undefined) return;
    const changed = (): void => this.changed();
    this.#stops = [client.on("state", changed), client.on("link", changed)];
  }

  protected stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  protected build(): ConnectionSnapshot {
    const client = this.#client;
    if (client === undefined) return INITIAL;
    const { name, reason } = client.state;
    const { user } = client;
    const last = this.snapshot;
    if (last.name === name && last.reason === reason && last.user === user) return last;
    return Object.freeze({ name, reason, user });
  }
}
