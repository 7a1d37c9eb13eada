// The client of a tree of components.
import {
  createContext,
  createElement,
  useContext,
  useEffect,
  useMemo,
  type ReactElement,
  type ReactNode,
} from "react";
import type { Client } from "@shardcast/client";
import { createStores, type Stores, type StoresOutbox } from "@shardcast/client/stores";

export interface ShardcastProviderProps {
  /**
   * A client, which the application closes. Or a function that creates one: the provider calls it in the browser only,
   * and closes the client when the provider is unmounted. Pass the same function in each render. Undefined: the hooks
   * return what they return on a server.
   */
  readonly client: Client | (() => Client) | undefined;
  /**
   * Keeps what `usePublish` publishes through offline phases and, with `indexedDB()` of `@shardcast/client/outbox`, through
   * reloads. Create it outside of the component. The provider attaches it to the client.
   * @default none: a publish fails after the client's timeout, and a reload loses it
   */
  readonly outbox?: StoresOutbox | undefined;
  readonly children?: ReactNode;
}

const StoresContext = createContext<Stores | undefined>(undefined);

/** Gives the hooks in `children` their client. */
export function ShardcastProvider({
  client,
  outbox,
  children,
}: ShardcastProviderProps): ReactElement {
  const stores = useMemo(() => createStores(client, { outbox }), [client, outbox]);
  useEffect(() => stores.open(), [stores]);
  return createElement(StoresContext.Provider, { value: stores }, children);
}

/** The stores that the hooks read. Code outside of components may use them too. */
export function useStores(): Stores {
  const stores = useContext(StoresContext);
  if (stores === undefined) throw new Error("this hook needs a <ShardcastProvider> above it");
  return stores;
}
