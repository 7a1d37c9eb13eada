// Who may ask a node for something: with the key, with tokens of all sorts, or as nobody.
import { ACTIONS, type Action, type Grant } from "@shardcast/protocol";
import { TOKEN_SECRET, tokenOf } from "./tokens.ts";

/** What nodes have to be told, so that callers are who they are. */
export const CALLER_ARGS = { "token-secret": TOKEN_SECRET, anonymous: "subscribe:demo/*" } as const;

export interface Caller {
  readonly name: string;
  /** Undefined for the key, empty for nobody. */
  readonly token: string | undefined;
  /** What it may do with the topic in question. */
  readonly permissions: readonly Action[];
  /** Whether it may publish to some topic, be it that one or another. */
  readonly isPublisher: boolean;
}

/** The key, and each permission alone, and all but one, and none, and all for other topics, and nobody. */
export async function allCallers(topic: string): Promise<Caller[]> {
  const withToken = async (
    name: string,
    permissions: readonly Action[],
    caps: readonly Grant[] | undefined = [{ topics: [topic], allow: permissions }],
  ): Promise<Caller> => ({
    ...{ name, permissions, token: await tokenOf({ caps }) },
    isPublisher: caps.some(({ allow }) => allow.includes("publish")),
  });
  return [
    { name: "the key", token: undefined, permissions: ACTIONS, isPublisher: true },
    { name: "nobody", token: "", permissions: [], isPublisher: false },
    await withToken("all permissions", ACTIONS),
    { name: "a token without caps", token: await tokenOf(), permissions: [], isPublisher: false },
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
