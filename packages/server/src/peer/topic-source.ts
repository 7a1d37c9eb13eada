// The source of a topic that a node serves but does not own: the topic's owner, or Redis.
import type { From, GapFrame, PageFrame, Position, SubscribedFrame } from "@shardcast/protocol";

/** Receives the messages of a topic from a {@link TopicSource}. */
export interface Follower {
  readonly topic: string;
  /** The position of the last message received; undefined to start with the next message. */
  readonly position: Position | undefined;
  followed(frame: SubscribedFrame): void;
  /** Called with each message frame of the topic. The bytes are valid only during the call. */
  delivered(bytes: Uint8Array, start: number, end: number): void;
  /** @param code the cause; undefined if the messages were too old */
  missed(frame: GapFrame, code?: string): void;
}

/**
 * Messages of a topic after a position, with the topic's head and oldest offset. If `position` is
 * beyond the position that was requested, the messages in between are too old or damaged.
 */
export type SourcePage = Pick<PageFrame, "position" | "head" | "oldest" | "frames">;

export interface TopicSource {
  /** Subscribes to a topic until the returned function is called, and again after each loss. */
  follow(follower: Follower): () => void;
  /**
   * Reads messages of a topic.
   * @throws SHARDCAST_OWNER_UNAVAILABLE, SHARDCAST_NOT_OWNER, SHARDCAST_LOG_UNAVAILABLE
   */
  read(topic: string, from: From, limitBytes: number): Promise<SourcePage>;
  /**
   * Whether the source reported a position before the topic had messages. Undefined if the source
   * cannot know.
   */
  isFresh?(topic: string, position: Position): boolean;
}
