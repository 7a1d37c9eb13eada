// Callers of a node: with the key, with tokens that have various permissions, or without
// credentials.
import { ACTIONS, type Action, type Grant } from "@shardcast/protocol";
import { TOKEN_SECRET, tokenOf } from "./tokens.ts";

/** Options that the nodes need to accept these callers. */
export const CALLER_ARGS = { "token-secret": TOKEN_SECRET, anonymous: "subscribe:demo/*" } as const;

export interface Caller {
  readonly name: string;
  /** Undefined to use the key; empty for no credentials. */
  readonly token: string | undefined;
  /** Its permissions on the topic in question. */
  readonly permissions: readonly Action[];
  /** Its permissions on every topic. */
  readonly everywhere: readonly Action[];
  /** Whether it may publish to any topic. */
  readonly isPublisher: boolean;
}

const NO_PERMISSIONS = { permissions: [], everywhere: [], isPublisher: false } as const;

/**
 * Callers with the key, each single permission, all but one permission, no permission, all
 * permissions on other topics, and no credentials.
 */
export async function allCallers(topic: string): Promise<Caller[]> {
  const withToken = async (
    name: string,
    permissions: readonly Action[],
    caps: readonly Grant[] | undefined = [{ topics: [topic], allow: permissions }],
  ): Promise<Caller> => ({
    name,
    permissions,
    everywhere: caps.flatMap(({ topics, allow }) => (topics.includes("*") ? allow : [])),
    token: await tokenOf({ caps }),
    isPublisher: caps.some(({ allow }) => allow.includes("publish")),
  });
  return [
    { name: "the key", token: undefined, permissions: ACTIONS, everywhere: [], isPublisher: true },
    { name: "nobody", token: "", ...NO_PERMISSIONS },
    await withToken("all permissions", ACTIONS),
    { name: "a token without caps", token: await tokenOf(), ...NO_PERMISSIONS },
    ...(await Promise.all(
      (["monitor", "admin"] as const).map((action) =>
        withToken(`${action} everywhere`, [action], [{ topics: ["*"], allow: [action] }]),
      ),
    )),
    await withToken("no permission", []),
    await withToken(
      "all for other topics",
      [],
      [{ topics: [`${topic}/*`, "other", `$presence/${topic}`, "$*"], allow: ACTIONS }],
    ),
    ...(await Promise.all(ACTIONS.map((action) => withToken(`${action} alone`, [action])))),
    ...(await Promise.all(
      ACTIONS.map((action) =>
        withToken(
          `all but ${action}`,
          ACTIONS.filter((other) => other !== action),
        ),
      ),
    )),
  ];
}
