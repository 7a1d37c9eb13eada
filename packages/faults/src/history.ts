// What happened in a run, as its clients saw it. Nothing here comes from a node's own word.

/** One publish: who sent it to which topic, as the how-manieth of that publisher there, and what came of it. */
export interface PublishRecord {
  readonly topic: string;
  readonly publisher: string;
  /** Counts up from 1 for each publisher and topic, in the order of the calls. */
  readonly sequence: number;
  /** `acked`: stored, at this position. `failed`: it may be stored or not. `open`: no answer yet. */
  outcome: "open" | "acked" | "failed";
  epoch: string;
  offset: number;
  isDuplicate: boolean;
  code: string;
}

/** One message as a subscriber got it. */
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
  /** The offset of the last message before it. */
  readonly after: number;
  /** How many messages came before it. */
  readonly seenBefore: number;
  readonly code?: string;
}

/** All that one subscriber saw of one topic, in the order in which it came. */
export interface View {
  readonly topic: string;
  readonly subscriber: string;
  /** Whether it began with the topic's first message; else it began with the first it got. */
  readonly isFromStart: boolean;
  readonly seen: SeenRecord[];
  readonly gaps: GapRecord[];
  /** Why its subscription ended, where it should not have. */
  readonly errors: string[];
}

export interface History {
  readonly published: readonly PublishRecord[];
  /** Of subscribers that were there to the end: all of them have to have everything. */
  readonly views: readonly View[];
  /** Topics that Redis loses keys of, or that have bits flipped. @default none */
  readonly lossyTopics?: ReadonlySet<string>;
  /** What their gaps have for a code; with one, their logs never begin anew. @default none */
  readonly lossCode?: string | undefined;
}
