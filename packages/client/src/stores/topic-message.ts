// A message as a topic store shows it: stored, or published by this application and not stored yet.
import type { Attributes } from "@shardcast/protocol";
import type { Message } from "../message.ts";
import type { OutgoingMessage } from "./publish-store.ts";

export interface TopicMessage {
  /** Unique in the list, and the same before and after the message is stored: a key for lists in user interfaces. */
  readonly key: string;
  readonly topic: string;
  readonly messageId: string | undefined;
  /** `<epoch>_<offset>`; undefined until the message is stored. */
  readonly position: string | undefined;
  /** The message's number in its topic; undefined until a subscription has delivered it. */
  readonly offset: number | undefined;
  /** When it was stored, in ms since 1970; before that, when it was published. */
  readonly time: number;
  /** The user whose token published it. */
  readonly user: string | undefined;
  readonly attributes: Attributes;
  readonly data: unknown;
  /** Why the payload does not match its content type. */
  readonly problem: SyntaxError | undefined;
  /** Published by this application, and not acked yet. */
  readonly pending: boolean;
  /** Published by this application, and failed: why. */
  readonly error: Error | undefined;
}

/** @param isOwn whether this application has published it */
export function storedMessage(message: Message, isOwn: boolean): TopicMessage {
  const { topic, messageId, position, offset, time, user, attributes, data, problem } = message;
  return Object.freeze({
    key: isOwn && messageId !== undefined ? messageId : position,
    ...{ topic, messageId, position, offset, time, user, attributes, problem },
    // A view would keep the whole WebSocket message in memory.
    data: data instanceof Uint8Array ? data.slice() : data,
    pending: false,
    error: undefined,
  });
}

export function outgoingMessage(message: OutgoingMessage, user: string | undefined): TopicMessage {
  const { topic, messageId, position, time, attributes, data, state, error } = message;
  return Object.freeze({
    key: messageId,
    ...{ topic, messageId, position, offset: undefined, time, user, attributes, data },
    problem: undefined,
    pending: state === "queued" || state === "sent",
    error,
  });
}
