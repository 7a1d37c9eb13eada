// The leader of a group of tabs: its client has the only links to the cluster, and it accepts links from all tabs, its
// own included. It accepts them only while its client is open, so that every tab sees the true state.
import type { Client } from "../client.ts";
import { onceFree } from "./locks.ts";
import { TabLink } from "./tab-link.ts";
import { linkChannel, type GroupMessage, type LinkMessage } from "./tab-messages.ts";

interface AcceptedLink {
  readonly link: TabLink;
  readonly stop: () => void;
}

export class TabHost {
  readonly #group: string;
  readonly #lock: string;
  readonly #client: Client;
  readonly #channel: BroadcastChannel;
  readonly #links = new Map<string, AcceptedLink>();
  #isClosed = false;

  /** @param lock is free when this tab no longer leads */
  constructor(group: string, lock: string, client: Client) {
    this.#group = group;
    this.#lock = lock;
    this.#client = client;
    this.#channel = new BroadcastChannel(group);
    this.#channel.onmessage = ({ data }: MessageEvent<GroupMessage>) => {
      if (data.type === "dial" && client.state.name === "open") this.#accept(data.link, data.tab);
    };
    client.on("state", ({ name, reason }) => {
      if (name === "open") this.#announce();
      else
        for (const { link } of [...this.#links.values()])
          link.end(name === "closed" ? reason : undefined);
    });
    if (client.state.name === "open") this.#announce();
  }

  close(): void {
    this.#isClosed = true;
    for (const { link } of [...this.#links.values()]) link.end();
    this.#channel.close();
    this.#client.close();
  }

  #announce(): void {
    if (!this.#isClosed) this.#channel.postMessage({ type: "leader" } satisfies GroupMessage);
  }

  #accept(id: string, tab: string): void {
    if (this.#links.has(id)) return;
    const channel = linkChannel(this.#group, id);
    const post = (message: LinkMessage): void => channel.postMessage(message);
    post({ type: "open", lock: this.#lock });
    const link = new TabLink(
      this.#client,
      (bytes) => post({ type: "frames", bytes }),
      (code, reason) => {
        post({ type: "close", code, reason });
        this.#links.get(id)?.stop();
        this.#links.delete(id);
        channel.close();
      },
    );
    channel.onmessage = ({ data }: MessageEvent<LinkMessage>) => {
      if (data.type === "frames") link.received(data.bytes);
      else if (data.type === "close") link.end();
    };
    this.#links.set(id, { link, stop: onceFree(tab, () => link.end()) });
  }
}
