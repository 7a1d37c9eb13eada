// Reports of broken promises.
import type { SeenRecord } from "./history.ts";

/** The promises that can be broken. */
export type Rule =
  /** An acked message is missing. */
  | "acked-missing"
  /** A message is at a different position than its ack said. */
  | "acked-elsewhere"
  /** A message is stored twice. */
  | "stored-twice"
  /** An acked message is stored after a later acked message of its publisher. */
  | "publisher-order"
  /** Two subscribers have different messages at one offset. */
  | "views-differ"
  /** A subscriber received an offset that does not follow the one before. */
  | "offset-hole"
  /** A subscriber received a gap although nothing had been trimmed. */
  | "gap"
  /** A topic's log started a new epoch. */
  | "epoch-changed"
  /** A subscriber lacks the topic's last messages. */
  | "view-short"
  /** A subscription ended with an error. */
  | "subscription-ended"
  /** A gap reports damage although no message is damaged, or does not report it although one is. */
  | "gap-code"
  /** A message that no client published. */
  | "never-published";

export interface Violation {
  readonly rule: Rule;
  readonly topic: string;
  readonly detail: string;
}

export type Report = (rule: Rule, detail: string) => void;

/** The name of a message in reports. */
export function nameOf({
  publisher,
  sequence,
}: Pick<SeenRecord, "publisher" | "sequence">): string {
  return `${publisher} #${sequence}`;
}
