// Back ends that sign their requests (Standard Webhooks), each with its own keys and permissions.
import type { IncomingHttpHeaders } from "node:http";
import { optionInvalid, readJsonFile } from "@shardcast/options";
import { SteadyClock } from "@shardcast/process";
import { Permissions, ShardcastError, parseGrantText } from "@shardcast/protocol";
import { ReplayGuard, WebhookKeys, verifyWebhook, type ReplayClaim } from "@shardcast/webhooks";
import type { Identity } from "./identity.ts";

const NO_BYTES = new Uint8Array(0);
/**
 * Stands before the id in the signed text of a request without a body. With its space, the text
 * cannot be that of a webhook, whatever the webhook's body is.
 */
const TARGET_PREFIX = "request ";

interface WebhookBackEnd {
  readonly keys: WebhookKeys;
  readonly identity: Identity;
}

/** A request with a valid signature that was not sent before. */
export interface SignedRequest {
  readonly identity: Identity;
  /** `webhook-id`: the same for each retry of a message. */
  readonly id: string;
  readonly claim: ReplayClaim;
}

export class WebhookSenders {
  readonly #senders: readonly WebhookBackEnd[];
  readonly #now = new SteadyClock().now;
  readonly #guard = new ReplayGuard({ now: this.#now });

  constructor(senders: readonly WebhookBackEnd[]) {
    this.#senders = senders;
  }

  /**
   * Reads a file such as `[{"name": "shop", "keys": ["whsec_…"], "allow": "publish:orders/*"}]`.
   * @throws SHARDCAST_OPTION_INVALID
   */
  static fromFile(file: string): WebhookSenders {
    const senders = readJsonFile("--webhook-keys", file);
    try {
      if (!Array.isArray(senders)) throw new Error("it is a list");
      return new WebhookSenders(senders.map(parseSender));
    } catch (error) {
      const why = error instanceof Error ? error.message : "";
      throw optionInvalid(`--webhook-keys ${file} cannot be used: ${why}`);
    }
  }

  /**
   * Refuses a request by its headers alone, before the body is read.
   * @throws SHARDCAST_UNAUTHORIZED
   */
  check(headers: IncomingHttpHeaders): void {
    const [sender] = this.#senders;
    if (sender === undefined) throw refused("no key is known here");
    const verdict = verifyWebhook({ headers, body: NO_BYTES, nowMs: this.#now() }, sender.keys);
    if (verdict.type === "invalid" && verdict.reason !== "no-match") throw refused(verdict.reason);
  }

  /**
   * Verifies the signature of a message (Standard Webhooks), which covers the body, and returns its
   * sender.
   * @throws SHARDCAST_UNAUTHORIZED, SHARDCAST_REQUEST_REPLAYED, SHARDCAST_NODE_FULL
   */
  verifyMessage(headers: IncomingHttpHeaders, body: Uint8Array): SignedRequest {
    return this.#verify(headers, body, "");
  }

  /**
   * Verifies the signature of a request without a body, which covers `request
   * <id>.<timestamp>.<method> <target>`, and returns its sender.
   * @param target the method and target, such as `GET /topics/news`
   * @throws SHARDCAST_UNAUTHORIZED, SHARDCAST_REQUEST_REPLAYED, SHARDCAST_NODE_FULL
   */
  verifyTarget(headers: IncomingHttpHeaders, target: string): SignedRequest {
    return this.#verify(headers, Buffer.from(target), TARGET_PREFIX);
  }

  #verify(headers: IncomingHttpHeaders, body: Uint8Array, prefix: string): SignedRequest {
    let reason = "no key is known here";
    for (const { keys, identity } of this.#senders) {
      const verdict = verifyWebhook({ headers, body, prefix, nowMs: this.#now() }, keys);
      if (verdict.type === "valid") {
        return { identity, id: verdict.id, claim: this.#claim(verdict) };
      }
      ({ reason } = verdict);
    }
    throw refused(reason);
  }

  #claim(stamp: { readonly id: string; readonly timestampS: number }): ReplayClaim {
    const verdict = this.#guard.claim(stamp);
    switch (verdict.type) {
      case "claimed":
        return verdict.claim;
      case "full":
        throw new ShardcastError(verdict.code, "too many signed requests within five minutes");
      case "busy":
      case "replay":
      case "outside":
        throw new ShardcastError("SHARDCAST_REQUEST_REPLAYED");
    }
  }
}

function refused(reason: string): ShardcastError {
  return new ShardcastError("SHARDCAST_UNAUTHORIZED", `the signature is refused: ${reason}`);
}

function parseSender(value: unknown): WebhookBackEnd {
  if (typeof value !== "object" || value === null) throw new Error("it has objects");
  const { name, keys, allow } = value as Readonly<Record<string, unknown>>;
  if (typeof name !== "string" || name === "") throw new Error('each has a "name"');
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === "string")) {
    throw new Error(`"keys" of ${name} is a list of whsec_…`);
  }
  if (typeof allow !== "string") throw new Error(`"allow" of ${name} is like publish:orders/*`);
  const permissions = new Permissions(parseGrantText(allow));
  return {
    keys: new WebhookKeys(keys),
    identity: { user: name, permissions, grantedBy: "--webhook-keys", expiresAt: Infinity },
  };
}
