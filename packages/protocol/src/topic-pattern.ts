// Patterns that stand for many topics, the same wherever topics are named by pattern. docs/protocol.md#topic-patterns
import { TOPIC_MAX_BYTES } from "./limits.ts";
import { isPlainText } from "./text.ts";

/** Tells whether a pattern breaks the rules: 1–255 characters, none of them a control character. */
export function topicPatternFault(pattern: string): boolean {
  return pattern.length === 0 || pattern.length > TOPIC_MAX_BYTES || !isPlainText(pattern);
}

/**
 * `*` stands for any characters or none, all else for itself. The system's topics, which begin with `$`, fit
 * only patterns that begin with it as well.
 */
export class TopicPattern {
  readonly text: string;
  readonly #first: string;
  readonly #middle: readonly string[];
  /** Undefined where the pattern is one topic's name. */
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
    // Each part in between at the first place where it stands: what follows then has the most room.
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
