import { useSyncExternalStore } from "react";
import type { Store } from "@shardcast/client/stores";

/** The store's value. Renders again when it changes. */
export function useStore<Snapshot>(store: Store<Snapshot>): Snapshot {
  return useSyncExternalStore(store.subscribe, store.getSnapshot, store.getServerSnapshot);
}
