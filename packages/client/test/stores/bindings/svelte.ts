import { readable, type Readable } from "svelte/store";
import type { Store } from "@shardcast/client/stores";

export function fromStore<Snapshot>(store: Store<Snapshot>): Readable<Snapshot> {
  return readable(store.getSnapshot(), (set) => {
    const stop = store.subscribe(() => set(store.getSnapshot()));
    set(store.getSnapshot());
    return stop;
  });
}
