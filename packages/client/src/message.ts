// One message as a subscriber gets it.
import { formatPosition, type Attributes, type MessageFrame } from "@shardcast/protocol";
import { decodeData, toText, type DecodedData } from "./data.ts";

const NO_ATTRIBUTES: Attributes = Object.freeze({});

export class Message {
  readonly topic: string;
  /** Which life of the topic's log the offset counts in. */
  readonly epoch: string;
  /** The message's number in its topic. */
  readonly offset: number;
  /** When the owner stored it, in ms since 1970, UTC. */
  readonly time: number;
  readonly messageId: string | undefined;
  readonly attributes: Attributes;
  /**
   * The payload as it is. A view into the WebSocket message that brought it, maybe among many others:
   * to keep few bytes for long, keep `bytes.slice()`.
   */
  readonly bytes: Uint8Array;
  /** Once somebody has asked for it. */
  #decoded: DecodedData | undefined;

  constructor(topic: string, epoch: string, frame: MessageFrame) {
    this.topic = topic;
    this.epoch = epoch;
    this.offset = frame.offset;
    this.time = frame.time;
    this.messageId = frame.messageId;
    this.attributes = frame.attributes ?? NO_ATTRIBUTES;
    this.bytes = frame.payload;
  }

  /** `<epoch>_<offset>`: `subscribe(topic, { from: message.position })` goes on behind this message. */
  get position(): string {
    return formatPosition(this);
  }

  /**
   * What was published: a string, bytes, or a JSON value. Never throws: a payload that says it is JSON and is not
   * is given as the bytes that it is, and `problem` tells why.
   */
  get data(): unknown {
    return this.#decode().data;
  }

  /** Why `data` is not what the publisher said: undefined for every message that is sound. */
  get problem(): SyntaxError | undefined {
    return this.#decode().problem;
  }

  /** The payload as text, with U+FFFD for what is not UTF-8. */
  text(): string {
    return toText(this.bytes);
  }

  /**
   * The payload as JSON, whatever its publisher said that it is.
   * @throws SyntaxError where it is not: others may publish anything, so a loop has to catch it, or read `data`
   */
  json(): unknown {
    return JSON.parse(this.text());
  }

  #decode(): DecodedData {
    this.#decoded ??= decodeData(this.bytes, this.attributes);
    return this.#decoded;
  }
}
