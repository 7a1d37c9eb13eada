// Accepts links of the original queue's protocol (--legacy-protocol): chooses their endpoints and
// roles. A socket is first a LegacyPending, and then a LegacyLink with one of two roles.
import type { Socket } from "node:net";
import { type PskKeys, createLegacyOnce } from "@shardcast/protocol/proof";
import type { LegacyAcceptor } from "../link/acceptor.ts";
import type { Route } from "../link/route.ts";
import { LegacyLink, type LegacyRole } from "./legacy-link.ts";
import { LegacyPending } from "./legacy-pending.ts";
import { LegacyPublisher } from "./legacy-publisher.ts";
import { LegacySubscriber, type LegacySubscriptions } from "./legacy-subscriber.ts";
import { LegacyTexts } from "./legacy-texts.ts";
import type { NodeSocket } from "../link/node-socket.ts";
import type { NodeMetrics } from "../http/metrics.ts";
import type { Sweep } from "../link/sweep.ts";
import type { LinkContext } from "../link/turn-link.ts";
import type { PublishHandler } from "../link/publish-handler.ts";

/** The parts of the consumer or producer that links of the original protocol use. */
export interface LegacyParts {
  /**
   * Accepts publishes to any topic: a producer of the original queue chooses a consumer by a hash
   * of its own.
   */
  readonly publishes: PublishHandler;
  /** Undefined on a producer node. */
  readonly subscriptions: LegacySubscriptions | undefined;
}

/** The parts of a node that links of the original protocol use. */
export interface LegacyContext {
  readonly options: {
    readonly isLegacySpoken: boolean;
    readonly keys: PskKeys;
    readonly handshakeTimeoutMs: number;
    readonly maxPayloadBytes: number;
    readonly windowMessages: number;
  };
  readonly sweep: Sweep;
  readonly linkContext: LinkContext;
  readonly metrics: NodeMetrics;
}

/**
 * Returns the acceptor of a node that was started with `--legacy-protocol`; otherwise undefined.
 */
export function createLegacyAcceptor(
  core: LegacyContext,
  parts: LegacyParts,
): LegacyAcceptor | undefined {
  return core.options.isLegacySpoken ? new LegacyLinks(core, parts) : undefined;
}

class LegacyLinks implements LegacyAcceptor {
  readonly #core: LegacyContext;
  readonly #parts: LegacyParts;
  readonly #texts = new LegacyTexts();
  readonly #counters = { refused: 0 };

  constructor(core: LegacyContext, parts: LegacyParts) {
    this.#core = core;
    this.#parts = parts;
    core.metrics.counters([
      {
        name: "legacy_publishes_refused_total",
        help: "Publishes over the original protocol that were not stored; the protocol cannot report it",
        value: () => this.#counters.refused,
      },
    ]);
  }

  serves({ endpoint }: Route): boolean {
    if (endpoint === "subscribe") return this.#parts.subscriptions !== undefined;
    return endpoint === "produce" || endpoint === "producer";
  }

  accept(socket: NodeSocket, tcp: Socket, route: Route): void {
    const { options, sweep, linkContext, metrics } = this.#core;
    const pending = new LegacyPending(socket, tcp, {
      keys: options.keys,
      once: createLegacyOnce(),
      sweep,
      handshakeTimeoutMs: options.handshakeTimeoutMs,
      counters: metrics.handshakes,
      onOpen: (handshake) => {
        const link = new LegacyLink(socket, tcp, {
          endpoint: route.endpoint,
          handshake,
          context: linkContext,
          role: (opened) => this.#roleOf(opened, route),
        });
        link.open();
      },
    });
    pending.start();
  }

  #roleOf(link: LegacyLink, { endpoint, target }: Route): LegacyRole {
    const { publishes, subscriptions } = this.#parts;
    const { maxPayloadBytes, windowMessages } = this.#core.options;
    if (endpoint === "subscribe" && subscriptions !== undefined) {
      return new LegacySubscriber(link, {
        topic: target.topic,
        subscriptions,
        texts: this.#texts,
      });
    }
    return new LegacyPublisher(link, {
      publishes,
      maxPayloadBytes,
      windowMessages,
      isShared: endpoint === "producer",
      counters: this.#counters,
    });
  }
}
