// The client, as far as stores use it.
import type { Client } from "../client.ts";

export type StoresClient = Pick<
  Client,
  "closed" | "history" | "on" | "presence" | "publish" | "state" | "subscribe" | "user"
>;

/** Returns the client, or undefined on a server, which has no client. */
export type ClientSource = () => StoresClient | undefined;
