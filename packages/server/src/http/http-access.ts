// Who sends a request: whoever has the API key, a client with a token, a back end that signs, or anyone.
import type { FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from "fastify";
import { clientAddress } from "@shardcast/process";
import { ShardcastError } from "@shardcast/protocol";
import type { Gate } from "../access/gate.ts";
import { addressHolder, holdersOf } from "../access/holders.ts";
import type { LinkAccess } from "../access/link-access.ts";
import type { BodySender } from "./request-bodies.ts";
import type { SecretKey } from "../access/secret-key.ts";
import type { WebhookSenders } from "../access/webhook-senders.ts";

/** Who sends a request, and what it may do. */
export interface Caller {
  /** Undefined where it may do all that the routes for clients offer. */
  readonly access: LinkAccess | undefined;
  /** Of a signed request: the same for each try of the same message. */
  readonly signedId: string | undefined;
}

export interface HttpAccessOptions {
  readonly gate: Gate;
  readonly apiKey: SecretKey;
  readonly adminKey: SecretKey;
  readonly senders: WebhookSenders;
  readonly isAnonymousAllowed: boolean;
  readonly trustedHops: number;
  /** The node is stopping: its clients find another. */
  readonly isDraining: () => boolean;
}

const SCHEME = "bearer ";
const JWT = /^[\w-]+\.[\w-]*\.[\w-]*$/;

export class HttpAccess {
  readonly #options: HttpAccessOptions;
  readonly #callers = new WeakMap<FastifyRequest, Caller>();

  constructor(options: HttpAccessOptions) {
    this.#options = options;
  }

  /** For routes of clients: before the body is read, unless its signature is what counts. */
  readonly onRequest = async (request: FastifyRequest): Promise<void> => {
    if (this.#options.isDraining()) throw new ShardcastError("SHARDCAST_NODE_DRAINING");
    // Nobody's body is read for a signature that is refused whatever it says.
    if (isSigned(request)) this.#options.senders.check(request.headers);
    else this.#callers.set(request, await this.#identify(request));
  };

  /** Behind the body, for requests that are signed. */
  readonly preHandler: preHandlerAsyncHookHandler = (request, reply) => {
    if (this.#callers.has(request)) return Promise.resolve();
    this.#callers.set(request, this.#verify(request, reply));
    return Promise.resolve();
  };

  /** For routes of administrators. */
  readonly onAdminRequest = (request: FastifyRequest): Promise<void> => {
    const { adminKey } = this.#options;
    if (!adminKey.isSet) throw unauthorized("the node was started without --admin-key");
    if (!adminKey.matches(bearerOf(request) ?? "")) throw unauthorized();
    return Promise.resolve();
  };

  /**
   * For routes that publish, behind `onRequest`: nobody's body is read that may not publish it.
   * @throws SHARDCAST_FORBIDDEN
   */
  readonly askToPublish = (request: FastifyRequest, topic: string | undefined): void => {
    const fault = this.#callers.get(request)?.access?.mayPublishFault(topic);
    if (fault !== undefined) throw new ShardcastError(fault);
  };

  /** Who sends a body. Of a request that is signed anybody may have sent it, before the body is there. */
  readonly senderOf = (request: FastifyRequest): BodySender => {
    const caller = this.#callers.get(request);
    return caller === undefined
      ? { holders: [addressHolder(this.addressOf(request))], isKnown: false }
      : { holders: holdersOf(caller.access), isKnown: true };
  };

  /** Who has sent a request that has passed the hooks. */
  callerOf(request: FastifyRequest): Caller {
    const caller = this.#callers.get(request);
    if (caller === undefined) throw unauthorized();
    return caller;
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
    // A request that comes to nothing may come again; only one that was answered well may not.
    reply.raw.once("close", () => {
      if (reply.raw.headersSent && reply.raw.statusCode < 300) claim.accept();
      else claim.release();
    });
    return { access: gate.trust(identity, this.addressOf(request)), signedId: id };
  }

  /** The client's, behind the proxies. */
  addressOf({ headers, socket }: FastifyRequest): string {
    return clientAddress(socket.remoteAddress ?? "", headers, this.#options.trustedHops);
  }
}

/** A key may have blanks in it; a token has none. */
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
