// What a client may do, and with which topics. docs/protocol.md#permissions
import { ShardcastError } from "./errors.ts";
import { TopicPattern, topicPatternFault } from "./topic-pattern.ts";

export const ACTIONS = ["publish", "subscribe", "history", "presence", "monitor", "admin"] as const;

export type Action = (typeof ACTIONS)[number];

/** The grant that allows an action. */
export interface AllowingGrant {
  /** The grant's index in the list. */
  readonly index: number;
  /** The grant's pattern that matches the topic. */
  readonly pattern: string;
}

/** The pattern that matches every topic of the application. */
const EVERY_TOPIC = "*";

/** Allows some actions on some topics. The claim `caps` of a token is a list of grants. */
export interface Grant {
  /** Topic patterns. */
  readonly topics: readonly string[];
  readonly allow: readonly Action[];
}

/** Maximum number of patterns in all grants of a client. */
const PATTERNS_MAX_COUNT = 256;

/** The union of several grants. An action that no grant allows is forbidden. */
export class Permissions {
  readonly grants: readonly Grant[];
  readonly #patterns: Readonly<Record<Action, readonly TopicPattern[]>>;

  constructor(grants: readonly Grant[]) {
    this.grants = grants;
    const patternsOf = (action: Action): TopicPattern[] =>
      this.patternsOf(action).map((pattern) => new TopicPattern(pattern));
    this.#patterns = {
      publish: patternsOf("publish"),
      subscribe: patternsOf("subscribe"),
      history: patternsOf("history"),
      presence: patternsOf("presence"),
      monitor: patternsOf("monitor"),
      admin: patternsOf("admin"),
    };
  }

  allows(action: Action, topic: string): boolean {
    return this.#patterns[action].some((pattern) => pattern.matches(topic));
  }

  /** Whether an action is allowed for every topic, by the pattern `*`. */
  allowsAll(action: Action): boolean {
    return this.patternsOf(action).includes(EVERY_TOPIC);
  }

  /** Returns the first grant that allows an action on a topic, or undefined. */
  grantFor(action: Action, topic: string): AllowingGrant | undefined {
    for (const [index, { topics, allow }] of this.grants.entries()) {
      if (!allow.includes(action)) continue;
      const pattern = topics.find((text) => new TopicPattern(text).matches(topic));
      if (pattern !== undefined) return { index, pattern };
    }
    return undefined;
  }

  /** Returns the topic patterns on which an action is allowed. */
  patternsOf(action: Action): string[] {
    return this.grants
      .filter(({ allow }) => allow.includes(action))
      .flatMap(({ topics }) => topics);
  }

  /** Whether an action is allowed for any topic at all. */
  allowsAny(action: Action): boolean {
    return this.#patterns[action].length > 0;
  }
}

/**
 * Parses the claim `caps`: `[{"topics": ["chat/*"], "allow": ["publish", "subscribe"]}]`.
 * @throws SHARDCAST_TOKEN_INVALID
 */
export function parseGrants(value: unknown): Grant[] {
  if (!Array.isArray(value)) throw invalid("caps must be a list");
  const grants = value.map((item: unknown) => parseGrant(item));
  const count = grants.reduce((sum, { topics }) => sum + topics.length, 0);
  if (count > PATTERNS_MAX_COUNT)
    throw invalid(`caps has more than ${PATTERNS_MAX_COUNT} patterns`);
  return grants;
}

/**
 * Parses grants in text form: `publish,subscribe:chat/*`, several of them separated by blanks.
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
  if (typeof item !== "object" || item === null)
    throw invalid("each entry of caps must be an object");
  const { topics, allow } = item as { readonly topics?: unknown; readonly allow?: unknown };
  const isPattern = (topic: unknown): topic is string =>
    typeof topic === "string" && !topicPatternFault(topic);
  if (!Array.isArray(topics) || !topics.every(isPattern)) {
    throw invalid("topics in caps must be a list of topic patterns");
  }
  if (!Array.isArray(allow) || !allow.every(isAction)) {
    throw invalid(`allow in caps must be a list of ${ACTIONS.join(", ")}`);
  }
  return { topics, allow };
}

function isAction(value: unknown): value is Action {
  return (ACTIONS as readonly unknown[]).includes(value);
}

function invalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_TOKEN_INVALID", detail);
}
