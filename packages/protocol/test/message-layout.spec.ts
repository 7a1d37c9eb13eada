import { expect } from "chai";
import fc from "fast-check";
import { decodeFrames, encodeFrame } from "../src/binary-codec.ts";
import type { MessageFrame } from "../src/frame.ts";
import {
  ACK_BYTES,
  MESSAGE_HEAD_BYTES,
  readAckSeq,
  readMessageOffset,
  readMessageTime,
  readMessageTopicId,
  writeAck,
  writeAckSeq,
  writeMessageHead,
  writeMessageTopicId,
} from "../src/message-layout.ts";
import { epochToBytes } from "../src/position.ts";
import { PublishHead } from "../src/publish-head.ts";
import { FRAMES, hex, uint32, uint48 } from "./support.ts";

const AT = 7;

describe("message layout", () => {
  it("makes a message frame of a publish frame's content, as the codec would", () => {
    const head = new PublishHead();
    fc.assert(
      fc.property(FRAMES.publish, uint32, uint48, uint48, (publish, topicId, offset, time) => {
        const source = encodeFrame(publish);
        expect(head.read(source, 0, source.length)).to.equal(true);
        const content = source.subarray(head.contentStart);
        const bytes = new Uint8Array(AT + MESSAGE_HEAD_BYTES + content.length);
        writeMessageHead(bytes, AT, { topicId, offset, time, contentBytes: content.length });
        bytes.set(content, AT + MESSAGE_HEAD_BYTES);

        const { messageId, attributes, payload } = publish;
        const message: MessageFrame = {
          type: "message",
          topicId,
          offset,
          time,
          ...(messageId === undefined ? {} : { messageId }),
          ...(attributes === undefined ? {} : { attributes }),
          payload,
        };
        expect(hex(bytes.subarray(AT))).to.equal(hex(encodeFrame(message)));
        expect(decodeFrames(bytes.subarray(AT))).to.deep.equal([message]);
      }),
      { numRuns: 500 },
    );
  });

  it("reads a message's topic id, offset and time where the codec writes them", () => {
    fc.assert(
      fc.property(FRAMES.message, (message) => {
        const encoded = encodeFrame(message);
        const bytes = new Uint8Array(AT + encoded.length);
        bytes.set(encoded, AT);
        expect(readMessageTopicId(bytes, AT)).to.equal(message.topicId);
        expect(readMessageOffset(bytes, AT)).to.equal(message.offset);
        expect(readMessageTime(bytes, AT)).to.equal(message.time);
      }),
    );
  });

  it("changes a message's topic id and nothing else", () => {
    fc.assert(
      fc.property(FRAMES.message, uint32, (message, topicId) => {
        const bytes = encodeFrame(message);
        writeMessageTopicId(bytes, 0, topicId);
        expect(hex(bytes)).to.equal(hex(encodeFrame({ ...message, topicId })));
      }),
    );
  });

  it("writes an ack as the codec does", () => {
    fc.assert(
      fc.property(FRAMES.ack, (ack) => {
        // Old bytes in the buffer must not show through.
        const bytes = new Uint8Array(AT + ACK_BYTES + 1).fill(0xee);
        writeAck(bytes, AT, {
          seq: ack.seq,
          isDuplicate: ack.duplicate,
          epoch: epochToBytes(ack.position.epoch),
          offset: ack.position.offset,
        });
        expect(hex(bytes.subarray(AT))).to.equal(`${hex(encodeFrame(ack))}ee`);
      }),
      { numRuns: 500 },
    );
  });

  it("reads an ack's seq, and changes it and nothing else", () => {
    fc.assert(
      fc.property(FRAMES.ack, uint32, (ack, seq) => {
        const bytes = encodeFrame(ack);
        expect(bytes.length).to.equal(ACK_BYTES);
        expect(readAckSeq(bytes, 0)).to.equal(ack.seq);
        writeAckSeq(bytes, 0, seq);
        expect(hex(bytes)).to.equal(hex(encodeFrame({ ...ack, seq })));
      }),
    );
  });
});
