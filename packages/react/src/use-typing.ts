import { useMemo } from "react";
import type { TypingSnapshot, TypingStore, TypingStoreOptions } from "@shardcast/client/stores";
import { useStores } from "./provider.ts";
import { useStore } from "./use-store.ts";

export type UseTypingOptions = TypingStoreOptions;
export type TypingResult = TypingSnapshot & Pick<TypingStore, "setTyping">;

/** Lists the users who are typing in a topic, and reports that this application's user is typing. */
export function useTyping(topic: string, options: UseTypingOptions = {}): TypingResult {
  const stores = useStores();
  const { user, timeoutMs } = options;
  const store = useMemo(
    () => stores.typing(topic, { user, timeoutMs }),
    [stores, topic, user, timeoutMs],
  );
  const { typing } = useStore(store);
  const { setTyping } = store;
  return useMemo(() => ({ typing, setTyping }), [typing, setTyping]);
}
