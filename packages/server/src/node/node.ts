// A running node: HTTP routes, WebSocket endpoints, the sweep, metrics, and graceful stopping.
import { EarlierAnswers, PROCESS_RUNTIME, SteadyClock, type Runtime } from "@shardcast/process";
import type { AddressInfo } from "node:net";
import { ShardcastError, type Endpoint } from "@shardcast/protocol";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { createGate } from "./create-gate.ts";
import type { Gate } from "../access/gate.ts";
import { Acceptor, type LegacyAcceptor } from "../link/acceptor.ts";
import { boundAnswers } from "../http/bound-answers.ts";
import { createHttp } from "../http/create-http.ts";
import { HttpAccess } from "../http/http-access.ts";
import { logActions } from "../http/log-actions.ts";
import { addLinkRoutes, type DescribeLink } from "../link/link-routes.ts";
import { addExplainRoute } from "./explain-route.ts";
import { addNodeRoutes } from "./node-routes.ts";
import type { LinkHandler } from "../link/link-handler.ts";
import { LifecycleEvents } from "../publish/lifecycle-events.ts";
import { maxMessageBytes } from "../link/max-message.ts";
import type { Membership } from "../cluster/membership.ts";
import type { NodeMetrics } from "../http/metrics.ts";
import type { NodeOptions } from "./node-options.ts";
import { Sweep } from "../link/sweep.ts";
import { Turn } from "../turn/turn.ts";
import { UnfinishedMessages } from "../link/unfinished-messages.ts";
import type { LinkContext } from "../link/turn-link.ts";

/** Links from other nodes have a larger window, since they carry the publishes of many clients. */
const PEER_WINDOW_MESSAGES = 65_536;

/** When the consumers change, clients ask for the new list at random moments within this time. */
const REGROUP_MS = 1000;

export type Role = "producer" | "consumer";

/** The parts that a role adds to a node. */
export interface RoleParts {
  readonly role: Role;
  readonly handlers: Partial<Record<Endpoint, LinkHandler>>;
  readonly legacy: LegacyAcceptor | undefined;
  /** Returns what the node waits for; empty if it is ready. */
  readonly waitingFor: () => string[];
  /** Returns faults that an operator should look at, although the node works. @default none */
  readonly degraded?: () => string[];
  /** Describes what the role knows of a link, for administrators. @default nothing */
  readonly describeLink?: DescribeLink;
  /**
   * Adds the role's own HTTP routes. A ShardcastError that a route throws is answered with its
   * code.
   */
  readonly addRoutes?: (http: FastifyInstance, access: HttpAccess) => void;
  /** Finishes work in progress until the deadline, by the monotonic clock, in ms. */
  readonly drain: (deadline: number) => Promise<void>;
  readonly close: () => Promise<void> | void;
}

/** The parts of a node that its role uses. */
export interface NodeCore {
  readonly options: NodeOptions;
  readonly membership: Membership;
  readonly logger: Logger;
  readonly turn: Turn;
  /** The time of day. */
  readonly clock: SteadyClock;
  /** The monotonic clock, timers and random numbers. */
  readonly runtime: Runtime;
  readonly sweep: Sweep;
  readonly linkContext: LinkContext;
  readonly events: LifecycleEvents;
  readonly gate: Gate;
  readonly metrics: NodeMetrics;
}

export function createNodeCore(
  options: NodeOptions,
  membership: Membership,
  logger: Logger,
  metrics: NodeMetrics,
  runtime: Runtime = PROCESS_RUNTIME,
): NodeCore {
  const turn = new Turn({
    onError: (error) => {
      logger.error({ error }, "work at the end of a turn failed");
    },
  });
  const sweep = new Sweep({ heartbeatMs: options.heartbeatMs });
  const clock = new SteadyClock(runtime.wall, runtime.steady);
  const events = new LifecycleEvents(options.id, options.events, clock.now);
  const { highWaterBytes, maxUnfinishedBytes, maxUnfinishedBytesEach } = options;
  const unfinished = new UnfinishedMessages({
    inAll: maxUnfinishedBytes,
    each: Math.max(maxUnfinishedBytesEach, maxMessageBytes(options.maxPayloadBytes)),
  });
  metrics.gauges([
    {
      name: "links_unfinished_bytes",
      help: "Bytes of incomplete WebSocket messages over 64 KiB",
      value: () => unfinished.bytes,
    },
  ]);
  const { now } = clock;
  const linkContext = { turn, now, sweep, logger, events, highWaterBytes, unfinished };
  const gate = createGate(options.access, logger, clock.now);
  metrics.counters([
    { name: "tokens_accepted_total", help: "Tokens accepted", value: () => gate.counters.accepted },
    { name: "tokens_refused_total", help: "Tokens refused", value: () => gate.counters.refused },
    {
      name: "events_told_total",
      help: "Lifecycle events stored",
      value: () => events.counters.told,
    },
    {
      name: "events_dropped_total",
      help: "Lifecycle events dropped: not stored in time, or without a valid topic",
      value: () => events.counters.dropped,
    },
  ]);
  return {
    options,
    membership,
    logger,
    turn,
    clock,
    runtime,
    sweep,
    linkContext,
    events,
    gate,
    metrics,
  };
}

export class ShardcastNode {
  readonly port: number;
  readonly url: string;
  readonly #core: NodeCore;
  readonly #parts: RoleParts;
  readonly #acceptor: Acceptor;
  readonly #http: FastifyInstance;
  #stopping: Promise<void> | undefined;

  private constructor(core: NodeCore, parts: RoleParts, acceptor: Acceptor, http: FastifyInstance) {
    this.#core = core;
    this.#parts = parts;
    this.#acceptor = acceptor;
    this.#http = http;
    const { address, port } = http.server.address() as AddressInfo;
    this.port = port;
    const host = address === "0.0.0.0" || address === "::" ? "127.0.0.1" : address;
    const scheme = core.options.tls.certificate === undefined ? "ws" : "wss";
    this.url = `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
  }

  /**
   * Starts to listen; resolves when clients can connect.
   * @throws SHARDCAST_PORT_TAKEN, SHARDCAST_OPTION_INVALID if the node cannot listen for another
   * reason
   */
  static async listen(core: NodeCore, parts: RoleParts): Promise<ShardcastNode> {
    const { options, membership, sweep } = core;
    const http = await createHttp(options, `Shardcast ${parts.role}`, core.logger);
    const acceptor = createAcceptor(core, parts);
    const { role, waitingFor, degraded = () => [] } = parts;
    const { metrics } = core;
    addNodeRoutes(http, { id: options.id, role, membership, metrics, waitingFor, degraded });
    const access = createHttpAccess(core);
    boundAnswers(http, access, core);
    void http.register((scope, _options, done) => {
      logActions(scope, access, core.logger);
      addLinkRoutes(scope, access, sweep, parts.describeLink ?? (() => ({})));
      done();
    });
    void http.register((scope, _options, done) => {
      addExplainRoute(scope, access, { nodeId: options.id, gate: core.gate, sweep, membership });
      done();
    });
    parts.addRoutes?.(http, access);
    const earlier = new EarlierAnswers(http.server);
    http.server.on("upgrade", (request, socket, head) => {
      earlier.written(socket, () => acceptor.upgrade(request, socket, head));
    });
    try {
      await http.listen({ host: options.host, port: options.port, backlog: 4096 });
    } catch (cause) {
      sweep.stop();
      throw listenError(cause, options);
    }
    const unfollow = options.tls.certificate?.follow(http.server, core.logger);
    http.server.once("close", () => unfollow?.());
    membership.onChange(() => {
      for (const link of sweep.links()) if (!isPeer(link.endpoint)) link.regroup(REGROUP_MS);
    });
    return new ShardcastNode(core, parts, acceptor, http);
  }

  get drainTimeoutMs(): number {
    return this.#core.options.drainTimeoutMs;
  }

  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** The conditions that the node waits for; empty if it is ready. */
  waitingFor(): string[] {
    return this.#parts.waitingFor();
  }

  /**
   * Moves clients to other nodes, finishes work in progress, and stops. Later calls return the same
   * promise.
   */
  drain(): Promise<void> {
    this.#stopping ??= this.#drain();
    return this.#stopping;
  }

  async #drain(): Promise<void> {
    const { sweep, options } = this.#core;
    const deadline = performance.now() + options.drainTimeoutMs;
    const withinMs = Math.floor(options.drainTimeoutMs / 2);
    this.#acceptor.drain();
    sweep.drain(withinMs);
    await this.#parts.drain(deadline);
    // Links from other nodes stay until the end: those nodes would dial again, and this node may be
    // the only owner.
    const hasClients = (): boolean => [...sweep.links()].some((link) => !isPeer(link.endpoint));
    while (hasClients() && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const link of sweep.links()) link.close("SHARDCAST_NODE_DRAINING");
    await this.#parts.close();
    sweep.stop();
    this.#core.gate.close();
    await this.#http.close();
  }
}

function createAcceptor(core: NodeCore, parts: RoleParts): Acceptor {
  const { options, linkContext, metrics } = core;
  return new Acceptor({
    nodeId: options.id,
    keys: options.keys,
    limits: {
      maxPayloadBytes: options.maxPayloadBytes,
      maxTopics: options.maxTopics,
      windowMessages: options.windowMessages,
      heartbeatMs: options.heartbeatMs,
    },
    windowOf: (endpoint) => (isPeer(endpoint) ? PEER_WINDOW_MESSAGES : options.windowMessages),
    handshakeTimeoutMs: options.handshakeTimeoutMs,
    maxLinks: options.maxLinks,
    handshakesPerSecond: options.access.handshakesPerSecond,
    origins: options.access.origins,
    trustedHops: options.access.trustedHops,
    gate: core.gate,
    handlers: parts.handlers,
    context: linkContext,
    legacy: parts.legacy,
    counters: metrics.handshakes,
  });
}

function createHttpAccess({ options, gate, sweep }: NodeCore): HttpAccess {
  const { access } = options;
  return new HttpAccess({
    ...access,
    gate,
    isAnonymousAllowed: access.anonymous !== undefined,
    isDraining: () => sweep.isDraining,
  });
}

/** Whether other nodes dial the endpoint. */
function isPeer(endpoint: Endpoint): boolean {
  return endpoint === "producer" || endpoint === "relay";
}

function listenError(cause: unknown, { host, port }: NodeOptions): ShardcastError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "EADDRINUSE") {
    return new ShardcastError("SHARDCAST_PORT_TAKEN", `port ${port} is taken by another process`);
  }
  const why = cause instanceof Error ? cause.message : "";
  return new ShardcastError("SHARDCAST_OPTION_INVALID", `cannot listen on ${host}:${port}: ${why}`);
}
