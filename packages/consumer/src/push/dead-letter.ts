// Messages that could not be delivered, as messages of another topic with attributes about their
// origin.
import {
  ATTRIBUTES_MAX_COUNT,
  ATTRIBUTE_MAX_BYTES,
  USER_ATTRIBUTE,
  isPlainText,
  splitAttributes,
  type Attributes,
  type MessageFrame,
} from "@shardcast/protocol";
import type { NodeMessage } from "@shardcast/server";
import { placeHash, type PushPlace } from "./push-request.ts";

const ORIGIN = "shardcast-origin-position";

export interface DeadLetter extends PushPlace {
  readonly subscription: string;
  readonly attempts: number;
  /** The reason of the last failure. */
  readonly reason: string;
}

/**
 * Whether a message is a dead letter. If it fails again, it is dropped; otherwise it would
 * circulate for ever.
 */
export function isDeadLetter({ attributes }: MessageFrame): boolean {
  return attributes !== undefined && ORIGIN in attributes;
}

/** The message as it is published to another topic. Publishing it again stores it only once. */
export function deadLetterOf(
  message: MessageFrame,
  topic: string,
  letter: DeadLetter,
): NodeMessage {
  return {
    topic,
    messageId: `dl_${placeHash(letter, letter.subscription)}`,
    attributes: attributesOf(message, letter),
    payload: message.payload,
  };
}

/** Keeps the user of the message: the node itself publishes the dead letter. */
function attributesOf(message: MessageFrame, letter: DeadLetter): Attributes {
  const { user, attributes = {} } = splitAttributes(message.attributes);
  const own = {
    "shardcast-origin-topic": letter.topic,
    [ORIGIN]: letter.position,
    "shardcast-subscription": letter.subscription,
    "shardcast-attempts": String(letter.attempts),
    "shardcast-reason": shortened(letter.reason),
  };
  const room = ATTRIBUTES_MAX_COUNT - Object.keys(own).length;
  const others = Object.entries(attributes).filter(([name]) => !(name in own));
  return {
    ...Object.fromEntries(others.slice(0, room)),
    ...own,
    ...(user === undefined ? {} : { [USER_ATTRIBUTE]: user }),
  };
}

function shortened(reason: string): string {
  let text = "";
  let bytes = 0;
  for (const character of reason) {
    bytes += Buffer.byteLength(character);
    if (bytes > ATTRIBUTE_MAX_BYTES) break;
    if (isPlainText(character)) text += character;
  }
  return text;
}
