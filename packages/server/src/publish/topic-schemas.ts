// Checks what clients publish against the JSON Schemas of topics, before it is stored.
// docs/operations.md#schemas
import {
  CONTENT_TYPE,
  decodeFrame,
  decodeText,
  isPlainText,
  payloadKind,
  type PublishFrame,
  type TopicPattern,
} from "@shardcast/protocol";

/** The number of topics whose schemas are cached. If there are more, the cache is cleared. */
const REMEMBERED_TOPICS = 100_000;
/** A reject has room for 255 bytes. */
const REASON_MAX_BYTES = 255;

/** Returns why the data does not match, or undefined if it does. */
export type SchemaCheck = (data: unknown) => string | undefined;

export interface TopicSchema {
  readonly topics: TopicPattern;
  readonly check: SchemaCheck;
}

export class TopicSchemas {
  readonly #schemas: readonly TopicSchema[];
  /** Undefined for topics without a schema. */
  readonly #checks = new Map<string, SchemaCheck | undefined>();

  /** @param schemas the first one that matches a topic counts */
  constructor(schemas: readonly TopicSchema[]) {
    this.#schemas = schemas;
  }

  /**
   * Returns why the message in a publish frame does not match the schema of its topic: one line of at most 255
   * bytes. Returns undefined if it matches, and if the topic has no schema.
   */
  mismatch(topic: string, bytes: Uint8Array, start: number, end: number): string | undefined {
    const check = this.#checkOf(topic);
    if (check === undefined) return undefined;
    const frame = decodeFrame(bytes, start, end);
    if (frame?.type !== "publish") return undefined;
    const found = faultOf(frame, check);
    return found === undefined ? undefined : shortened(found);
  }

  #checkOf(topic: string): SchemaCheck | undefined {
    if (this.#checks.has(topic)) return this.#checks.get(topic);
    const check = this.#schemas.find(({ topics }) => topics.matches(topic))?.check;
    if (this.#checks.size >= REMEMBERED_TOPICS) this.#checks.clear();
    this.#checks.set(topic, check);
    return check;
  }
}

/** The schema describes the data as the SDK returns it: a JSON value or, without a JSON type, a text. */
function faultOf({ attributes, payload }: PublishFrame, check: SchemaCheck): string | undefined {
  const kind = payloadKind(attributes?.[CONTENT_TYPE]);
  const text = kind === "bytes" ? undefined : decodeText(payload, 0, payload.length);
  if (text === undefined) return "the payload must be JSON, or text";
  if (kind === "text") {
    const fault = check(text);
    return fault === undefined ? undefined : `${fault} (the content type is not JSON)`;
  }
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return "the payload is not JSON";
  }
  try {
    return check(data);
  } catch (error) {
    // A schema that contains itself follows the data to any depth.
    if (error instanceof RangeError) return "the payload nests too deeply";
    throw error;
  }
}

/** Paths contain names that clients chose. */
function shortened(reason: string): string {
  let text = "";
  let bytes = 0;
  for (const character of reason) {
    if (!isPlainText(character)) continue;
    bytes += Buffer.byteLength(character);
    if (bytes > REASON_MAX_BYTES) break;
    text += character;
  }
  return text;
}
