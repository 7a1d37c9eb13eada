// Every frame on every endpoint, and the node's answer to each.
import {
  ENDPOINTS,
  FRAME_TYPES,
  SKIPPABLE_FROM,
  SUBPROTOCOLS,
  isForTokens,
  isFrameAllowed,
  type Action,
  type Endpoint,
  type Frame,
  type FrameType,
  type From,
  type Subprotocol,
} from "@shardcast/protocol";
import { GOLDEN } from "@shardcast/protocol/testing";
import type { Caller } from "./callers.ts";
import { eventually } from "@shardcast/faults";
import { TEST_PSK, type NodeProcess } from "./nodes.ts";
import { V1Socket } from "./v1-socket.ts";

/** One request to a node. Other interfaces, such as HTTP, have their own lists of questions. */
export interface Question {
  readonly name: string;
  /** The expected answer to a caller: `ok`, or an error code. */
  readonly expected: (caller: Caller) => string;
  readonly ask: (caller: Caller) => Promise<string>;
}

/** A frame, the answer that means success, and the permissions needed for it. */
interface Probe {
  readonly what: string;
  readonly frame: Frame;
  /** Undefined if the frame has no answer. */
  readonly yes: FrameType | undefined;
  readonly needs: readonly Action[];
}

const FORBIDDEN = "SHARDCAST_FORBIDDEN";
const UNEXPECTED = "SHARDCAST_FRAME_UNEXPECTED";

export interface Nodes {
  readonly producer: NodeProcess;
  /** It owns all topics. */
  readonly consumer: NodeProcess;
}

export function frameQuestions(nodes: Nodes, topic: string): Question[] {
  const endpoints = Object.keys(ENDPOINTS) as Endpoint[];
  const types = Object.keys(FRAME_TYPES) as FrameType[];
  return endpoints.flatMap((endpoint) =>
    types.flatMap((type) =>
      isFrameAllowed(endpoint, FRAME_TYPES[type])
        ? allowedQuestions(nodes, endpoint, type, topic)
        : [otherQuestion(nodes, endpoint, type)],
    ),
  );
}

function allowedQuestions(
  nodes: Nodes,
  endpoint: Endpoint,
  type: FrameType,
  topic: string,
): Question[] {
  if (type === "token") return [tokenQuestion(nodes, endpoint)];
  const probes = probesOf(topic).filter(({ frame }) => frame.type === type);
  if (probes.length === 0) throw new Error(`nothing asks for what ${type} does`);
  return Object.values(SUBPROTOCOLS).flatMap((subprotocol) =>
    probes.map((probe) => ({
      name: `${probe.what} on ${endpoint} (${subprotocol})`,
      expected: (caller) => {
        const isMissing = probe.needs.some((action) => !caller.permissions.includes(action));
        return isMissing || isKeptOut(endpoint, caller) ? FORBIDDEN : "ok";
      },
      ask: (caller) =>
        asking(nodes, endpoint, caller, subprotocol, (socket) => answerTo(socket, probe)),
    })),
  );
}

/** Another token makes sense only on a link that was opened with a token. */
function tokenQuestion(nodes: Nodes, endpoint: Endpoint): Question {
  return {
    name: `another token on ${endpoint}`,
    expected: ({ token }) => (token === undefined ? UNEXPECTED : "ok"),
    ask: (caller) =>
      asking(nodes, endpoint, caller, SUBPROTOCOLS.binary, async (socket) => {
        socket.send({ type: "token", token: caller.token ?? "" });
        const count = (): number =>
          socket.frames.filter(({ type }) => type === "authorized").length;
        await eventually("an answer", () => !socket.isOpen || count() === 2);
        return socket.isOpen ? "ok" : closeCode(socket);
      }),
  };
}

function otherQuestion(nodes: Nodes, endpoint: Endpoint, type: FrameType): Question {
  const frame = GOLDEN.find((golden) => golden.frame.type === type)?.frame;
  if (frame === undefined) throw new Error(`there is no ${type} to send`);
  const said = FRAME_TYPES[type] < SKIPPABLE_FROM ? UNEXPECTED : "ok";
  return {
    name: `${type} on ${endpoint}, where it does not belong`,
    expected: (caller) => (isKeptOut(endpoint, caller) ? FORBIDDEN : said),
    ask: (caller) =>
      asking(nodes, endpoint, caller, SUBPROTOCOLS.binary, (socket) =>
        answerTo(socket, { what: type, frame, yes: undefined, needs: [] }),
      ),
  };
}

function isKeptOut(endpoint: Endpoint, { token }: Caller): boolean {
  return token !== undefined && !isForTokens(endpoint);
}

async function asking(
  { producer, consumer }: Nodes,
  endpoint: Endpoint,
  { token }: Caller,
  subprotocol: Subprotocol,
  ask: (socket: V1Socket) => Promise<string>,
): Promise<string> {
  const { url } = endpoint === "produce" ? producer : consumer;
  const socket = await V1Socket.open(url, { endpoint, subprotocol });
  try {
    socket.send(token === undefined ? await socket.proof(TEST_PSK) : { type: "token", token });
    const isIn = (): boolean => socket.frames.some(({ type }) => type === "welcome");
    await eventually("a welcome", () => isIn() || !socket.isOpen);
    return await (isIn() ? ask(socket) : closeCode(socket));
  } finally {
    socket.end();
  }
}

/**
 * The node's answer to a frame. If nothing arrives before the pongs for the following pings, the
 * answer is silence.
 */
async function answerTo(socket: V1Socket, { frame, yes }: Probe): Promise<string> {
  // A checksum precedes a message.
  const silent = ["challenge", "welcome", "authorized", "heartbeat", "checksum"];
  const answer = (): Frame | undefined => socket.frames.find(({ type }) => !silent.includes(type));
  socket.send(frame);
  // A pong may overtake answers of its own turn, but not those of an earlier turn.
  for (let pings = 0; pings < 2; pings += 1) {
    let hasPong = false;
    socket.socket.once("pong", () => (hasPong = true));
    if (socket.isOpen) socket.socket.ping();
    await eventually("an answer", () => {
      return !socket.isOpen || answer() !== undefined || (yes === undefined && hasPong);
    });
  }
  if (!socket.isOpen) return closeCode(socket);
  const said = answer();
  if (said === undefined || said.type === yes) return "ok";
  return "code" in said ? said.code : `an unexpected ${said.type}`;
}

async function closeCode(socket: V1Socket): Promise<string> {
  return /^\d+ (\w+)/.exec(await socket.closed())?.[1] ?? "no code";
}

function probesOf(topic: string): Probe[] {
  const member = { topic, memberId: "m1", user: "" };
  const epoch = "0123456789abcdef";
  const follow = (what: string, from: From, needs: readonly Action[], name = topic): Probe => {
    const frame: Frame = { type: "subscribe", sub: 1, topic: name, from };
    return { what: `subscribe from ${what}`, frame, yes: "subscribed", needs };
  };
  return [
    {
      what: "publish",
      frame: { type: "publish", seq: 1, timeoutMs: 0, topic, payload: new Uint8Array(1) },
      yes: "ack",
      needs: ["publish"],
    },
    follow("live", { type: "live" }, ["subscribe"]),
    follow("a position", { type: "position", position: { epoch, offset: 0 } }, ["subscribe"]),
    follow("earliest", { type: "earliest" }, ["subscribe", "history"]),
    follow("last", { type: "last", count: 1 }, ["subscribe", "history"]),
    follow("since", { type: "since", time: 0 }, ["subscribe", "history"]),
    follow("live to presence", { type: "live" }, ["presence"], `$presence/${topic}`),
    follow("earliest to presence", { type: "earliest" }, ["presence"], `$presence/${topic}`),
    {
      what: "unsubscribe",
      frame: { type: "unsubscribe", sub: 1 },
      yes: undefined,
      needs: [],
    },
    {
      what: "enter",
      frame: { type: "enter", seq: 1, ...member, info: "" },
      yes: "entered",
      needs: ["presence"],
    },
    { what: "leave", frame: { type: "leave", lost: false, ...member }, yes: undefined, needs: [] },
    {
      what: "presence",
      frame: { type: "presence", seq: 1, topic, after: 0, limit: 10 },
      yes: "present",
      needs: ["presence"],
    },
    {
      what: "read",
      frame: { type: "read", seq: 1, topic, from: { type: "earliest" }, limitBytes: 1000 },
      yes: "page",
      needs: ["subscribe", "history"],
    },
    { what: "heartbeat", frame: { type: "heartbeat" }, yes: undefined, needs: [] },
    { what: "ping", frame: { type: "ping" }, yes: "pong", needs: [] },
    { what: "clock", frame: { type: "clock", seq: 1, time: 0 }, yes: "clock", needs: [] },
  ];
}
