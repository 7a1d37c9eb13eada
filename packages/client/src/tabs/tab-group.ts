// A group of tabs of one origin that share the links of one of them, the leader. Each tab has a whole client of its own,
// whose link leads to the leader instead of a node. When the leader ends, the browser frees its lock, and the next tab
// leads: for the clients that is a lost link, so nothing is lost and nothing comes twice.
import type { Client } from "../client.ts";
import type { Runtime } from "../runtime.ts";
import { randomId } from "../random-id.ts";
import { holdLock } from "./locks.ts";
import { TabHost } from "./tab-host.ts";
import { TabSocket, type TabSocketContext } from "./tab-socket.ts";

/**
 * For the client's option `share`. Needs Web Locks, thus a page with TLS or on localhost.
 * @param name tabs with the same name share links. Use one for each user.
 */
export function tabGroup(name = "shardcast"): TabGroup {
  return new TabGroup(name);
}

export class TabGroup {
  readonly #name: string;

  /** Use `tabGroup`. */
  constructor(name: string) {
    this.#name = `shardcast-tabs-${name}`;
  }

  /**
   * Called by the client that was created with this group.
   * @param lead creates a client with links to the cluster
   * @returns the runtime for a client whose links lead to the leader
   */
  join(runtime: Runtime, lead: () => Client): { readonly runtime: Runtime; leave(): void } {
    const id = randomId();
    const tab = `${this.#name}-tab-${id}`;
    const controller = new AbortController();
    const channel = new BroadcastChannel(this.#name);
    const context = { group: this.#name, channel, tab };
    let host: TabHost | undefined;
    const ignore = (): void => undefined;
    const releases: (() => void)[] = [];
    const hold = async (name: string): Promise<void> => {
      const { release } = await holdLock(name, controller.signal);
      if (controller.signal.aborted) release();
      else releases.push(release);
    };
    void hold(tab).catch(ignore);
    hold(`${this.#name}-leader`)
      .then(async () => {
        const lock = `${this.#name}-leader-${id}`;
        await hold(lock);
        if (!controller.signal.aborted) host = new TabHost(this.#name, lock, lead());
      })
      .catch(ignore);
    return {
      runtime: { ...runtime, WebSocket: socketClassOf(context), receivedBytes: () => 0 },
      leave: () => {
        controller.abort();
        host?.close();
        for (const release of releases) release();
        channel.close();
      },
    };
  }
}

/** The SDK uses only what `TabSocket` has of the DOM's interface. */
function socketClassOf(context: TabSocketContext): Runtime["WebSocket"] {
  class GroupSocket extends TabSocket {
    constructor() {
      super(context);
    }
  }
  return GroupSocket as unknown as Runtime["WebSocket"];
}
