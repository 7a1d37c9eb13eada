// One message of the topic $push: how a subscription is from now on, the whole of it. Of two entries of a name the
// one with the later time counts, so entries can be told again, in any order, by whoever knows them.
import { checkPushName, parsePushConfig, type PushConfig } from "./push-config.ts";

/** A subscription that was made over HTTP. */
export interface StoredPush {
  /** Another one for each life of a name: positions of one that was deleted say nothing of the next. */
  readonly id: string;
  /** In ms since 1970. */
  readonly createdAt: number;
  readonly config: PushConfig;
}

export interface PushEntry {
  readonly name: string;
  /** When it was said, in ms since 1970. */
  readonly at: number;
  /** Null where it was deleted, and where it is of a file. */
  readonly push: StoredPush | null;
  /** Why its endpoint wants nothing more; null where it does. */
  readonly disabled: string | null;
}

export function encodePushEntry(entry: PushEntry): string {
  return JSON.stringify(entry);
}

/** @throws Error where a text is none */
export function decodePushEntry(text: string): PushEntry {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null) throw new Error("an entry is an object");
  const { name, at, push, disabled } = value as Readonly<Record<string, unknown>>;
  checkPushName(name);
  if (typeof at !== "number" || !Number.isSafeInteger(at)) throw new Error("it has no time");
  const reason = typeof disabled === "string" ? disabled : null;
  return { name, at, push: decodePush(name, push), disabled: reason };
}

/** What JSON.parse says quotes the text, and there are keys in it. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("it is not JSON");
  }
}

function decodePush(name: string, value: unknown): StoredPush | null {
  if (typeof value !== "object" || value === null) return null;
  const { id, createdAt, config } = value as Readonly<Record<string, unknown>>;
  if (typeof id !== "string" || typeof createdAt !== "number") throw new Error("it has no id");
  return { id, createdAt, config: parsePushConfig(name, config) };
}
