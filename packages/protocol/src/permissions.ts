// What a client may do, and with which topics. docs/protocol.md#permissions
import { ShardcastError } from "./errors.ts";
import { TopicPattern, topicPatternFault } from "./topic-pattern.ts";

/** What a permission can be for. */
export const ACTIONS = ["publish", "subscribe", "history", "presence"] as const;

export type Action = (typeof ACTIONS)[number];

/** Some actions on some topics, as the claim `caps` of a token lists them. */
export interface Grant {
  /** Patterns. */
  readonly topics: readonly string[];
  readonly allow: readonly Action[];
}

/** Patterns that one client's grants may have in all. */
const PATTERNS_MAX_COUNT = 256;

/** The union of some grants: what none of them names is not allowed. */
export class Permissions {
  readonly grants: readonly Grant[];
  readonly #patterns: Readonly<Record<Action, readonly TopicPattern[]>>;

  constructor(grants: readonly Grant[]) {
    this.grants = grants;
    const patternsOf = (action: Action): TopicPattern[] =>
      grants
        .filter(({ allow }) => allow.includes(action))
        .flatMap(({ topics }) => topics.map((topic) => new TopicPattern(topic)));
    this.#patterns = {
      publish: patternsOf("publish"),
      subscribe: patternsOf("subscribe"),
      history: patternsOf("history"),
      presence: patternsOf("presence"),
    };
  }

  allows(action: Action, topic: string): boolean {
    return this.#patterns[action].some((pattern) => pattern.matches(topic));
  }

  /** Whether there is any topic at all that it is allowed with. */
  allowsAny(action: Action): boolean {
    return this.#patterns[action].length > 0;
  }
}

/**
 * Reads the claim `caps`: `[{"topics": ["chat/*"], "allow": ["publish", "subscribe"]}]`.
 * @throws SHARDCAST_TOKEN_INVALID
 */
export function parseGrants(value: unknown): Grant[] {
  if (!Array.isArray(value)) throw invalid("caps is a list");
  const grants = value.map((item: unknown) => parseGrant(item));
  const count = grants.reduce((sum, { topics }) => sum + topics.length, 0);
  if (count > PATTERNS_MAX_COUNT) throw invalid(`caps has over ${PATTERNS_MAX_COUNT} patterns`);
  return grants;
}

/**
 * Reads grants as people write them: `publish,subscribe:chat/*`, several of them set apart by blanks.
 * @throws SHARDCAST_OPTION_INVALID
 */
export function parseGrantText(text: string): Grant[] {
  return text
    .split(" ")
    .filter((part) => part !== "")
    .map((part) => {
      const at = part.indexOf(":");
      const allow = part.slice(0, Math.max(at, 0)).split(",");
      const topic = part.slice(at + 1);
      if (at < 0 || !allow.every(isAction) || topicPatternFault(topic)) {
        throw new ShardcastError(
          "SHARDCAST_OPTION_INVALID",
          `${part} is not <${ACTIONS.join("|")}>,…:<topic pattern>`,
        );
      }
      return { topics: [topic], allow };
    });
}

function parseGrant(item: unknown): Grant {
  if (typeof item !== "object" || item === null) throw invalid("caps has objects");
  const { topics, allow } = item as { readonly topics?: unknown; readonly allow?: unknown };
  const isPattern = (topic: unknown): topic is string =>
    typeof topic === "string" && !topicPatternFault(topic);
  if (!Array.isArray(topics) || !topics.every(isPattern)) {
    throw invalid("topics of caps is a list of topic patterns");
  }
  if (!Array.isArray(allow) || !allow.every(isAction)) {
    throw invalid(`allow of caps is a list of ${ACTIONS.join(", ")}`);
  }
  return { topics, allow };
}

function isAction(value: unknown): value is Action {
  return (ACTIONS as readonly unknown[]).includes(value);
}

function invalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_TOKEN_INVALID", detail);
}
