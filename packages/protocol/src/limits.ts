// Limits that both ends must agree on.

/** Maximum length of a topic, in UTF-8 bytes. */
export const TOPIC_MAX_BYTES = 255;
/** Maximum length of a message id, in UTF-8 bytes. */
export const MESSAGE_ID_MAX_BYTES = 128;
/** Maximum number of attributes of a message, apart from the user, which a node adds. */
export const ATTRIBUTES_MAX_COUNT = 16;
/** Maximum length of an attribute's name, and of its value, in UTF-8 bytes. */
export const ATTRIBUTE_MAX_BYTES = 255;
/** Maximum lengths of a presence member's id, user and info, in UTF-8 bytes. */
export const MEMBER_ID_MAX_BYTES = 64;
export const MEMBER_USER_MAX_BYTES = 255;
export const MEMBER_INFO_MAX_BYTES = 1024;
/** Maximum number of members in one page of a presence list. */
export const PRESENCE_PAGE_MAX_COUNT = 1000;
/** Maximum length of a frame's body: the length field has 24 bits. */
export const FRAME_MAX_BODY_BYTES = 0xff_ff_ff;
/** Maximum number of bytes that a side may send before the handshake is done. */
export const HANDSHAKE_MAX_BYTES = 4096;
/** Maximum length of a token, in UTF-8 bytes. */
export const TOKEN_MAX_BYTES = 4000;
/** Length of a nonce, and of a mac. */
export const NONCE_BYTES = 32;
export const MAC_BYTES = 32;
export const EPOCH_BYTES = 8;
/** The largest offset and time: both are 48-bit numbers. */
export const UINT48_MAX = 2 ** 48 - 1;
/**
 * Maximum size of a publish frame without its payload: header, seq, timeout, topic, flags, id, attributes, and the
 * attribute `$user` that a node adds.
 */
export const PUBLISH_OVERHEAD_BYTES =
  4 +
  4 +
  4 +
  (1 + TOPIC_MAX_BYTES) +
  1 +
  (1 + MESSAGE_ID_MAX_BYTES) +
  (2 + 1 + ATTRIBUTES_MAX_COUNT * 2 * (1 + ATTRIBUTE_MAX_BYTES)) +
  (1 + 5 + 1 + MEMBER_USER_MAX_BYTES);
