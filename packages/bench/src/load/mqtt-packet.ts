// The three MQTT 3.1.1 packets that a measurement needs. Source: OASIS MQTT 3.1.1, §3.1, §3.3,
// §3.8.
import { randomBytes } from "node:crypto";

/** CONNECT with a clean session, no user name, and no keep-alive. */
export function mqttConnect(): Buffer {
  const id = Buffer.from(randomBytes(8).toString("hex"));
  const variable = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0]);
  return packet(0x10, Buffer.concat([variable, text(id)]));
}

export function mqttSubscribe(topic: string): Buffer {
  return packet(
    0x82,
    Buffer.concat([Buffer.from([0, 1]), text(Buffer.from(topic)), Buffer.from([0])]),
  );
}

/** PUBLISH with quality of service 0, which gets no answer. */
export function mqttPublish(topic: string, payload: Buffer): Buffer {
  return packet(0x30, Buffer.concat([text(Buffer.from(topic)), payload]));
}

function text(bytes: Buffer): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(bytes.length);
  return Buffer.concat([head, bytes]);
}

function packet(type: number, body: Buffer): Buffer {
  const head = [type];
  let rest = body.length;
  do {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    head.push(rest > 0 ? digit | 0x80 : digit);
  } while (rest > 0);
  return Buffer.concat([Buffer.from(head), body]);
}
