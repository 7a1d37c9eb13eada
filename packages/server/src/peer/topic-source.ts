// Where a topic that a node serves and does not own comes from: its owner, or Redis.
import type { From, GapFrame, PageFrame, Position, SubscribedFrame } from "@shardcast/protocol";

/** Whoever follows a topic through a {@link TopicSource}. */
export interface Follower {
  readonly topic: string;
  /** The last position that came; where there is none, the topic is followed from now on. */
  readonly position: Position | undefined;
  followed(frame: SubscribedFrame): void;
  /** A message frame of this topic; the bytes are the follower's for the call only. */
  delivered(bytes: Uint8Array, start: number, end: number): void;
  /** @param code why, where it is not that they are too old */
  missed(frame: GapFrame, code?: string): void;
}

/**
 * Messages of a topic after a position, and where the topic stands. Where the position is beyond the one that was
 * asked for, what lies between and is not too old is damaged.
 */
export type SourcePage = Pick<PageFrame, "position" | "head" | "oldest" | "frames">;

export interface TopicSource {
  /** Follows a topic, through every loss, until the returned function is called. */
  follow(follower: Follower): () => void;
  /**
   * Reads messages of a topic.
   * @throws SHARDCAST_OWNER_UNAVAILABLE, SHARDCAST_NOT_OWNER, SHARDCAST_LOG_UNAVAILABLE
   */
  read(topic: string, from: From, limitBytes: number): Promise<SourcePage>;
  /** Whether a position was told of a topic before it had messages, where that can be told. */
  isFresh?(topic: string, position: Position): boolean;
}
