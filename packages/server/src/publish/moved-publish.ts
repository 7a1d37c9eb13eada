// A publish whose topic got another owner before its answer. It is sent there, and its old place is
// left empty.
import type { PublishOrigin } from "./publish-target.ts";

export interface MovedPublish {
  readonly origin: PublishOrigin;
  /** The frame that the origin sent. */
  readonly frame: Buffer;
}

/**
 * The reason for refusing a publish that cannot be moved: without an id, it might be stored twice.
 */
export const MOVED_REASON = "the topic has got another owner before the ack";

/** Replaces the origin of a publish that was moved. */
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
