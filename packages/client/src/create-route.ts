// Creates the route for a client's options.
import type { ConnectionContext } from "./connection.ts";
import type { Settings } from "./options.ts";
import type { ClusterRoute } from "./cluster-route.ts";
import { DirectRoute } from "./direct-route.ts";
import { FixedRoute } from "./fixed-route.ts";

export function createRoute(settings: Settings, context: ConnectionContext): ClusterRoute {
  const { target } = settings;
  switch (target.type) {
    case "direct":
      return new DirectRoute(target.url, context);
    case "single":
      return FixedRoute.toOne(target.url, context);
    case "lists":
      return FixedRoute.toLists(target.producers, target.consumers, context);
  }
}
