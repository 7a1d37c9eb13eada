// The same two roles, a subscriber whose bytes are counted and a publisher, in the words of each system.
// All speak over WebSockets by the same raw socket but MQTT, which Debian's Mosquitto serves best over TCP.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodeFrame, writeUint32, PUBLISH_SEQ_AT } from "@shardcast/protocol";
import { PskKeys } from "@shardcast/protocol/proof";
import { mqttConnect, mqttPublish, mqttSubscribe } from "./mqtt-packet.ts";
import { RawSocket } from "./raw-socket.ts";
import { ShardcastSocket } from "./shardcast-socket.ts";
import { BENCH_PSK } from "./shardcast-nodes.ts";
import type { Dialect } from "./load.ts";

interface SubscriberOptions {
  readonly port: number;
  readonly topic: string;
  readonly localAddress: string;
  /** Told how many bytes of messages came. */
  readonly received: (bytes: number) => void;
}

export interface Publisher {
  /** Publishes once. */
  publish(topic: string): void;
  /** Sends what was published in this turn. */
  flush(): void;
}

export interface Speaker {
  /** Resolves when it has asked for its topic. */
  subscribe(options: SubscriberOptions): Promise<void>;
  publisher(port: number, payload: Buffer): Promise<Publisher>;
}

export const SPEAKERS: Readonly<Record<Dialect, Speaker>> = {
  shardcast: {
    subscribe: async ({ port, topic, localAddress, received }) => {
      const path = `/subscribe/${topic}`;
      await new Promise<void>((resolve, reject) => {
        ShardcastSocket.open({
          ...{ port, keys: KEYS, endpoint: "subscribe", path, localAddress },
          messages: received,
          other: ({ type }) => {
            if (type === "subscribed") resolve();
          },
        }).catch(reject);
      });
    },
    publisher: async (port, payload) => {
      const socket = await ShardcastSocket.open({ port, keys: KEYS, endpoint: "connect" });
      let seq = 0;
      let out: Uint8Array[] = [];
      const frames = new Map<string, Uint8Array>();
      return {
        publish: (topic) => {
          let frame = frames.get(topic);
          if (frame === undefined) {
            frame = encodeFrame({ type: "publish", seq: 0, timeoutMs: 0, topic, payload });
            frames.set(topic, frame);
          }
          const copy = frame.slice();
          writeUint32(copy, PUBLISH_SEQ_AT, seq);
          seq = (seq + 1) >>> 0;
          out.push(copy);
        },
        flush: () => {
          if (out.length > 0) socket.send(Buffer.concat(out));
          out = [];
        },
      };
    },
  },
  bare: {
    subscribe: async ({ port, topic, localAddress, received }) => {
      await RawSocket.open({
        ...{ port, path: `/subscribe/${topic}`, localAddress },
        received: (message) => received(message.length),
      });
    },
    publisher: async (port, payload) => {
      const socket = await RawSocket.open({ port, path: "/publish", received: ignore });
      return direct((topic) => socket.send(Buffer.concat([Buffer.from(`${topic}\n`), payload])));
    },
  },
  "socket.io": {
    subscribe: async ({ port, topic, localAddress, received }) => {
      const socket = await socketIo(port, localAddress, received);
      socket.send(`42["subscribe","${topic}"]`);
    },
    publisher: async (port, payload) => {
      const socket = await socketIo(port, "127.0.0.1", ignore);
      const text = payload.toString("latin1");
      return direct((topic) => socket.send(`42["publish","${topic}","${text}"]`));
    },
  },
  nats: {
    subscribe: async ({ port, topic, localAddress, received }) => {
      const socket = await nats(port, localAddress, received);
      socket.send(Buffer.from(`SUB ${topic} 1\r\n`));
    },
    publisher: async (port, payload) => {
      const socket = await nats(port, "127.0.0.1", ignore);
      let out: Buffer[] = [];
      return {
        publish: (topic) => {
          out.push(Buffer.from(`PUB ${topic} ${payload.length}\r\n`), payload, CRLF);
        },
        flush: () => {
          if (out.length > 0) socket.send(Buffer.concat(out));
          out = [];
        },
      };
    },
  },
  nchan: {
    subscribe: async ({ port, topic, localAddress, received }) => {
      await RawSocket.open({
        ...{ port, path: `/subscribe/${topic}`, localAddress },
        received: (message) => received(message.length),
      });
    },
    publisher: (port, payload) => {
      const sockets = new Map<string, Promise<RawSocket>>();
      const publisher = direct((topic) => {
        let socket = sockets.get(topic);
        if (socket === undefined) {
          socket = RawSocket.open({ port, path: `/publish/${topic}`, received: ignore });
          sockets.set(topic, socket);
        }
        void socket.then((open) => open.send(payload));
      });
      return Promise.resolve(publisher);
    },
  },
  mqtt: {
    subscribe: async ({ port, topic, localAddress, received }) => {
      const socket = await mqtt(port, localAddress, received);
      socket.write(mqttSubscribe(topic));
    },
    publisher: async (port, payload) => {
      const socket = await mqtt(port, "127.0.0.1", ignore);
      return direct((topic) => socket.write(mqttPublish(topic, payload)));
    },
  },
};

const KEYS = new PskKeys(BENCH_PSK);
const CRLF = Buffer.from("\r\n");

function ignore(): void {
  // Acks and the like.
}

function direct(publish: (topic: string) => void): Publisher {
  return { publish, flush: ignore };
}

/** Engine.IO 4 over a WebSocket: "0…" opens, "40" connects, "2" is a ping, "42…" an event. */
async function socketIo(
  port: number,
  localAddress: string,
  received: (bytes: number) => void,
): Promise<RawSocket> {
  let connected: () => void = ignore;
  const isConnected = new Promise<void>((resolve) => (connected = resolve));
  const socket: RawSocket = await RawSocket.open({
    ...{ port, path: "/socket.io/?EIO=4&transport=websocket", localAddress },
    received: (message) => {
      if (message[0] === 0x34 && message[1] === 0x32) received(message.length);
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
  localAddress: string,
  received: (bytes: number) => void,
): Promise<RawSocket> {
  const socket: RawSocket = await RawSocket.open({
    ...{ port, path: "/", localAddress },
    received: (message) => {
      const first = message[0];
      // PING; INFO and +OK are nothing to us. Everything else is messages, one or many.
      if (first === 0x50 && message[1] === 0x49) socket.send(Buffer.from("PONG\r\n"));
      else if (first === 0x4d) received(message.length);
    },
  });
  socket.send(Buffer.from('CONNECT {"verbose":false,"pedantic":false,"headers":false}\r\n'));
  return socket;
}

/** Plain MQTT over TCP: the least that Mosquitto can be asked for. */
async function mqtt(
  port: number,
  localAddress: string,
  received: (bytes: number) => void,
): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", localAddress, noDelay: true });
  await once(socket, "connect");
  const answered = once(socket, "data");
  socket.write(mqttConnect());
  await answered;
  socket.on("data", (data) => received(data.length));
  return socket;
}
