// All frames of the protocol as one discriminated union. How they look on the wire is the codecs'
// business; what each one means is docs/protocol.md#frames.
import type { From, Position } from "./position.ts";

/** The byte that names a frame's type. 0x80 and above: a side that does not know it skips it. */
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
} as const;

export type FrameType = keyof typeof FRAME_TYPES;

/** From here on a frame of an unknown type is skipped instead of ending the link. */
export const SKIPPABLE_FROM = 0x80;

/** A small map of short strings that travels with a message: content type, key, traceparent, … */
export type Attributes = Readonly<Record<string, string>>;

/** Node → client, first frame: prove that you know the key. */
export interface ChallengeFrame {
  readonly type: "challenge";
  /** 32 random bytes, used once. */
  readonly nonce: Uint8Array;
}

/** Client → node: the answer to the challenge, and the client's own nonce. */
export interface ProofFrame {
  readonly type: "proof";
  /** Which of the node's live keys the mac was made with. */
  readonly keyId: string;
  readonly nonce: Uint8Array;
  readonly mac: Uint8Array;
}

/** Node → client: the node's own proof, and what the link may carry. */
export interface WelcomeFrame extends LinkLimits {
  readonly type: "welcome";
  /** Zeros where the client brought a token: who knows no key cannot check it. */
  readonly mac: Uint8Array;
  readonly nodeId: string;
  readonly linkId: string;
}

/** Client → node: who I am, in place of a proof, and later again before the token expires. */
export interface TokenFrame {
  readonly type: "token";
  /** A signed JWT; empty for a client that is nobody, where the node lets such in. */
  readonly token: string;
}

/** Node → client: the token is accepted. Right behind the welcome, and after each later one. */
export interface AuthorizedFrame {
  readonly type: "authorized";
  /** Of the token; empty where it names nobody. */
  readonly user: string;
  /** Until then another token has to come; 0 where none has to. */
  readonly expiresInMs: number;
}

export interface LinkLimits {
  /** The largest payload of a publish. */
  readonly maxPayloadBytes: number;
  /** Topics that the link may follow at once. */
  readonly maxTopics: number;
  /** Publishes that may await their ack at once. */
  readonly windowMessages: number;
  /** How often the node sends a heartbeat; two without one mean that the link is dead. */
  readonly heartbeatMs: number;
}

/** Client → node: store this and tell all who follow the topic. */
export interface PublishFrame {
  readonly type: "publish";
  /** Chosen by the sender, unique among its requests that have no answer yet. */
  readonly seq: number;
  /** How long the sender waits for the ack; 0 leaves it to the node. */
  readonly timeoutMs: number;
  readonly topic: string;
  /** A message with an id is stored once within the dedupe window. */
  readonly messageId?: string;
  readonly attributes?: Attributes;
  readonly payload: Uint8Array;
}

/** Node → client: the message is stored at this position. */
export interface AckFrame {
  readonly type: "ack";
  readonly seq: number;
  readonly position: Position;
  /** The id was stored before; the position is the first one's. */
  readonly duplicate: boolean;
}

/** Node → client: a publish, a read, or a question about presence was refused. */
export interface RejectFrame {
  readonly type: "reject";
  readonly seq: number;
  /** A code of the table, as text: a newer node may know more of them. */
  readonly code: string;
  readonly reason: string;
}

/** Client → node: follow a topic. */
export interface SubscribeFrame {
  readonly type: "subscribe";
  /** Chosen by the sender, unique among the link's subscriptions. */
  readonly sub: number;
  readonly topic: string;
  readonly from: From;
}

/** Node → client: the subscription stands; the first message has the offset after `position`. */
export interface SubscribedFrame {
  readonly type: "subscribed";
  readonly sub: number;
  /** The node's number for the topic: message frames carry it in place of the name. */
  readonly topicId: number;
  /** False where a gap frame follows at once. */
  readonly recovered: boolean;
  readonly position: Position;
  /** The last offset stored, 0 where nothing was. */
  readonly head: number;
  /** The first offset still retained, head + 1 where nothing is. */
  readonly oldest: number;
}

/** Client → node. */
export interface UnsubscribeFrame {
  readonly type: "unsubscribe";
  readonly sub: number;
}

/** Node → client: the subscription is over, as asked (no code) or for the reason that `code` tells. */
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
  /** When the owner stored it, in ms since 1970, UTC. */
  readonly time: number;
  readonly messageId?: string;
  readonly attributes?: Attributes;
  readonly payload: Uint8Array;
}

/**
 * Node → client: the messages `first` to `last` of `epoch` cannot be had (none, where last = first − 1);
 * the next one is `last` + 1. Where the epoch is a new one, what the old one still held is lost as well.
 */
export interface GapFrame {
  readonly type: "gap";
  readonly sub: number;
  readonly epoch: string;
  readonly first: number;
  readonly last: number;
}

/** Both ways: the sender is alive. The client answers each of the node's. */
export interface HeartbeatFrame {
  readonly type: "heartbeat";
}

/** Relay → owner: messages of a topic from a place on, up to about this many bytes, at least one. */
export interface ReadFrame {
  readonly type: "read";
  readonly seq: number;
  readonly topic: string;
  readonly from: From;
  readonly limitBytes: number;
}

/** Owner → relay: the message frames after `position`, as they would be delivered. */
export interface PageFrame {
  readonly type: "page";
  readonly seq: number;
  readonly position: Position;
  readonly head: number;
  readonly oldest: number;
  /** Concatenated message frames in the binary layout, whatever the codec. */
  readonly frames: Uint8Array;
}

/** Which member of a topic. */
export interface MemberIdentity {
  /** Chosen by the client: one connection, device or tab. 1–64 bytes of UTF-8. */
  readonly memberId: string;
  /** Who it is; empty where nobody says so. Several members may be one user's. */
  readonly user: string;
}

/** Somebody who is on a topic. */
export interface PresenceMember extends MemberIdentity {
  /** Whatever the application tells the others, up to 1024 bytes of UTF-8. */
  readonly info: string;
}

/** Client → node: be seen on a topic, as long as the link lives; a second one replaces the first's info. */
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

/** Client → node: be seen no more. */
export interface LeaveFrame extends MemberIdentity {
  readonly type: "leave";
  readonly topic: string;
  /** It counts as if its link were lost: it may come back, over another one. */
  readonly lost: boolean;
}

/** Client → node: who is on a topic, from a place of the list on. */
export interface PresenceFrame {
  readonly type: "presence";
  readonly seq: number;
  readonly topic: string;
  /** 0 for the beginning, then what the page before gave as `next`. */
  readonly after: number;
  /** Members wanted at the most; 0 for the numbers alone. */
  readonly limit: number;
}

/** Node → client: a page of the list. */
export interface PresentFrame {
  readonly type: "present";
  readonly seq: number;
  /** Of `$presence/<topic>`: the changes after it are not in the page, or do no harm when applied again. */
  readonly position: Position;
  /** Members in all. */
  readonly count: number;
  /** Different users among them, without those that are nobody's. */
  readonly users: number;
  /** Where the next page begins; 0 where there is none. */
  readonly next: number;
  readonly members: readonly PresenceMember[];
}

/** Node → client: go to another node, at a random moment within this time. */
export interface DrainFrame {
  readonly type: "drain";
  readonly withinMs: number;
}

/** Node → client: the consumers are others now. Who connects by the ring asks for it again within this time. */
export interface RegroupFrame {
  readonly type: "regroup";
  readonly withinMs: number;
}

/** Node → client: the token is about to expire, and with it the link. Another one is due within this time. */
export interface ExpiringFrame {
  readonly type: "expiring";
  readonly withinMs: number;
}

/** Node → client: why the messages cannot be had that the `gap` of this subscription names, which follows at once. */
export interface CauseFrame {
  readonly type: "cause";
  readonly sub: number;
  /** A code of the table, as text: a newer node may know more of them. */
  readonly code: string;
}

/** Owner → relay: what the WebSocket message that comes next has to be, or messages were damaged on their way. */
export interface ChecksumFrame {
  readonly type: "checksum";
  /** How long it is, without the WebSocket's own header. */
  readonly bytes: number;
  /** CRC-32 of all of it. */
  readonly crc: number;
}

/** Client → node: are you there? Where nothing has come for a while, well before two heartbeats are over. */
export interface PingFrame {
  readonly type: "ping";
}

/** Node → client: the answer, one to all pings of a moment. */
export interface PongFrame {
  readonly type: "pong";
}

/** Node → client: the WebSocket message that comes next is a large one, and may take a while on a slow line. */
export interface LargeFrame {
  readonly type: "large";
  /** How long it is. */
  readonly bytes: number;
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
  | LargeFrame;
