// The endpoint and topic that an upgrade's path names.
import type { Endpoint } from "@shardcast/protocol";
import type { LinkHandler, LinkTarget } from "./link-handler.ts";

export interface Route {
  readonly endpoint: Endpoint;
  readonly handler: LinkHandler;
  readonly target: LinkTarget;
}
