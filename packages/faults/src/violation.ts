// How a broken promise is told.
import type { SeenRecord } from "./history.ts";

/** What can be broken. */
export type Rule =
  /** A message that was acked is not there. */
  | "acked-missing"
  /** A message is there at another place than its ack said. */
  | "acked-elsewhere"
  /** A message is there twice. */
  | "stored-twice"
  /** A message that was acked is behind a later one of its publisher that was acked too. */
  | "publisher-order"
  /** Two subscribers have different messages at one offset. */
  | "views-differ"
  /** A subscriber got an offset that does not follow the one before. */
  | "offset-hole"
  /** A subscriber was told of a gap where nothing had been trimmed. */
  | "gap"
  /** A topic's log began anew. */
  | "epoch-changed"
  /** A subscriber does not have the topic's last messages. */
  | "view-short"
  /** A subscription ended by an error. */
  | "subscription-ended"
  /** A gap says that messages are damaged, and none is; or does not say so, and they are. */
  | "gap-code"
  /** A message that nobody published. */
  | "never-published";

export interface Violation {
  readonly rule: Rule;
  readonly topic: string;
  readonly detail: string;
}

export type Report = (rule: Rule, detail: string) => void;

/** What a message is called. */
export function nameOf({
  publisher,
  sequence,
}: Pick<SeenRecord, "publisher" | "sequence">): string {
  return `${publisher} #${sequence}`;
}
