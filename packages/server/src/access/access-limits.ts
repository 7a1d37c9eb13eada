// How much of a node one client, one user and one address may use.
import type { ACCESS_LIMIT_OPTIONS, Values } from "@shardcast/options";

/** Limits of one client, and of all links of one user or address. Infinity for no limit. */
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
