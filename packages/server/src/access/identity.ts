// The identity of a client without the pre-shared key, and its permissions.
import type { Permissions } from "@shardcast/protocol";

export interface Identity {
  /** Empty for an anonymous client. */
  readonly user: string;
  readonly permissions: Permissions;
  /** Where the permissions come from: the token's claim, or an option of the node. */
  readonly grantedBy: "caps" | "--token-allow" | "--anonymous" | "--webhook-keys";
  /** In ms since 1970; Infinity if the identity does not expire. */
  readonly expiresAt: number;
}
