// Creates the route for a client's options.
import { loadDirectRoute } from "#lazy";
import type { ConnectionContext } from "./connection.ts";
import type { Settings } from "./options.ts";
import type { ClusterRoute } from "./cluster-route.ts";
import { FixedRoute } from "./fixed-route.ts";
import { LazyRoute } from "./lazy-route.ts";

export function createRoute(settings: Settings, context: ConnectionContext): ClusterRoute {
  const { target } = settings;
  switch (target.type) {
    case "direct":
      return new LazyRoute(
        { url: target.url, find: findDirectRoute(target.url, context) },
        context,
      );
    case "single":
      return FixedRoute.toOne(target.url, context);
    case "lists":
      return FixedRoute.toLists(target.producers, target.consumers, context);
  }
}

function findDirectRoute(
  url: string,
  context: ConnectionContext,
): (signal: AbortSignal) => Promise<ClusterRoute> {
  return async (signal) => {
    const { fetchDirectRoute } = await loadDirectRoute();
    return fetchDirectRoute(url, context, signal);
  };
}
