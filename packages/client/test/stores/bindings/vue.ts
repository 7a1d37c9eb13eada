import { onScopeDispose, shallowRef, type ShallowRef } from "vue";
import type { Store } from "@shardcast/client/stores";

export function useStore<Snapshot>(store: Store<Snapshot>): Readonly<ShallowRef<Snapshot>> {
  const snapshot = shallowRef(store.getSnapshot());
  const update = (): void => void (snapshot.value = store.getSnapshot());
  onScopeDispose(store.subscribe(update));
  update();
  return snapshot;
}
