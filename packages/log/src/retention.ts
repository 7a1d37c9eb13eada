// How much of each topic is kept: rules for topic patterns, of which the first match applies.
import { ShardcastError, TopicPattern, topicPatternFault } from "@shardcast/protocol";

/** The limits of a topic. Messages beyond any of them are dropped, oldest first. */
export interface Retention {
  /** Number of messages. */
  readonly count: number;
  /**
   * Bytes of messages, including 20 bytes of head each. The newest message is kept whatever its
   * size.
   */
  readonly bytes: number;
  /** Maximum age of a message, in ms. */
  readonly ageMs: number;
}

/** A limit that the rule omits has the default value. */
export interface RetentionRule extends Partial<Retention> {
  readonly topics: string;
}

const FIELDS = ["count", "bytes", "ageMs"] as const;

export class RetentionRules {
  readonly #rules: readonly { readonly pattern: TopicPattern; readonly retention: Retention }[];
  readonly #defaults: Retention;

  constructor(defaults: Retention, rules: readonly RetentionRule[] = []) {
    this.#defaults = defaults;
    this.#rules = rules.map(({ topics, ...rule }) => ({
      pattern: new TopicPattern(topics),
      retention: { ...defaults, ...rule },
    }));
  }

  /** Returns the same object for all topics of one rule. */
  of(topic: string): Retention {
    const found = this.#rules.find(({ pattern }) => pattern.matches(topic));
    return found === undefined ? this.#defaults : found.retention;
  }
}

/**
 * Parses rules from a configuration: `[{"topics": "chat/*", "count": 1000, "ageMs": 60000}]`.
 * @throws SHARDCAST_OPTION_INVALID
 */
export function parseRetentionRules(value: unknown): RetentionRule[] {
  if (!Array.isArray(value)) throw invalid("is a list of rules");
  return value.map((rule: unknown, index) => parseRule(rule, index + 1));
}

function parseRule(value: unknown, number: number): RetentionRule {
  if (typeof value !== "object" || value === null) throw invalid(`rule ${number} is no object`);
  const { topics, ...limits } = value as Readonly<Record<string, unknown>>;
  if (typeof topics !== "string" || topicPatternFault(topics)) {
    throw invalid(`rule ${number} needs "topics", a pattern like chat/*`);
  }
  const rule: Record<string, number> = {};
  for (const [name, limit] of Object.entries(limits)) {
    if (!FIELDS.some((field) => field === name)) {
      throw invalid(`rule ${number} has "${name}"; there are ${FIELDS.join(", ")}`);
    }
    if (typeof limit !== "number" || !Number.isSafeInteger(limit) || limit < 1) {
      throw invalid(`rule ${number}: "${name}" is a whole number above 0`);
    }
    rule[name] = limit;
  }
  return { topics, ...rule };
}

function invalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_OPTION_INVALID", `--retention ${detail}`);
}
