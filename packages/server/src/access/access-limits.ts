// How much one client, one user and one address may take of a node.

/** What one client, or all links of one user, may take of a node. Infinity where there is no limit. */
export interface AccessLimits {
  readonly linksPerAddress: number;
  readonly linksPerUser: number;
  /** Of one link. */
  readonly publishesPerSecond: number;
  readonly publishBytesPerSecond: number;
  readonly userPublishesPerSecond: number;
  readonly userPublishBytesPerSecond: number;
  /** Topics that one user, and one address, may begin. */
  readonly newTopicsPerSecond: number;
  /** How far back a client may resume that has no permission `history`. */
  readonly resumeWindowMs: number;
}

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
