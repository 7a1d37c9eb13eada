// A subscriber, whose received bytes are counted, and a publisher, in the protocol of each system.
// All use the same raw WebSocket, except MQTT, which Debian's Mosquitto serves best over TCP.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodeFrame, formatPosition, writeUint32, PUBLISH_SEQ_AT } from "@shardcast/protocol";
import { PskKeys } from "@shardcast/protocol/proof";
import type { LocalEnd } from "./local-end.ts";
import { mqttConnect, mqttPublish, mqttSubscribe } from "./mqtt-packet.ts";
import { RawSocket } from "./raw-socket.ts";
import { ShardcastSocket } from "./shardcast-socket.ts";
import { BENCH_PSK } from "../peers/shardcast-nodes.ts";
import type { Dialect } from "./load.ts";

interface SubscriberOptions {
  readonly port: number;
  readonly topic: string;
  readonly local: LocalEnd;
  /**
   * The position to resume from, as `subscribe` returned it. @default start with the next message
   */
  readonly resume?: string;
  /**
   * Called with the number of bytes of messages, and the bytes, which are valid only during the
   * call.
   */
  readonly received: (bytes: number, message: Buffer) => void;
}

interface PublisherOptions {
  readonly port: number;
  /** Whether the port belongs to a Shardcast producer. */
  readonly isProducer: boolean;
  /** The number of topics to publish to. */
  readonly topics: number;
}

export interface Publisher {
  /** Publishes once. All payloads to a topic must have the same size. */
  publish(topic: string, payload: Buffer): void;
  /** Sends everything published in this turn. */
  flush(): void;
}

export interface Speaker {
  /**
   * Resolves when it has requested its topic.
   * @returns a position that another subscriber can resume from, if the system supports that
   */
  subscribe(options: SubscriberOptions): Promise<string | undefined>;
  publisher(options: PublisherOptions): Promise<Publisher>;
}

export const SPEAKERS: Readonly<Record<Dialect, Speaker>> = {
  shardcast: {
    subscribe: ({ port, topic, local, resume, received }) => {
      const path = `/subscribe/${topic}${resume === undefined ? "" : `?from=${resume}`}`;
      return new Promise((resolve, reject) => {
        ShardcastSocket.open({
          port,
          keys: KEYS,
          endpoint: "subscribe",
          path,
          local,
          messages: received,
          other: (frame) => {
            if (frame.type === "subscribed") resolve(formatPosition(frame.position));
          },
        }).catch(reject);
      });
    },
    publisher: async ({ port, isProducer }) => {
      const endpoint = isProducer ? "produce" : "connect";
      const socket = await ShardcastSocket.open({ port, keys: KEYS, endpoint });
      let seq = 0;
      const frames = new Map<string, Uint8Array>();
      const send = (bytes: Buffer): void => socket.send(bytes);
      return gathering(send, (topic, payload) => {
        let frame = frames.get(topic);
        if (frame === undefined) {
          frame = encodeFrame({ type: "publish", seq: 0, timeoutMs: 0, topic, payload });
          frames.set(topic, frame);
        }
        const copy = frame.slice();
        writeUint32(copy, PUBLISH_SEQ_AT, seq);
        copy.set(payload, copy.length - payload.length);
        seq = (seq + 1) >>> 0;
        return [copy];
      });
    },
  },
  bare: {
    subscribe: async ({ port, topic, local, resume, received }) => {
      await RawSocket.open({
        port,
        path: `/${resume ?? "subscribe"}/${topic}`,
        local,
        received: (message) => received(message.length, message),
      });
      return "recover";
    },
    publisher: async ({ port }) => {
      const socket = await RawSocket.open({ port, path: "/publish", received: ignore });
      return direct((topic, payload) =>
        socket.send(Buffer.concat([Buffer.from(`${topic}\n`), payload])),
      );
    },
  },
  "socket.io": {
    subscribe: async ({ port, topic, local, received }) => {
      const socket = await socketIo(port, local, received);
      socket.send(`42["subscribe","${topic}"]`);
      return undefined;
    },
    publisher: async ({ port }) => {
      const socket = await socketIo(port, undefined, ignore);
      return direct((topic, payload) =>
        socket.send(`42["publish","${topic}","${payload.toString("latin1")}"]`),
      );
    },
  },
  nats: {
    subscribe: async ({ port, topic, local, received }) => {
      const socket = await nats(port, local, received);
      socket.send(Buffer.from(`SUB ${topic} 1\r\n`));
      return undefined;
    },
    publisher: async ({ port }) => {
      const socket = await nats(port, undefined, ignore);
      const send = (bytes: Buffer): void => socket.send(bytes);
      return gathering(send, (topic, payload) => [
        Buffer.from(`PUB ${topic} ${payload.length}\r\n`),
        payload,
        CRLF,
      ]);
    },
  },
  nchan: {
    subscribe: async ({ port, topic, local, received }) => {
      await RawSocket.open({
        port,
        path: `/subscribe/${topic}`,
        local,
        received: (message) => received(message.length, message),
      });
      return undefined;
    },
    publisher: ({ port, topics }) =>
      topics > MAX_PUBLISHER_SOCKETS ? nchanOverHttp(port) : nchanOverWebSocket(port),
  },
  mqtt: {
    subscribe: async ({ port, topic, local, received }) => {
      const socket = await mqtt(port, local, received);
      socket.write(mqttSubscribe(topic));
      return undefined;
    },
    publisher: async ({ port }) => {
      const socket = await mqtt(port, undefined, ignore);
      return direct((topic, payload) => socket.write(mqttPublish(topic, payload)));
    },
  },
};

const KEYS = new PskKeys(BENCH_PSK);
/** With more topics than this, the publisher uses HTTP. */
const MAX_PUBLISHER_SOCKETS = 64;
const CRLF = Buffer.from("\r\n");

function ignore(): void {
  // Acks and similar frames.
}

function direct(publish: Publisher["publish"]): Publisher {
  return { publish, flush: ignore };
}

/** A publisher that sends all publishes of a turn in one write. */
function gathering(
  send: (bytes: Buffer) => void,
  encode: (topic: string, payload: Buffer) => readonly Uint8Array[],
): Publisher {
  let out: Uint8Array[] = [];
  return {
    publish: (topic, payload) => out.push(...encode(topic, payload)),
    flush: () => {
      if (out.length > 0) send(Buffer.concat(out));
      out = [];
    },
  };
}

/** Nchan's WebSocket publisher needs a socket for each channel. */
function nchanOverWebSocket(port: number): Promise<Publisher> {
  const sockets = new Map<string, Promise<RawSocket>>();
  const publisher = direct((topic, payload) => {
    let socket = sockets.get(topic);
    if (socket === undefined) {
      socket = RawSocket.open({ port, path: `/publish/${topic}`, received: ignore });
      sockets.set(topic, socket);
    }
    void socket.then((open) => open.send(payload));
  });
  return Promise.resolve(publisher);
}

/** One connection with pipelined requests. */
async function nchanOverHttp(port: number): Promise<Publisher> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  socket.resume();
  const send = (bytes: Buffer): boolean => socket.write(bytes);
  return gathering(send, (topic, payload) => [
    Buffer.from(
      `POST /publish/${topic} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${payload.length}\r\n\r\n`,
    ),
    payload,
  ]);
}

/** Engine.IO 4 over a WebSocket: "0…" opens, "40" connects, "2" is a ping, "42…" an event. */
async function socketIo(
  port: number,
  local: LocalEnd | undefined,
  received: SubscriberOptions["received"],
): Promise<RawSocket> {
  let connected: () => void = ignore;
  const isConnected = new Promise<void>((resolve) => (connected = resolve));
  const socket: RawSocket = await RawSocket.open({
    port,
    path: "/socket.io/?EIO=4&transport=websocket",
    local,
    received: (message) => {
      if (message[0] === 0x34 && message[1] === 0x32) received(message.length, message);
      else if (message[0] === 0x34) connected();
      else if (message[0] === 0x32) socket.send("3");
    },
  });
  socket.send("40");
  await isConnected;
  return socket;
}

async function nats(
  port: number,
  local: LocalEnd | undefined,
  received: SubscriberOptions["received"],
): Promise<RawSocket> {
  const socket: RawSocket = await RawSocket.open({
    port,
    path: "/",
    local,
    received: (message) => {
      const first = message[0];
      // Answer PING, ignore INFO and +OK. Everything else is one or more messages.
      if (first === 0x50 && message[1] === 0x49) socket.send(Buffer.from("PONG\r\n"));
      else if (first === 0x4d) received(message.length, message);
    },
  });
  socket.send(Buffer.from('CONNECT {"verbose":false,"pedantic":false,"headers":false}\r\n'));
  return socket;
}

/** Plain MQTT over TCP, the cheapest transport that Mosquitto offers. */
async function mqtt(
  port: number,
  local: LocalEnd | undefined,
  received: SubscriberOptions["received"],
): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", ...local, noDelay: true });
  await once(socket, "connect");
  const answered = once(socket, "data");
  socket.write(mqttConnect());
  await answered;
  socket.on("data", (data) => received(data.length, data));
  return socket;
}
