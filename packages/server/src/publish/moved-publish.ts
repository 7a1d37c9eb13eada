// A publish whose topic has got another owner before its answer: it goes there, and its place is left empty.
import type { PublishOrigin } from "./publish-target.ts";

export interface MovedPublish {
  readonly origin: PublishOrigin;
  /** A frame as the origin brought it. */
  readonly frame: Buffer;
}

/** What is told of one that cannot be moved: without an id, it might be stored twice. */
export const MOVED_REASON = "the topic has got another owner before the ack";

/** Replaces the origin of a publish that has moved. */
export const NOBODY: PublishOrigin = {
  inFlightCount: 0,
  isOpen: false,
  isNode: false,
  access: undefined,
  ack: () => undefined,
  passAck: () => undefined,
  refusedTopics: undefined,
  source: undefined,
  refuse: () => false,
};
