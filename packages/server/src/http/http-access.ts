// Authenticates HTTP requests: by the API key, by a client's token, by a back end's signature, or
// as anonymous.
import type { FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from "fastify";
import { clientAddress } from "@shardcast/process";
import { ShardcastError, type Action } from "@shardcast/protocol";
import type { Gate } from "../access/gate.ts";
import { addressHolder, holdersOf } from "../access/holders.ts";
import type { LinkAccess } from "../access/link-access.ts";
import type { BodySender } from "./request-bodies.ts";
import type { SecretKey } from "../access/secret-key.ts";
import type { WebhookSenders } from "../access/webhook-senders.ts";

/** The sender of a request, and its permissions. */
export interface Caller {
  /** Undefined if the sender may do everything that the client routes offer. */
  readonly access: LinkAccess | undefined;
  /** The message id of a signed request, which is the same for each retry of the message. */
  readonly signedId: string | undefined;
}

export interface HttpAccessOptions {
  readonly gate: Gate;
  readonly apiKey: SecretKey;
  readonly adminKey: SecretKey;
  readonly senders: WebhookSenders;
  readonly isAnonymousAllowed: boolean;
  readonly trustedHops: number;
  /** Whether the node is stopping. If so, clients must use another node. */
  readonly isDraining: () => boolean;
}

const SCHEME = "bearer ";
/** Stands for the holder of the admin key in logs. */
const KEY_HOLDER = "admin key";
const JWT = /^[\w-]+\.[\w-]*\.[\w-]*$/;

export class HttpAccess {
  readonly #options: HttpAccessOptions;
  readonly #callers = new WeakMap<FastifyRequest, Caller>();
  readonly #administrators = new WeakMap<FastifyRequest, string>();

  constructor(options: HttpAccessOptions) {
    this.#options = options;
  }

  /**
   * For client routes: authenticates before the body is read, except signed requests, whose
   * signature covers the body.
   */
  readonly onRequest = async (request: FastifyRequest): Promise<void> => {
    if (this.#options.isDraining()) throw new ShardcastError("SHARDCAST_NODE_DRAINING");
    // Refuse a signature whose headers are wrong before reading the body.
    if (isSigned(request)) this.#options.senders.check(request.headers);
    else this.#callers.set(request, await this.#identify(request));
  };

  /** Runs after the body was read: verifies signed requests. */
  readonly preHandler: preHandlerAsyncHookHandler = (request, reply) => {
    if (this.#callers.has(request)) return Promise.resolve();
    this.#callers.set(request, this.#verify(request, reply));
    return Promise.resolve();
  };

  /** For administrators' routes that change something: the admin key, or the permission `admin`. */
  readonly onAdminRequest = async (request: FastifyRequest): Promise<void> => {
    this.#administrators.set(request, await this.#administrator(request, ["admin"]));
  };

  /** For administrators' routes that only read: also the permission `monitor`. */
  readonly onMonitorRequest = async (request: FastifyRequest): Promise<void> => {
    await this.#administrator(request, ["monitor", "admin"]);
  };

  /**
   * For routes that publish, after `onRequest`: refuses a sender that may not publish before its
   * body is read.
   * @throws SHARDCAST_FORBIDDEN
   */
  readonly askToPublish = (request: FastifyRequest, topic: string | undefined): void => {
    const fault = this.#callers.get(request)?.access?.mayPublishFault(topic);
    if (fault !== undefined) throw new ShardcastError(fault);
  };

  /**
   * The sender of a body. The sender of a signed request is unknown until its body was read, so the
   * address stands for it.
   */
  readonly senderOf = (request: FastifyRequest): BodySender => {
    const caller = this.#callers.get(request);
    return caller === undefined
      ? { holders: [addressHolder(this.addressOf(request))], isKnown: false }
      : { holders: holdersOf(caller.access), isKnown: true };
  };

  /** Who changes something: a token's user, or the holder of the admin key. */
  administratorOf(request: FastifyRequest): string {
    return this.#administrators.get(request) ?? "";
  }

  /** The sender of a request that has passed the hooks. */
  callerOf(request: FastifyRequest): Caller {
    const caller = this.#callers.get(request);
    if (caller === undefined) throw unauthorized();
    return caller;
  }

  /**
   * @returns the administrator's name
   * @throws SHARDCAST_UNAUTHORIZED, SHARDCAST_FORBIDDEN, and the errors of a token
   */
  async #administrator(request: FastifyRequest, actions: readonly Action[]): Promise<string> {
    const { adminKey, gate } = this.#options;
    const bearer = bearerOf(request) ?? "";
    if (adminKey.matches(bearer)) return KEY_HOLDER;
    if (!JWT.test(bearer)) {
      throw unauthorized(adminKey.isSet ? undefined : "the node was started without --admin-key");
    }
    const { permissions, user } = await gate.identify(bearer);
    if (actions.some((action) => permissions.allowsAll(action))) return user;
    const needed = actions.join(" or ");
    throw new ShardcastError("SHARDCAST_FORBIDDEN", `needs the permission ${needed} on *`);
  }

  async #identify(request: FastifyRequest): Promise<Caller> {
    const { apiKey, gate, isAnonymousAllowed } = this.#options;
    const bearer = bearerOf(request);
    if (bearer !== undefined && apiKey.matches(bearer)) {
      return { access: undefined, signedId: undefined };
    }
    if (bearer === undefined && !isAnonymousAllowed) throw unauthorized();
    if (bearer !== undefined && !JWT.test(bearer)) throw unauthorized();
    const identity = await gate.identify(bearer ?? "");
    return { access: gate.visit(identity, this.addressOf(request)), signedId: undefined };
  }

  #verify(request: FastifyRequest, reply: FastifyReply): Caller {
    const { senders, gate } = this.#options;
    const { body, headers, method, url } = request;
    const isEmpty = !(body instanceof Uint8Array) || body.length === 0;
    const { identity, id, claim } = isEmpty
      ? senders.verifyTarget(headers, `${method} ${url}`)
      : senders.verifyMessage(headers, body);
    // A request that failed may be retried; one that was answered with success may not be replayed.
    reply.raw.once("close", () => {
      if (reply.raw.headersSent && reply.raw.statusCode < 300) claim.accept();
      else claim.release();
    });
    return { access: gate.trust(identity, this.addressOf(request)), signedId: id };
  }

  /** The client's address, as seen behind the proxies. */
  addressOf({ headers, socket }: FastifyRequest): string {
    return clientAddress(socket.remoteAddress ?? "", headers, this.#options.trustedHops);
  }
}

/** Keys may contain spaces; tokens do not. */
function bearerOf({ headers }: FastifyRequest): string | undefined {
  const { authorization = "" } = headers;
  if (authorization.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return undefined;
  const key = authorization.slice(SCHEME.length).trim();
  return key === "" ? undefined : key;
}

function isSigned({ headers }: FastifyRequest): boolean {
  return headers["webhook-signature"] !== undefined && headers.authorization === undefined;
}

function unauthorized(detail?: string): ShardcastError {
  return new ShardcastError("SHARDCAST_UNAUTHORIZED", detail);
}
