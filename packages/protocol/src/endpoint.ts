// The endpoints of the nodes, and which frames a client may send on each after the handshake.
// docs/protocol.md#endpoints
import { FRAME_TYPES, type FrameType } from "./frame.ts";

export const ENDPOINTS = {
  /** Producer node: clients publish. */
  produce: ["publish", "token", "heartbeat", "ping", "clock"],
  /** Consumer node: producer nodes, and consumers that forward publishes, send messages to the topics' owner. */
  producer: ["publish", "heartbeat"],
  /** Consumer node: clients subscribe to topics. `/subscribe/:topic` subscribes immediately. */
  subscribe: [
    "subscribe",
    "unsubscribe",
    "read",
    "enter",
    "leave",
    "presence",
    "token",
    "heartbeat",
    "ping",
    "clock",
  ],
  /** Consumer node: clients publish and subscribe over one link. */
  connect: [
    "publish",
    "subscribe",
    "unsubscribe",
    "read",
    "enter",
    "leave",
    "presence",
    "token",
    "heartbeat",
    "ping",
    "clock",
  ],
  /** Consumer node: another consumer follows topics that this one owns. */
  relay: ["subscribe", "unsubscribe", "read", "enter", "leave", "presence", "heartbeat"],
} as const satisfies Record<string, readonly FrameType[]>;

export type Endpoint = keyof typeof ENDPOINTS;

/** Whether a client may send frames of this type on an endpoint. */
export function isFrameAllowed(endpoint: Endpoint, type: number): boolean {
  return ALLOWED.get(endpoint)?.has(type) ?? false;
}

/** Whether clients may authenticate with a token. The other endpoints are for nodes, which know the key. */
export function isForTokens(endpoint: Endpoint): boolean {
  return isFrameAllowed(endpoint, FRAME_TYPES.token);
}

const ALLOWED = new Map<string, ReadonlySet<number>>(
  Object.entries(ENDPOINTS).map(([endpoint, types]) => [
    endpoint,
    new Set(types.map((type) => FRAME_TYPES[type])),
  ]),
);

export const SUBPROTOCOLS = { binary: "shardcast.v1", json: "shardcast.v1.json" } as const;

export type Subprotocol = (typeof SUBPROTOCOLS)[keyof typeof SUBPROTOCOLS];
