// Options of commands that connect to the cluster as a client.
import { connect, type Client } from "@shardcast/client";
import { KEY_OPTIONS, USUAL_KEY_FILE, text, type Values } from "@shardcast/options";
import { ShardcastError } from "@shardcast/protocol";
import { isInCheckout } from "./checkout.ts";
import { readKey } from "./key-file.ts";

const CONNECT_TIMEOUT_MS = 5000;
export const CONNECTION = { group: "Connection" } as const;

export const CLIENT_OPTIONS = {
  url: text("url", {
    ...CONNECTION,
    variable: "SHARDCAST_URL",
    default: "http://127.0.0.1:9100",
    help: "Any node of the cluster",
  }),
  token: text("token", {
    ...CONNECTION,
    variable: "SHARDCAST_TOKEN",
    replacedBy: ["psk", "psk-file"],
    help: "A token in place of the key",
  }),
  psk: { ...KEY_OPTIONS.psk, ...CONNECTION },
  pskFile: { ...KEY_OPTIONS.pskFile, ...CONNECTION },
};

type ClientValues = Values<typeof CLIENT_OPTIONS>;

/** @throws SHARDCAST_KEY_MISSING, and all errors of `connect` */
export async function connectClient(values: ClientValues): Promise<Client> {
  try {
    return await connect({
      url: values.url,
      ...accessOf(values),
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    });
  } catch (error) {
    if (!(error instanceof ShardcastError) || error.code !== "SHARDCAST_TIMEOUT") throw error;
    const command = isInCheckout() ? "npm start" : "shardcast up";
    const detail = `${error.message}; to start a cluster, run: ${command}`;
    throw new ShardcastError(error.code, detail, { cause: error });
  }
}

function accessOf({ token, psk, pskFile }: ClientValues): { token: string } | { psk: string } {
  return token === undefined ? { psk: psk ?? readKey(pskFile ?? USUAL_KEY_FILE) } : { token };
}
