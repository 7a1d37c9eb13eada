// Every number that both ends must agree on, or that a node tells in its welcome.

/** A topic's length in UTF-8 bytes. */
export const TOPIC_MAX_BYTES = 255;
/** A message id's length in UTF-8 bytes. */
export const MESSAGE_ID_MAX_BYTES = 128;
/** Attributes of one message. */
export const ATTRIBUTES_MAX_COUNT = 16;
/** One attribute's name, and one attribute's value, in UTF-8 bytes. */
export const ATTRIBUTE_MAX_BYTES = 255;
/** What a presence member's id, its user and its info may have, in UTF-8 bytes. */
export const MEMBER_ID_MAX_BYTES = 64;
export const MEMBER_USER_MAX_BYTES = 255;
export const MEMBER_INFO_MAX_BYTES = 1024;
/** Members that one page of a presence list may have. */
export const PRESENCE_PAGE_MAX_COUNT = 1000;
/** The length field of a frame has 24 bits. */
export const FRAME_MAX_BODY_BYTES = 0xff_ff_ff;
/** All that a side may send before the handshake is done. */
export const HANDSHAKE_MAX_BYTES = 4096;
/** A token, in UTF-8 bytes. */
export const TOKEN_MAX_BYTES = 4000;
/** A nonce and a mac. */
export const NONCE_BYTES = 32;
export const MAC_BYTES = 32;
export const EPOCH_BYTES = 8;
/** Offsets and times are 48-bit numbers. */
export const UINT48_MAX = 2 ** 48 - 1;
/** What a publish frame adds to its payload at the most: header, seq, timeout, topic, flags, id, attributes. */
export const PUBLISH_OVERHEAD_BYTES =
  4 +
  4 +
  4 +
  (1 + TOPIC_MAX_BYTES) +
  1 +
  (1 + MESSAGE_ID_MAX_BYTES) +
  (2 + 1 + ATTRIBUTES_MAX_COUNT * 2 * (1 + ATTRIBUTE_MAX_BYTES));
