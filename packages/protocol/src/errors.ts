// The table of all error and close codes of nodes and clients. docs/protocol.md lists the same table; a test
// compares the two.

/** The meaning of a code. */
export interface ErrorEntry {
  /** A sentence for people. */
  readonly message: string;
  /** Whether the same request can succeed later. */
  readonly retryable: boolean;
  /** Only for codes that end a link. 4000–4499: the client reconnects. 4500–4999: it must not. */
  readonly closeCode?: number;
}

export const ERRORS = {
  // These codes end a link, and the client reconnects (4000–4499).
  SHARDCAST_NODE_DRAINING: { message: "the node is stopping", retryable: true, closeCode: 4000 },
  SHARDCAST_HEARTBEAT_MISSED: {
    message: "no heartbeat arrived for two intervals",
    retryable: true,
    closeCode: 4001,
  },
  SHARDCAST_NODE_FULL: {
    message: "the node is at its limit of links",
    retryable: true,
    closeCode: 4002,
  },
  SHARDCAST_INTERNAL: { message: "the node failed", retryable: true, closeCode: 4003 },
  SHARDCAST_LINK_LOST: { message: "the link was lost", retryable: true, closeCode: 4004 },
  SHARDCAST_HANDSHAKE_TIMEOUT: {
    message: "the handshake took too long",
    retryable: true,
    closeCode: 4005,
  },
  SHARDCAST_SUBSCRIBER_SLOW: {
    message: "the subscriber has fallen too far behind",
    retryable: true,
    closeCode: 4006,
  },
  SHARDCAST_TOKEN_EXPIRED: { message: "the token has expired", retryable: true, closeCode: 4007 },
  SHARDCAST_LINKS_LIMIT: {
    message: "the address or the user has too many links",
    retryable: true,
    closeCode: 4008,
  },
  SHARDCAST_TOKEN_KEYS_UNAVAILABLE: {
    message: "the keys that verify tokens are unavailable",
    retryable: true,
    closeCode: 4009,
  },
  // These codes end a link, and the client must not reconnect unchanged (4500–4999).
  SHARDCAST_HANDSHAKE_FAILED: {
    message: "the proof does not match: the keys differ",
    retryable: false,
    closeCode: 4500,
  },
  SHARDCAST_FRAME_MALFORMED: {
    message: "a frame is malformed",
    retryable: false,
    closeCode: 4501,
  },
  SHARDCAST_FRAME_UNKNOWN: {
    message: "a frame has an unknown type",
    retryable: false,
    closeCode: 4502,
  },
  SHARDCAST_FRAME_UNEXPECTED: {
    message: "a frame is not allowed on this endpoint or in this state",
    retryable: false,
    closeCode: 4503,
  },
  SHARDCAST_FRAME_TOO_LARGE: {
    message: "a frame exceeds the link's limit",
    retryable: false,
    closeCode: 4504,
  },
  SHARDCAST_TOKEN_INVALID: {
    message: "the token is not valid",
    retryable: false,
    closeCode: 4507,
  },
  SHARDCAST_DISCONNECTED: {
    message: "an administrator ended the link",
    retryable: false,
    closeCode: 4508,
  },
  // This code also answers requests that lack a permission.
  SHARDCAST_FORBIDDEN: {
    message: "permission denied",
    retryable: false,
    closeCode: 4509,
  },
  // These codes answer an upgrade or an HTTP request. No link is opened.
  SHARDCAST_ENDPOINT_UNKNOWN: {
    message: "the node has no such endpoint",
    retryable: false,
    closeCode: 4505,
  },
  SHARDCAST_SUBPROTOCOL_UNSUPPORTED: {
    message: "the client offers no supported subprotocol",
    retryable: false,
    closeCode: 4506,
  },
  SHARDCAST_UNAUTHORIZED: {
    message: "the request is not authenticated",
    retryable: false,
  },
  SHARDCAST_ORIGIN_FORBIDDEN: {
    message: "the page's origin is not allowed",
    retryable: false,
  },
  SHARDCAST_HANDSHAKES_LIMIT: {
    message: "too many links are being opened",
    retryable: true,
  },
  SHARDCAST_REQUEST_INVALID: { message: "the request is not valid", retryable: false },
  SHARDCAST_REQUEST_REPLAYED: { message: "the signed request was already used", retryable: false },
  SHARDCAST_NOT_FOUND: { message: "not found", retryable: false },
  // These codes answer a publish, subscribe, read or presence request. The link stays open.
  SHARDCAST_TOPIC_INVALID: { message: "the topic is not valid", retryable: false },
  SHARDCAST_TOPIC_RESERVED: {
    message: "topics that begin with $ are reserved",
    retryable: false,
  },
  SHARDCAST_PAYLOAD_TOO_LARGE: { message: "the payload is too large", retryable: false },
  SHARDCAST_MESSAGE_ID_INVALID: { message: "the message id is not valid", retryable: false },
  SHARDCAST_ATTRIBUTES_INVALID: { message: "the attributes are not valid", retryable: false },
  SHARDCAST_SCHEMA_MISMATCH: {
    message: "the payload does not match the topic's schema",
    retryable: false,
  },
  SHARDCAST_POSITION_INVALID: { message: "the start position is not valid", retryable: false },
  SHARDCAST_RATE_LIMITED: {
    message: "the link or the user exceeds a rate limit",
    retryable: true,
  },
  SHARDCAST_WINDOW_FULL: { message: "too many publishes await their ack", retryable: true },
  SHARDCAST_OWNER_UNAVAILABLE: { message: "the topic's owner is unavailable", retryable: true },
  SHARDCAST_NOT_OWNER: { message: "this consumer does not own the topic", retryable: true },
  SHARDCAST_TOPICS_LIMIT: {
    message: "the link follows too many topics",
    retryable: false,
  },
  SHARDCAST_SUBSCRIPTION_EXISTS: {
    message: "the link already has that subscription",
    retryable: false,
  },
  SHARDCAST_MEMBER_INVALID: {
    message: "the presence member is not valid",
    retryable: false,
  },
  SHARDCAST_PRESENCE_FULL: {
    message: "the topic has too many members",
    retryable: true,
  },
  SHARDCAST_LOG_UNAVAILABLE: {
    message: "the log is unavailable",
    retryable: true,
  },
  SHARDCAST_LOG_CORRUPT: { message: "stored data cannot be read", retryable: false },
  SHARDCAST_MESSAGES_DAMAGED: {
    message: "stored messages are damaged, and were left out",
    retryable: false,
  },
  // These codes never cross the wire: only the SDK and the command line use them.
  SHARDCAST_TIMEOUT: { message: "the deadline passed", retryable: true },
  SHARDCAST_CLOSED: { message: "the client is closed", retryable: false },
  SHARDCAST_OUTBOX_FULL: { message: "the outbox is full", retryable: true },
  SHARDCAST_GAP: { message: "messages are gone", retryable: false },
  SHARDCAST_OPTION_INVALID: { message: "an option is not valid", retryable: false },
  SHARDCAST_KEY_MISSING: { message: "no key or secret was given", retryable: false },
  SHARDCAST_DATA_LOCKED: { message: "another process uses the data folder", retryable: false },
  SHARDCAST_DATA_FOREIGN: { message: "the folder holds other data", retryable: false },
  SHARDCAST_DATA_CORRUPT: { message: "the data folder is damaged", retryable: false },
  SHARDCAST_PORT_TAKEN: { message: "another process uses the port", retryable: false },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** The codes that end a link. */
export type CloseReason = {
  [Code in ErrorCode]: (typeof ERRORS)[Code] extends { closeCode: number } ? Code : never;
}[ErrorCode];

const ENTRIES: Readonly<Record<ErrorCode, ErrorEntry>> = ERRORS;

/**
 * An error with a stable `code` from {@link ERRORS}. `retryable` is true if the same request can succeed later.
 */
export class ShardcastError extends Error {
  override readonly name = "ShardcastError";
  readonly code: ErrorCode;
  readonly retryable: boolean;

  /** @param detail a sentence that replaces the code's own message; an empty text keeps that message */
  constructor(code: ErrorCode, detail = "", options?: ErrorOptions) {
    super(detail === "" ? ENTRIES[code].message : detail, options);
    this.code = code;
    this.retryable = ENTRIES[code].retryable;
  }
}

/** Whether a text is a code of {@link ERRORS}. A peer of another version may send other codes. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}

/** Whether a code may end a link. */
export function isCloseReason(code: ErrorCode): code is CloseReason {
  return "closeCode" in ERRORS[code];
}

/** Returns the close code of a code that ends a link. */
export function closeCodeOf(code: CloseReason): number {
  return ERRORS[code].closeCode;
}

/**
 * Whether a client may reconnect after a link ended with this close code:
 * false for 3500–3999, 4500–4999 and 1009 (message too big), true for all others.
 * docs/protocol.md#close-codes
 */
export function isReconnectable(closeCode: number): boolean {
  if (closeCode === 1009) return false;
  return !((closeCode >= 3500 && closeCode <= 3999) || (closeCode >= 4500 && closeCode <= 4999));
}
