// All frames of the protocol as one discriminated union. The codecs define their encoding;
// docs/protocol.md#frames defines their meaning.
import type { From, Position } from "./position.ts";

/** The type byte of each frame. A receiver skips frames of an unknown type if the type is 0x80 or above. */
export const FRAME_TYPES = {
  challenge: 0x01,
  proof: 0x02,
  welcome: 0x03,
  token: 0x04,
  authorized: 0x05,
  publish: 0x10,
  ack: 0x11,
  reject: 0x12,
  subscribe: 0x13,
  subscribed: 0x14,
  unsubscribe: 0x15,
  unsubscribed: 0x16,
  message: 0x17,
  gap: 0x18,
  heartbeat: 0x19,
  read: 0x1a,
  page: 0x1b,
  enter: 0x1c,
  entered: 0x1d,
  leave: 0x1e,
  presence: 0x1f,
  present: 0x20,
  drain: 0x80,
  regroup: 0x81,
  expiring: 0x82,
  cause: 0x83,
  checksum: 0x84,
  ping: 0x85,
  pong: 0x86,
  large: 0x87,
  clock: 0x88,
} as const;

export type FrameType = keyof typeof FRAME_TYPES;

/** A frame of an unknown type from this value on is skipped. Below it, an unknown type ends the link. */
export const SKIPPABLE_FROM = 0x80;

/** A few short strings that travel with a message, such as the content type, a key or a traceparent. */
export type Attributes = Readonly<Record<string, string>>;

/** Node → client: the first frame of the handshake. The client must prove that it knows the key. */
export interface ChallengeFrame {
  readonly type: "challenge";
  /** 32 random bytes, used once. */
  readonly nonce: Uint8Array;
}

/** Client → node: the client's proof, and a nonce for the node's proof. */
export interface ProofFrame {
  readonly type: "proof";
  /** The id of the key that made `mac`. */
  readonly keyId: string;
  readonly nonce: Uint8Array;
  readonly mac: Uint8Array;
}

/** Node → client: the node's own proof, and the limits of the link. */
export interface WelcomeFrame extends LinkLimits {
  readonly type: "welcome";
  /** All zeros if the client sent a token: without the key the client cannot verify a proof. */
  readonly mac: Uint8Array;
  readonly nodeId: string;
  readonly linkId: string;
}

/** Client → node: a token in place of a proof, and later a new token before the last one expires. */
export interface TokenFrame {
  readonly type: "token";
  /** A signed JWT. Empty for an anonymous client, if the node allows them. */
  readonly token: string;
}

/** Node → client: the token is accepted. Sent right after the welcome, and after each later token. */
export interface AuthorizedFrame {
  readonly type: "authorized";
  /** The token's user; empty if the token names none. */
  readonly user: string;
  /** Time until the client must have sent a new token, in ms; 0 if the token does not expire. */
  readonly expiresInMs: number;
}

export interface LinkLimits {
  /** The largest payload of a publish, in bytes. */
  readonly maxPayloadBytes: number;
  /** How many topics the link may follow at the same time. */
  readonly maxTopics: number;
  /** How many publishes may wait for their ack at the same time. */
  readonly windowMessages: number;
  /** The interval of the node's heartbeats, in ms. The link is dead after two intervals without one. */
  readonly heartbeatMs: number;
}

/** Client → node: store this message and deliver it to the topic's subscribers. */
export interface PublishFrame {
  readonly type: "publish";
  /** Chosen by the sender; unique among its unanswered requests. */
  readonly seq: number;
  /** How long the sender waits for the ack, in ms; 0 means the node's default. */
  readonly timeoutMs: number;
  readonly topic: string;
  /** The owner stores a message with an id only once within the dedupe window. */
  readonly messageId?: string;
  readonly attributes?: Attributes;
  readonly payload: Uint8Array;
}

/** Node → client: the message is stored at this position. */
export interface AckFrame {
  readonly type: "ack";
  readonly seq: number;
  readonly position: Position;
  /** The id was stored before; `position` is that of the stored message. */
  readonly duplicate: boolean;
}

/** Node → client: a publish, read, enter or presence request was refused. */
export interface RejectFrame {
  readonly type: "reject";
  readonly seq: number;
  /** A code of the table. A string, because a newer node may send codes that this version does not know. */
  readonly code: string;
  readonly reason: string;
}

/** Client → node: subscribe to a topic. */
export interface SubscribeFrame {
  readonly type: "subscribe";
  /** Chosen by the sender; unique among the link's subscriptions. */
  readonly sub: number;
  readonly topic: string;
  readonly from: From;
}

/** Node → client: the subscription is active. The first message has the offset after `position`. */
export interface SubscribedFrame {
  readonly type: "subscribed";
  readonly sub: number;
  /** The node's number for the topic. Message frames carry it instead of the name. */
  readonly topicId: number;
  /** False if a gap frame follows immediately. */
  readonly recovered: boolean;
  readonly position: Position;
  /** The last stored offset; 0 if nothing was stored. */
  readonly head: number;
  /** The first retained offset; head + 1 if nothing is retained. */
  readonly oldest: number;
}

/** Client → node: end a subscription. */
export interface UnsubscribeFrame {
  readonly type: "unsubscribe";
  readonly sub: number;
}

/** Node → client: the subscription has ended, at the client's request (empty `code`) or for the reason in `code`. */
export interface UnsubscribedFrame {
  readonly type: "unsubscribed";
  readonly sub: number;
  readonly code: string;
  readonly reason: string;
}

/** Node → client: one message of a topic that the link follows. */
export interface MessageFrame {
  readonly type: "message";
  readonly topicId: number;
  readonly offset: number;
  /** When the owner stored the message, in ms since 1970, UTC. */
  readonly time: number;
  readonly messageId?: string;
  readonly attributes?: Attributes;
  readonly payload: Uint8Array;
}

/**
 * Node → client: the messages `first` to `last` of `epoch` are unavailable; the next one is `last` + 1. If
 * last = first − 1, no message of this epoch is missing. If the epoch is new, messages of the old epoch that
 * the client had not received are lost as well.
 */
export interface GapFrame {
  readonly type: "gap";
  readonly sub: number;
  readonly epoch: string;
  readonly first: number;
  readonly last: number;
}

/** Both directions: the sender is alive. The client answers each heartbeat of the node with one. */
export interface HeartbeatFrame {
  readonly type: "heartbeat";
}

/** Client → node, and relay → owner: send the messages after a position, at least one, up to about `limitBytes` bytes. */
export interface ReadFrame {
  readonly type: "read";
  readonly seq: number;
  readonly topic: string;
  readonly from: From;
  readonly limitBytes: number;
}

/** The answer to a read: the message frames after `position`, as the node would deliver them. */
export interface PageFrame {
  readonly type: "page";
  readonly seq: number;
  readonly position: Position;
  readonly head: number;
  readonly oldest: number;
  /** Concatenated message frames, always in the binary layout. */
  readonly frames: Uint8Array;
}

/** Identifies a member of a topic. */
export interface MemberIdentity {
  /** Chosen by the client for one connection, device or tab. 1–64 bytes of UTF-8. */
  readonly memberId: string;
  /** The member's user; empty if the client is anonymous. One user may have several members. */
  readonly user: string;
}

/** A member of a topic's presence list. */
export interface PresenceMember extends MemberIdentity {
  /** Text of the application for the other members, up to 1024 bytes of UTF-8. */
  readonly info: string;
}

/** Client → node: put a member on the topic's list while the link lives. A second one replaces the info. */
export interface EnterFrame extends PresenceMember {
  readonly type: "enter";
  readonly seq: number;
  readonly topic: string;
}

/** Node → client: the member is on the topic's list. */
export interface EnteredFrame {
  readonly type: "entered";
  readonly seq: number;
}

/** Client → node: take a member off the topic's list. */
export interface LeaveFrame extends MemberIdentity {
  readonly type: "leave";
  readonly topic: string;
  /** Treat the member as if its link were lost: it may return over another link. */
  readonly lost: boolean;
}

/** Client → node: request a page of a topic's presence list. */
export interface PresenceFrame {
  readonly type: "presence";
  readonly seq: number;
  readonly topic: string;
  /** 0 for the first page, then the `next` of the previous page. */
  readonly after: number;
  /** Maximum number of members in the page; 0 requests only the counts. */
  readonly limit: number;
}

/** Node → client: a page of a topic's presence list. */
export interface PresentFrame {
  readonly type: "present";
  readonly seq: number;
  /** Position in `$presence/<topic>`. Changes after it are missing from the page, or harmless to apply again. */
  readonly position: Position;
  /** Number of members on the whole list. */
  readonly count: number;
  /** Number of distinct users among them. Members without a user do not count. */
  readonly users: number;
  /** Where the next page begins; 0 after the last page. */
  readonly next: number;
  readonly members: readonly PresenceMember[];
}

/** Node → client: move to another node, at a random moment within this time. */
export interface DrainFrame {
  readonly type: "drain";
  readonly withinMs: number;
}

/** Node → client: the set of consumers changed. A client that uses the ring requests it within this time. */
export interface RegroupFrame {
  readonly type: "regroup";
  readonly withinMs: number;
}

/** Node → client: the token is about to expire. Without a new token within this time the link ends. */
export interface ExpiringFrame {
  readonly type: "expiring";
  readonly withinMs: number;
}

/** Node → client: why the messages of this subscription's next `gap` are unavailable. That gap follows at once. */
export interface CauseFrame {
  readonly type: "cause";
  readonly sub: number;
  /** A code of the table. A string, because a newer node may send codes that this version does not know. */
  readonly code: string;
}

/** Owner → relay: length and checksum of the next WebSocket message. If they differ, it was damaged on the way. */
export interface ChecksumFrame {
  readonly type: "checksum";
  /** The message's length in bytes, without the WebSocket header. */
  readonly bytes: number;
  /** CRC-32 of the whole message. */
  readonly crc: number;
}

/** Client → node: request a pong. Sent when nothing has arrived for a while, well before two heartbeat intervals. */
export interface PingFrame {
  readonly type: "ping";
}

/** Node → client: answers all pings that arrived together. */
export interface PongFrame {
  readonly type: "pong";
}

/** Node → client: the next WebSocket message is large and may take a while on a slow line. */
export interface LargeFrame {
  readonly type: "large";
  /** The message's length in bytes. */
  readonly bytes: number;
}

/** Client → node: request the node's time of day. Node → client: the answer, with the client's `seq`. */
export interface ClockFrame {
  readonly type: "clock";
  readonly seq: number;
  /** In ms since 1970, UTC; 0 in a request. */
  readonly time: number;
}

export type Frame =
  | ChallengeFrame
  | ProofFrame
  | WelcomeFrame
  | TokenFrame
  | AuthorizedFrame
  | PublishFrame
  | AckFrame
  | RejectFrame
  | SubscribeFrame
  | SubscribedFrame
  | UnsubscribeFrame
  | UnsubscribedFrame
  | MessageFrame
  | GapFrame
  | HeartbeatFrame
  | ReadFrame
  | PageFrame
  | EnterFrame
  | EnteredFrame
  | LeaveFrame
  | PresenceFrame
  | PresentFrame
  | DrainFrame
  | RegroupFrame
  | ExpiringFrame
  | CauseFrame
  | ChecksumFrame
  | PingFrame
  | PongFrame
  | LargeFrame
  | ClockFrame;
