import { createSignal, onCleanup, type Accessor } from "solid-js";
import type { Store } from "@shardcast/client/stores";

export function useStore<Snapshot>(store: Store<Snapshot>): Accessor<Snapshot> {
  const [snapshot, setSnapshot] = createSignal(store.getSnapshot());
  const update = (): void => void setSnapshot(() => store.getSnapshot());
  onCleanup(store.subscribe(update));
  update();
  return snapshot;
}
