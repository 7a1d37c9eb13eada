// One message as a subscriber gets it.
import { formatPosition, type Attributes, type MessageFrame } from "@shardcast/protocol";
import { decodeData, toText } from "./data.ts";

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
   * What was published: a string, bytes, or a JSON value.
   * @throws SyntaxError where the publisher said JSON and sent something else
   */
  get data(): unknown {
    return decodeData(this.bytes, this.attributes);
  }

  /** The payload as text, with U+FFFD for what is not UTF-8. */
  text(): string {
    return toText(this.bytes);
  }

  /** @throws SyntaxError where the payload is not JSON */
  json(): unknown {
    return JSON.parse(this.text());
  }
}
