// Who a client without the pre-shared key is, and what it may do.
import type { Permissions } from "@shardcast/protocol";

export interface Identity {
  /** Empty for a client that is nobody. */
  readonly user: string;
  readonly permissions: Permissions;
  /** In ms since 1970; Infinity where it never ends. */
  readonly expiresAt: number;
}
