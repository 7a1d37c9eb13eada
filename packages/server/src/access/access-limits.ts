// How much one client, one user and one address may take of a node.
import type { ACCESS_LIMIT_OPTIONS, Values } from "@shardcast/options";

/** What one client, or all links of one user, may take of a node. Infinity where there is no limit. */
export type AccessLimits = Values<typeof ACCESS_LIMIT_OPTIONS>;

export const UNLIMITED: AccessLimits = {
  linksPerAddress: Infinity,
  linksPerUser: Infinity,
  publishesPerSecond: Infinity,
  publishBytesPerSecond: Infinity,
  userPublishesPerSecond: Infinity,
  userPublishBytesPerSecond: Infinity,
  newTopicsPerSecond: Infinity,
  resumeWindowMs: Infinity,
};
