// Handles presence frames: for clients by reporting to the presence owners, and for other consumers
// by the owner itself.
import type { EnterFrame, LeaveFrame } from "@shardcast/protocol";
import type { FrameSink } from "@shardcast/server";
import type { PresenceAnswer, PresenceOwner } from "./presence-owner.ts";

/**
 * A node that watches a topic sends this as `after`, with `limit` 0, when it reconnects to the
 * owner. No member has this number.
 */
export const WATCHED_ELSEWHERE = 2 ** 48 - 1;

export interface PresenceDesk {
  /**
   * Resolves when the topic's presence owner has the member. @throws ShardcastError with a code for
   * the client
   */
  enter(sink: FrameSink, frame: EnterFrame): Promise<void>;
  leave(sink: FrameSink, frame: LeaveFrame): void;
  /** Returns one page of the members. @throws ShardcastError with a code for the client */
  page(topic: string, after: number, limit: number): Promise<PresenceAnswer>;
  /** Removes members of a link from topics on which it may no longer be present. */
  retain(sink: FrameSink, isAllowed: (topic: string) => boolean): void;
  /** Marks all members of a closed link as lost. */
  closed(sink: FrameSink): void;
}

/** The desk for links of other consumers, which report their own clients. */
export function deskOf(owner: PresenceOwner): PresenceDesk {
  return {
    enter: (sink, { topic, memberId, user, info }) => {
      owner.enter(sink, topic, { memberId, user, info });
      return Promise.resolve();
    },
    leave: (sink, { topic, lost, memberId, user }) => {
      owner.leave(sink, topic, { memberId, user }, lost);
    },
    page: async (topic, after, limit) => {
      if (limit === 0 && after === WATCHED_ELSEWHERE) owner.watchedElsewhere(topic);
      return owner.page(topic, after, limit);
    },
    // Other consumers may be present on every topic.
    retain: () => undefined,
    closed: (sink) => owner.lost(sink),
  };
}
