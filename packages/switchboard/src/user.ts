// A user of the switchboard, and the user's topics: messages from the user, messages to the user, and the position that
// the user's client has confirmed.
import { randomUUID } from "node:crypto";

const USER_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The pattern of the topics from all users, for the push subscription. */
export const UP_TOPICS = "switchboard/up/*";
/** The topic of stored signed requests, so that no node accepts one of them again. */
export const ACCEPTED_TOPIC = "switchboard/accepted";

/** A UUID in lower case. */
export type UserId = string;

export function createUserId(): UserId {
  return randomUUID();
}

export function isUserId(value: unknown): value is UserId {
  return typeof value === "string" && USER_ID.test(value);
}

/** The topic with messages from the user to the back end. */
export function upTopic(userId: UserId): string {
  return `switchboard/up/${userId}`;
}

/** The topic with messages from the back end to the user. */
export function downTopic(userId: UserId): string {
  return `switchboard/down/${userId}`;
}

/** The topic whose last message is the position that the user's client confirmed last. */
export function confirmedTopic(userId: UserId): string {
  return `switchboard/session/${userId}`;
}
