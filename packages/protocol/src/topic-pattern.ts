// Topic patterns, as used in permissions, options and push subscriptions. docs/protocol.md#topic-patterns
import { TOPIC_MAX_BYTES } from "./limits.ts";
import { isPlainText } from "./text.ts";

/** Whether a pattern breaks the rules: 1–255 characters, no control characters. */
export function topicPatternFault(pattern: string): boolean {
  return pattern.length === 0 || pattern.length > TOPIC_MAX_BYTES || !isPlainText(pattern);
}

/**
 * In a pattern `*` matches any number of characters, including none; every other character matches itself. Only
 * a pattern that begins with `$` matches the system's topics, which begin with `$`.
 */
export class TopicPattern {
  readonly text: string;
  readonly #first: string;
  readonly #middle: readonly string[];
  /** The part after the last `*`; undefined if the pattern has no `*`. */
  readonly #last: string | undefined;

  constructor(text: string) {
    const [first = "", ...more] = text.split("*");
    this.text = text;
    this.#first = first;
    this.#last = more.pop();
    this.#middle = more;
  }

  matches(topic: string): boolean {
    const first = this.#first;
    const last = this.#last;
    if (last === undefined) return topic === first;
    if (first === "" && topic.startsWith("$")) return false;
    if (topic.length < first.length + last.length) return false;
    if (!topic.startsWith(first) || !topic.endsWith(last)) return false;
    // Match each middle part at its first occurrence, which leaves the most room for the parts after it.
    let at = first.length;
    const end = topic.length - last.length;
    for (const part of this.#middle) {
      const found = topic.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  }
}
