// One message, as the subscriber receives it.
import {
  formatPosition,
  splitAttributes,
  type Attributes,
  type MessageFrame,
} from "@shardcast/protocol";
import { decodeData, toText, type DecodedData } from "./data.ts";

const NO_ATTRIBUTES: Attributes = Object.freeze({});

export class Message {
  readonly topic: string;
  /** The id of the lifetime of the topic's log to which the offset belongs. */
  readonly epoch: string;
  /** The message's number in its topic. */
  readonly offset: number;
  /** When the owner stored the message, in ms since 1970, UTC. */
  readonly time: number;
  readonly messageId: string | undefined;
  /**
   * The user whose token published the message, as the node verified it: a publisher cannot choose it. Undefined if the
   * message was published without a token.
   */
  readonly user: string | undefined;
  /** The publisher's attributes. */
  readonly attributes: Attributes;
  /**
   * The payload. A view into the WebSocket message that contained it, possibly among many other messages: copy it with
   * `bytes.slice()` to keep it for long.
   */
  readonly bytes: Uint8Array;
  /** Cached after the first use. */
  #decoded: DecodedData | undefined;

  constructor(topic: string, epoch: string, frame: MessageFrame) {
    this.topic = topic;
    this.epoch = epoch;
    this.offset = frame.offset;
    this.time = frame.time;
    this.messageId = frame.messageId;
    const { user, attributes } = splitAttributes(frame.attributes);
    this.user = user;
    this.attributes = attributes ?? NO_ATTRIBUTES;
    this.bytes = frame.payload;
  }

  /** `<epoch>_<offset>`: `subscribe(topic, { from: message.position })` continues after this message. */
  get position(): string {
    return formatPosition(this);
  }

  /**
   * The published data: a string, bytes, or a JSON value. Never throws: if the content type is JSON and the payload is
   * not valid JSON, `data` is the bytes, and `problem` is the error.
   */
  get data(): unknown {
    return this.#decode().data;
  }

  /** Why the payload does not match its content type; undefined if it does. */
  get problem(): SyntaxError | undefined {
    return this.#decode().problem;
  }

  /** Returns the payload as text, with U+FFFD for bytes that are not UTF-8. */
  text(): string {
    return toText(this.bytes);
  }

  /**
   * Returns the payload parsed as JSON, regardless of its content type.
   * @throws SyntaxError if it is not valid JSON. Publishers may send anything: catch it, or read `data`
   */
  json(): unknown {
    return JSON.parse(this.text());
  }

  #decode(): DecodedData {
    this.#decoded ??= decodeData(this.bytes, this.attributes);
    return this.#decoded;
  }
}
