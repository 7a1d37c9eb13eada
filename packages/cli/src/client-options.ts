// Options of `publish` and `subscribe` for connecting to the cluster.
import { join } from "node:path";
import { connect, type Client } from "@shardcast/client";
import { ShardcastError } from "@shardcast/protocol";
import { optionInvalid, text } from "@shardcast/server";
import { isInCheckout } from "./checkout.ts";
import { readKey } from "./key-file.ts";

const CONNECT_TIMEOUT_MS = 5000;

export const CLIENT_OPTIONS = {
  url: {
    type: "string",
    default: "http://127.0.0.1:9100",
    requiresArg: true,
    describe: "Any node of the cluster",
  },
  psk: { type: "string", requiresArg: true, describe: "The pre-shared key (or PSK)" },
  token: {
    type: "string",
    requiresArg: true,
    describe: "A token in place of the key (or SHARDCAST_TOKEN)",
  },
  "psk-file": {
    type: "string",
    requiresArg: true,
    defaultDescription: join("data", "psk"),
    describe: "File with the pre-shared key",
  },
} as const;

/** @throws SHARDCAST_KEY_MISSING, and all errors of `connect` */
export async function connectClient(raw: Readonly<Record<string, unknown>>): Promise<Client> {
  const url = text(raw, "url");
  try {
    return await connect({ url, ...accessOf(raw), connectTimeoutMs: CONNECT_TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof ShardcastError) || error.code !== "SHARDCAST_TIMEOUT") throw error;
    const command = isInCheckout() ? "npm start" : "shardcast up";
    const detail = `${error.message}; to start a cluster, run: ${command}`;
    throw new ShardcastError(error.code, detail, { cause: error });
  }
}

/** An option overrides the environment, whether it is the token or the key. */
function accessOf(raw: Readonly<Record<string, unknown>>): { token: string } | { psk: string } {
  if (raw["token"] !== undefined) return { token: text(raw, "token") };
  const { SHARDCAST_TOKEN: token = "" } = process.env;
  const isKeyGiven = raw["psk"] !== undefined || raw["psk-file"] !== undefined;
  return token === "" || isKeyGiven ? { psk: keyOf(raw) } : { token };
}

function keyOf(raw: Readonly<Record<string, unknown>>): string {
  if (raw["psk"] !== undefined) return text(raw, "psk");
  if (raw["psk-file"] !== undefined) return readKey(text(raw, "psk-file"));
  const { PSK } = process.env;
  return PSK === undefined || PSK === "" ? readKey(join("data", "psk")) : PSK;
}

/** Returns the values of a positional argument that may occur several times. */
export function texts(raw: Readonly<Record<string, unknown>>, name: string): string[] {
  const values = raw[name];
  if (!Array.isArray(values)) return [];
  return values.map((value) => {
    if (typeof value !== "string") throw optionInvalid(`${name} must be text`);
    return value;
  });
}
