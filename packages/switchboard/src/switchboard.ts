// A running switchboard: HTTP for the back end and for people, WebSockets for users, and the connection to the cluster.
// It stores nothing itself, so any number of switchboards work together.
import { EarlierAnswers, SteadyClock } from "@shardcast/process";
import type { AddressInfo } from "node:net";
import { ShardcastError } from "@shardcast/client";
import Fastify, { type FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { AcceptedRequests } from "./accepted-requests.ts";
import { BackEnd } from "./back-end.ts";
import { addBodyGate } from "./body-gate.ts";
import { ClusterClient } from "./cluster-client.ts";
import { boundConnections } from "./connection-bounds.ts";
import { addDownRoute } from "./down-route.ts";
import { frontPage } from "./front-page.ts";
import { SwitchboardMetrics } from "./metrics.ts";
import type { SwitchboardOptions } from "./options.ts";
import { problemOf, sendProblem } from "./http-problem.ts";
import { SessionSeal } from "./session-seal.ts";
import { SignatureCheck, webhookSecret } from "./signature.ts";
import { SocketAcceptor } from "./socket-acceptor.ts";
import { UpDelivery } from "./up-delivery.ts";
import { PAGE_HEADERS, addWebClient } from "./web-client.ts";

/** How long a client may take to send a request, in ms. */
const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTIONS_CHECK_MS = 1000;
/** Minimum time for outstanding acks, in ms, however long the rest of the stop took. */
const MIN_CLUSTER_DRAIN_MS = 500;

interface Parts {
  readonly http: FastifyInstance;
  readonly cluster: ClusterClient;
  readonly accepted: AcceptedRequests;
  readonly signatures: SignatureCheck;
  readonly backEnd: BackEnd;
  readonly upDelivery: UpDelivery;
  readonly sockets: SocketAcceptor;
  readonly metrics: SwitchboardMetrics;
}

export class Switchboard {
  /** Rejects if the connection to the cluster fails permanently, for example because the keys differ. */
  readonly failed: Promise<never>;
  readonly url: string;
  readonly #parts: Parts;
  /** How long clients may take to leave, in ms. */
  readonly drainTimeoutMs: number;
  #stopping: Promise<void> | undefined;

  private constructor(parts: Parts, drainTimeoutMs: number) {
    this.#parts = parts;
    this.drainTimeoutMs = drainTimeoutMs;
    this.failed = parts.cluster.failed;
    const { address, port } = parts.http.server.address() as AddressInfo;
    const host = address === "0.0.0.0" || address === "::" ? "127.0.0.1" : address;
    this.url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  }

  /**
   * Starts to listen, and connects to the cluster in the background.
   * @param webFolder the folder with the page's files
   * @throws SHARDCAST_PORT_TAKEN, SHARDCAST_OPTION_INVALID
   */
  static async listen(
    options: SwitchboardOptions,
    webFolder: string,
    logger: Logger,
  ): Promise<Switchboard> {
    const parts = createParts(options, logger);
    const { http, sockets, cluster, upDelivery } = parts;
    addRoutes(parts, options, webFolder, logger);
    const earlier = new EarlierAnswers(http.server);
    http.server.on("upgrade", (request, socket, head) => {
      earlier.written(socket, () => sockets.upgrade(request, socket, head));
    });
    try {
      await http.listen({ host: options.host, port: options.port, backlog: 4096 });
    } catch (cause) {
      throw listenError(cause, options);
    }
    cluster.open();
    upDelivery.start();
    return new Switchboard(parts, options.drainTimeoutMs);
  }

  /** Moves the clients to other nodes, finishes the requests in progress, and stops. A further call returns the same stop. */
  drain(): Promise<void> {
    this.#stopping ??= this.#drain();
    return this.#stopping;
  }

  async #drain(): Promise<void> {
    const { http, sockets, cluster, upDelivery } = this.#parts;
    const deadline = performance.now() + this.drainTimeoutMs;
    await upDelivery.close();
    await sockets.drain(this.drainTimeoutMs / 2);
    // Requests in progress still need the cluster.
    const cut = setTimeout(() => http.server.closeAllConnections(), deadline - performance.now());
    await http.close();
    clearTimeout(cut);
    await cluster.drain(Math.max(deadline, performance.now() + MIN_CLUSTER_DRAIN_MS));
  }
}

function createParts(options: SwitchboardOptions, logger: Logger): Parts {
  const metrics = new SwitchboardMetrics();
  const cluster = new ClusterClient(options.cluster, logger);
  const { now } = new SteadyClock();
  const accepted = new AcceptedRequests(cluster, { limit: options.maxRemembered, now }, logger);
  const signatures = new SignatureCheck(options.signature, now);
  const seal = new SessionSeal({ ...options.seal, now });
  const backEnd = new BackEnd(options.conciergeUrl, options.version);
  const sockets = new SocketAcceptor(seal, options.sockets, {
    cluster,
    metrics,
    logger,
    ...options.rate,
  });
  const upDelivery = new UpDelivery(
    {
      consumers: options.cluster.consumers,
      url: backEnd.postbackUrl,
      secret: webhookSecret(options.signature.secret),
      adminKey: options.adminKey,
    },
    logger,
  );
  const http = Fastify({
    logger: false,
    bodyLimit: options.maxBodyBytes,
    forceCloseConnections: "idle",
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
    },
  });
  return { http, cluster, accepted, signatures, backEnd, upDelivery, sockets, metrics };
}

function addRoutes(
  parts: Parts,
  options: SwitchboardOptions,
  webFolder: string,
  logger: Logger,
): void {
  const { http, cluster, accepted, signatures, backEnd, sockets, metrics } = parts;
  addGauges(parts);
  // The signature covers the exact bytes, whatever the content type.
  boundConnections(http, metrics, options.sockets.trustedHops);
  http.removeAllContentTypeParsers();
  http.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  http.setErrorHandler((error, _request, reply) => {
    const problem = problemOf(error);
    if (problem.status >= 500) logger.error({ error }, "a request failed");
    return sendProblem(reply, problem);
  });
  http.setNotFoundHandler((_request, reply) =>
    sendProblem(reply, {
      status: 404,
      code: "SWITCHBOARD_NOT_FOUND",
      detail: "the path does not exist",
    }),
  );
  http.get("/", async (_request, reply) => {
    const page = frontPage(await backEnd.version());
    return reply.headers(PAGE_HEADERS).type("text/html; charset=utf-8").send(page);
  });
  http.get("/healthz", () => ({ status: "ok" }));
  http.get("/readyz", (_request, reply) => {
    const waitingFor = [
      ...(cluster.isConnected ? [] : ["the cluster"]),
      ...(accepted.isReady ? [] : ["the list of accepted requests"]),
      ...(sockets.isDraining ? ["the end of the drain"] : []),
    ];
    const isReady = waitingFor.length === 0;
    return reply
      .code(isReady ? 200 : 503)
      .send({ status: isReady ? "ready" : "waiting", waitingFor });
  });
  http.get("/metrics", async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.render()),
  );
  addWebClient(http, webFolder);
  const {
    maxBodyBytes,
    sockets: { trustedHops },
  } = options;
  addBodyGate(http, { maxBodyBytes, trustedHops }, { signatures, metrics });
  addDownRoute(http, { cluster, signatures, accepted, metrics });
}

function addGauges({ metrics, sockets, cluster, accepted, upDelivery }: Parts): void {
  metrics.gauge("sockets", "Open WebSockets", () => sockets.count);
  metrics.gauge("cluster_connected", "1 if the cluster is connected", () =>
    Number(cluster.isConnected),
  );
  metrics.gauge("requests_remembered", "Remembered accepted requests", () => accepted.count);
  metrics.gauge("push_ready", "1 if the cluster accepted the push subscription", () =>
    Number(upDelivery.isReady),
  );
}

function listenError(cause: unknown, { host, port }: SwitchboardOptions): ShardcastError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "EADDRINUSE") {
    return new ShardcastError("SHARDCAST_PORT_TAKEN", `another process uses port ${port}`);
  }
  const why = cause instanceof Error ? cause.message : "";
  return new ShardcastError("SHARDCAST_OPTION_INVALID", `cannot listen on ${host}:${port}: ${why}`);
}
