// Where frames about presence are worked off: for clients by what this node tells the owners, for other
// consumers by the owner itself.
import type { EnterFrame, LeaveFrame } from "@shardcast/protocol";
import type { FrameSink } from "@shardcast/server";
import type { PresenceAnswer, PresenceOwner } from "./presence-owner.ts";

/** What another node asks for after a new link where it has watchers: `limit` 0, after a place that nobody has. */
export const WATCHED_ELSEWHERE = 2 ** 48 - 1;

export interface PresenceDesk {
  /** Resolves when the topic's presence owner knows. @throws a ShardcastError with a code for the client */
  enter(sink: FrameSink, frame: EnterFrame): Promise<void>;
  leave(sink: FrameSink, frame: LeaveFrame): void;
  /** @throws a ShardcastError with a code for the client */
  page(topic: string, after: number, limit: number): Promise<PresenceAnswer>;
  /** Takes back what came over a link for topics that it may not be on any more. */
  retain(sink: FrameSink, isAllowed: (topic: string) => boolean): void;
  /** All that came over a link is lost. */
  closed(sink: FrameSink): void;
}

/** For links of other consumers, which tell of their own clients. */
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
    // Other consumers may all.
    retain: () => undefined,
    closed: (sink) => owner.lost(sink),
  };
}
