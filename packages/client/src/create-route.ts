// The route that a client's options ask for.
import type { ConnectionContext } from "./connection.ts";
import type { Settings } from "./options.ts";
import type { Route } from "./route.ts";
import { DirectRoute } from "./route-direct.ts";
import { FixedRoute } from "./route-fixed.ts";

export function createRoute(settings: Settings, context: ConnectionContext): Route {
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
