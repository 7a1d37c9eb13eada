// The history of a run, recorded only by its clients: nothing here comes from a node's own reports.

/** One publish: its publisher, topic and sequence number, and its outcome. */
export interface PublishRecord {
  readonly topic: string;
  readonly publisher: string;
  /** Counts up from 1 for each publisher and topic, in the order of the calls. */
  readonly sequence: number;
  /**
   * `acked`: stored at this position. `failed`: it may or may not be stored. `open`: no answer yet.
   */
  outcome: "open" | "acked" | "failed";
  epoch: string;
  offset: number;
  isDuplicate: boolean;
  code: string;
}

/** One message as a subscriber received it. */
export interface SeenRecord {
  readonly epoch: string;
  readonly offset: number;
  readonly publisher: string;
  readonly sequence: number;
}

export interface GapRecord {
  readonly epoch: string;
  readonly first: number;
  readonly last: number;
  readonly isNewEpoch: boolean;
  /** The offset of the message before it. */
  readonly after: number;
  /** How many messages came before it. */
  readonly seenBefore: number;
  readonly code?: string;
}

/** All that one subscriber received of one topic, in order of arrival. */
export interface View {
  readonly topic: string;
  readonly subscriber: string;
  /**
   * Whether it started at the topic's first message; otherwise at the first message it received.
   */
  readonly isFromStart: boolean;
  readonly seen: SeenRecord[];
  readonly gaps: GapRecord[];
  /** Unexpected errors that ended its subscription. */
  readonly errors: string[];
}

export interface History {
  readonly published: readonly PublishRecord[];
  /** The views of subscribers that stayed until the end: each must have every message. */
  readonly views: readonly View[];
  /** Topics whose keys Redis loses, or whose bits are flipped. @default none */
  readonly lossyTopics?: ReadonlySet<string>;
  /** The code of their gaps. If it is set, their logs never start a new epoch. @default none */
  readonly lossCode?: string | undefined;
}
