// Who talks through the switchboard, and the topics that are his: what he says, what is said to him, and how
// far his client has confirmed that it got it.
import { randomUUID } from "node:crypto";

const USER_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Every user's topic of this kind; push subscriptions name it. */
export const UP_TOPICS = "switchboard/up/*";
/** The signed requests that were stored, so that no node takes one of them again. */
export const ACCEPTED_TOPIC = "switchboard/accepted";

/** A UUID in lower case. */
export type UserId = string;

export function createUserId(): UserId {
  return randomUUID();
}

export function isUserId(value: unknown): value is UserId {
  return typeof value === "string" && USER_ID.test(value);
}

/** From the user to the back end. */
export function upTopic(userId: UserId): string {
  return `switchboard/up/${userId}`;
}

/** From the back end to the user. */
export function downTopic(userId: UserId): string {
  return `switchboard/down/${userId}`;
}

/** Its last message is the position that the user's client has confirmed last. */
export function confirmedTopic(userId: UserId): string {
  return `switchboard/session/${userId}`;
}
