import { useMemo } from "react";
import type { ConnectionSnapshot } from "@shardcast/client/stores";
import { useStores } from "./provider.ts";
import { useStore } from "./use-store.ts";

/** The client's state, why it is not open, and the user of its token. */
export function useConnection(): ConnectionSnapshot {
  const stores = useStores();
  return useStore(useMemo(() => stores.connection(), [stores]));
}
