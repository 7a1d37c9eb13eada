// The client, as far as stores use it.
import type { Client } from "../client.ts";

export type StoresClient = Pick<
  Client,
  "history" | "on" | "presence" | "publish" | "state" | "subscribe" | "user"
>;

/** Gives the client; undefined where there is none, as on a server. */
export type ClientSource = () => StoresClient | undefined;
