import { useEffect, useMemo } from "react";
import type { EnterOptions } from "@shardcast/client";
import type { PresenceSnapshot, PresenceStoreOptions } from "@shardcast/client/stores";
import { useStores } from "./provider.ts";
import { useStore } from "./use-store.ts";

export interface UsePresenceOptions extends PresenceStoreOptions {
  /**
   * Makes this application a member while the component is mounted: true, or with its `user` (by default the user of
   * the client's token) and `info`. Several components share one member.
   * @default false
   */
  readonly enter?: boolean | EnterOptions | undefined;
}

export type PresenceResult = PresenceSnapshot;

/** The members of a topic. */
export function usePresence(topic: string, options: UsePresenceOptions = {}): PresenceResult {
  const stores = useStores();
  const { watch, enter = false } = options;
  const store = useMemo(() => stores.presence(topic, { watch }), [stores, topic, watch]);
  const isMember = enter !== false;
  const { user, info } = typeof enter === "object" ? enter : {};
  useEffect(
    () => (isMember ? store.enter({ user, info }) : undefined),
    [store, isMember, user, info],
  );
  return useStore(store);
}
