// Shows the nodes to which the client is connected, and every change.
import type { Client } from "@shardcast/client";
import { printable } from "./printable.ts";
import type { Screen } from "./screen.ts";

export function announceLinks(client: Client, screen: Screen): void {
  const nodes = client.nodes().map(({ node, url }) => `${node} (${url})`);
  screen.status(printable(`connected to ${nodes.join(" and ")}`));
  client.on("link", ({ state, node = "a node", url, error }) => {
    if (state === "open") screen.status(printable(`connected to ${nodeAt(client, url)} (${url})`));
    // Without an error, the client moved to another node. A failed attempt is not shown, since
    // there may be many.
    else if (state === "lost" && error !== undefined) {
      screen.status(printable(`lost ${node}, reconnecting: ${error.message}`));
    }
  });
}

function nodeAt(client: Client, url: string): string {
  return client.nodes().find((node) => node.url === url)?.node ?? "a node";
}
