// At least one frame of every type, as both codecs encode it. These bytes define the wire format: changing
// them changes the protocol.
import type { Frame } from "../src/frame.ts";
import { attributesOf, utf8 } from "./support.ts";

export interface Golden {
  readonly frame: Frame;
  readonly hex: string;
  readonly json: string;
}

const NONCE = Uint8Array.from({ length: 32 }, (_, index) => index);
const MAC = Uint8Array.from({ length: 32 }, (_, index) => 0xff - index);
const NONCE_HEX = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const MAC_HEX = "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0";
const NONCE_BASE64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const MAC_BASE64 = "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=";
const POSITION = { epoch: "0123456789abcdef", offset: 42 };
const TIME = 1_700_000_000_000; // 0x018bcfe56800

export const GOLDEN: readonly Golden[] = [
  {
    frame: { type: "challenge", nonce: NONCE },
    hex: `01 000020 ${NONCE_HEX}`,
    json: `{"type":"challenge","nonce":"${NONCE_BASE64}"}`,
  },
  {
    frame: { type: "proof", keyId: "c0ffee00", nonce: NONCE, mac: MAC },
    hex: `02 000049 08 6330666665653030 ${NONCE_HEX} ${MAC_HEX}`,
    json: `{"type":"proof","keyId":"c0ffee00","nonce":"${NONCE_BASE64}","mac":"${MAC_BASE64}"}`,
  },
  {
    frame: {
      type: "welcome",
      mac: MAC,
      nodeId: "c1",
      linkId: "7f",
      maxPayloadBytes: 1_048_576,
      maxTopics: 1000,
      windowMessages: 4096,
      heartbeatMs: 25_000,
    },
    hex: `03 000036 ${MAC_HEX} 02 6331 02 3766 00100000 000003e8 00001000 000061a8`,
    json:
      `{"type":"welcome","mac":"${MAC_BASE64}","nodeId":"c1","linkId":"7f",` +
      `"maxPayloadBytes":1048576,"maxTopics":1000,"windowMessages":4096,"heartbeatMs":25000}`,
  },
  {
    frame: { type: "token", token: "a.b.c" },
    hex: "04 000007 0005 612e622e63",
    json: '{"type":"token","token":"a.b.c"}',
  },
  {
    frame: { type: "authorized", user: "ann", expiresInMs: 60_000 },
    hex: "05 00000a 03 616e6e 00000000ea60",
    json: '{"type":"authorized","user":"ann","expiresInMs":60000}',
  },
  {
    frame: { type: "publish", seq: 7, timeoutMs: 5000, topic: "news", payload: utf8("hi") },
    hex: "10 000010 00000007 00001388 04 6e657773 00 6869",
    json: '{"type":"publish","seq":7,"timeoutMs":5000,"topic":"news","payload":"hi"}',
  },
  {
    frame: {
      type: "publish",
      seq: 8,
      timeoutMs: 0,
      topic: "日本",
      messageId: "m1",
      attributes: attributesOf([
        ["a", "1"],
        ["key", ""],
      ]),
      payload: Uint8Array.of(0xff, 0x00),
    },
    hex: "10 000021 00000008 00000000 06 e697a5e69cac 03 02 6d31 000a 02 01 61 01 31 03 6b6579 00 ff00",
    json:
      '{"type":"publish","seq":8,"timeoutMs":0,"topic":"日本","messageId":"m1",' +
      '"attributes":{"a":"1","key":""},"payloadBase64":"/wA="}',
  },
  {
    frame: { type: "ack", seq: 7, position: POSITION, duplicate: false },
    hex: "11 000013 00000007 00 0123456789abcdef 00000000002a",
    json: '{"type":"ack","seq":7,"position":"0123456789abcdef_42"}',
  },
  {
    frame: {
      type: "ack",
      seq: 0xffff_ffff,
      position: { epoch: "ffffffffffffffff", offset: 2 ** 48 - 1 },
      duplicate: true,
    },
    hex: "11 000013 ffffffff 01 ffffffffffffffff ffffffffffff",
    json: '{"type":"ack","seq":4294967295,"position":"ffffffffffffffff_281474976710655","duplicate":true}',
  },
  {
    frame: { type: "reject", seq: 7, code: "SHARDCAST_WINDOW_FULL", reason: "full" },
    hex: "12 00001f 00000007 15 5348415244434153545f57494e444f575f46554c4c 04 66756c6c",
    json: '{"type":"reject","seq":7,"code":"SHARDCAST_WINDOW_FULL","reason":"full"}',
  },
  {
    frame: { type: "subscribe", sub: 3, topic: "news", from: { type: "live" } },
    hex: "13 00000a 00000003 04 6e657773 00",
    json: '{"type":"subscribe","sub":3,"topic":"news","from":"live"}',
  },
  {
    frame: { type: "subscribe", sub: 3, topic: "news", from: { type: "earliest" } },
    hex: "13 00000a 00000003 04 6e657773 01",
    json: '{"type":"subscribe","sub":3,"topic":"news","from":"earliest"}',
  },
  {
    frame: {
      type: "subscribe",
      sub: 3,
      topic: "news",
      from: { type: "position", position: POSITION },
    },
    hex: "13 000018 00000003 04 6e657773 02 0123456789abcdef 00000000002a",
    json: '{"type":"subscribe","sub":3,"topic":"news","from":"0123456789abcdef_42"}',
  },
  {
    frame: { type: "subscribe", sub: 3, topic: "news", from: { type: "last", count: 10 } },
    hex: "13 00000e 00000003 04 6e657773 03 0000000a",
    json: '{"type":"subscribe","sub":3,"topic":"news","from":"last:10"}',
  },
  {
    frame: { type: "subscribe", sub: 3, topic: "news", from: { type: "since", time: TIME } },
    hex: "13 000010 00000003 04 6e657773 04 018bcfe56800",
    json: '{"type":"subscribe","sub":3,"topic":"news","from":"since:1700000000000"}',
  },
  {
    frame: {
      type: "subscribed",
      sub: 3,
      topicId: 9,
      recovered: true,
      position: POSITION,
      head: 50,
      oldest: 11,
    },
    hex: "14 000023 00000003 00000009 01 0123456789abcdef 00000000002a 000000000032 00000000000b",
    json:
      '{"type":"subscribed","sub":3,"topicId":9,"recovered":true,' +
      '"position":"0123456789abcdef_42","head":50,"oldest":11}',
  },
  {
    frame: { type: "unsubscribe", sub: 3 },
    hex: "15 000004 00000003",
    json: '{"type":"unsubscribe","sub":3}',
  },
  {
    frame: { type: "unsubscribed", sub: 3, code: "", reason: "" },
    hex: "16 000006 00000003 00 00",
    json: '{"type":"unsubscribed","sub":3,"code":"","reason":""}',
  },
  {
    frame: { type: "message", topicId: 9, offset: 43, time: TIME, payload: utf8("hi") },
    hex: "17 000013 00000009 00000000002b 018bcfe56800 00 6869",
    json: '{"type":"message","topicId":9,"offset":43,"time":1700000000000,"payload":"hi"}',
  },
  {
    frame: {
      type: "message",
      topicId: 9,
      offset: 44,
      time: TIME,
      messageId: "m1",
      attributes: attributesOf([["__proto__", "x"]]),
      payload: new Uint8Array(0),
    },
    hex: "17 000023 00000009 00000000002c 018bcfe56800 03 02 6d31 000d 01 09 5f5f70726f746f5f5f 01 78",
    json:
      '{"type":"message","topicId":9,"offset":44,"time":1700000000000,"messageId":"m1",' +
      '"attributes":{"__proto__":"x"},"payload":""}',
  },
  {
    frame: { type: "gap", sub: 3, epoch: "0123456789abcdef", first: 43, last: 99 },
    hex: "18 000018 00000003 0123456789abcdef 00000000002b 000000000063",
    json: '{"type":"gap","sub":3,"epoch":"0123456789abcdef","first":43,"last":99}',
  },
  {
    frame: { type: "heartbeat" },
    hex: "19 000000",
    json: '{"type":"heartbeat"}',
  },
  {
    frame: { type: "read", seq: 5, topic: "news", from: { type: "earliest" }, limitBytes: 65_536 },
    hex: "1a 00000e 00000005 04 6e657773 01 00010000",
    json: '{"type":"read","seq":5,"topic":"news","from":"earliest","limitBytes":65536}',
  },
  {
    frame: {
      type: "page",
      seq: 5,
      position: POSITION,
      head: 50,
      oldest: 11,
      frames: Uint8Array.of(0x19, 0, 0, 0),
    },
    hex: "1b 000022 00000005 0123456789abcdef 00000000002a 000000000032 00000000000b 19000000",
    json:
      '{"type":"page","seq":5,"position":"0123456789abcdef_42","head":50,"oldest":11,' +
      '"frames":"GQAAAA=="}',
  },
  {
    frame: { type: "enter", seq: 6, topic: "news", memberId: "t1", user: "ann", info: "hi" },
    hex: "1c 000014 00000006 04 6e657773 02 7431 03 616e6e 0002 6869",
    json: '{"type":"enter","seq":6,"topic":"news","memberId":"t1","user":"ann","info":"hi"}',
  },
  {
    frame: { type: "entered", seq: 6 },
    hex: "1d 000004 00000006",
    json: '{"type":"entered","seq":6}',
  },
  {
    frame: { type: "leave", lost: false, topic: "news", memberId: "t1", user: "ann" },
    hex: "1e 00000d 00 04 6e657773 02 7431 03 616e6e",
    json: '{"type":"leave","topic":"news","memberId":"t1","user":"ann"}',
  },
  {
    frame: { type: "leave", lost: true, topic: "news", memberId: "t1", user: "" },
    hex: "1e 00000a 01 04 6e657773 02 7431 00",
    json: '{"type":"leave","topic":"news","memberId":"t1","user":"","lost":true}',
  },
  {
    frame: { type: "presence", seq: 7, topic: "news", after: 0, limit: 100 },
    hex: "1f 000013 00000007 04 6e657773 000000000000 00000064",
    json: '{"type":"presence","seq":7,"topic":"news","after":0,"limit":100}',
  },
  {
    frame: {
      type: "present",
      seq: 7,
      position: POSITION,
      count: 2,
      users: 1,
      next: 0,
      members: [
        { memberId: "t1", user: "ann", info: "hi" },
        { memberId: "t2", user: "", info: "" },
      ],
    },
    hex:
      "20 000031 00000007 0123456789abcdef 00000000002a 00000002 00000001 000000000000 " +
      "02 7431 03 616e6e 0002 6869 02 7432 00 0000",
    json:
      '{"type":"present","seq":7,"position":"0123456789abcdef_42","count":2,"users":1,"next":0,' +
      '"members":[{"memberId":"t1","user":"ann","info":"hi"},{"memberId":"t2","user":"","info":""}]}',
  },
  {
    frame: { type: "drain", withinMs: 10_000 },
    hex: "80 000004 00002710",
    json: '{"type":"drain","withinMs":10000,"optional":true}',
  },
  {
    frame: { type: "regroup", withinMs: 1000 },
    hex: "81 000004 000003e8",
    json: '{"type":"regroup","withinMs":1000,"optional":true}',
  },
  {
    frame: { type: "expiring", withinMs: 30_000 },
    hex: "82 000004 00007530",
    json: '{"type":"expiring","withinMs":30000,"optional":true}',
  },
  {
    frame: { type: "cause", sub: 3, code: "SHARDCAST_MESSAGES_DAMAGED" },
    hex: "83 00001f 00000003 1a 5348415244434153545f4d455353414745535f44414d41474544",
    json: '{"type":"cause","sub":3,"code":"SHARDCAST_MESSAGES_DAMAGED","optional":true}',
  },
  {
    frame: { type: "checksum", bytes: 23, crc: 0x753c_c6f3 },
    hex: "84 000008 00000017 753cc6f3",
    json: '{"type":"checksum","bytes":23,"crc":1966917363,"optional":true}',
  },
  {
    frame: { type: "ping" },
    hex: "85 000000",
    json: '{"type":"ping","optional":true}',
  },
  {
    frame: { type: "pong" },
    hex: "86 000000",
    json: '{"type":"pong","optional":true}',
  },
  {
    frame: { type: "large", bytes: 1_000_000 },
    hex: "87 000004 000f4240",
    json: '{"type":"large","bytes":1000000,"optional":true}',
  },
  {
    frame: { type: "clock", seq: 8, time: 1_700_000_000_000 },
    hex: "88 00000a 00000008 018bcfe56800",
    json: '{"type":"clock","seq":8,"time":1700000000000,"optional":true}',
  },
];
