import { useMemo } from "react";
import type { PublishSnapshot, PublishStore } from "@shardcast/client/stores";
import { useStores } from "./provider.ts";
import { useStore } from "./use-store.ts";

export type PublishResult = PublishSnapshot & Pick<PublishStore, "dismiss" | "publish" | "retry">;

/** Publishes to a topic, and gives each message's state. `useTopic` shows the messages at once, as pending. */
export function usePublish(topic: string): PublishResult {
  const stores = useStores();
  const store = useMemo(() => stores.publishing(topic), [stores, topic]);
  const { messages } = useStore(store);
  const { publish, retry, dismiss } = store;
  return useMemo(
    () => ({ messages, publish, retry, dismiss }),
    [messages, publish, retry, dismiss],
  );
}
