// The client, as far as an outbox uses it.
import type { Attributes, Position } from "@shardcast/protocol";
import type { PublishData } from "../data.ts";

interface SendOptions {
  readonly messageId: string;
  readonly attributes: Attributes;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onSent: () => void;
}

export interface OutboxClient {
  readonly closed: Promise<unknown>;
  publish(topic: string, data: PublishData, options: SendOptions): Promise<Position>;
  history(
    topic: string,
    options: { readonly since: number; readonly limit: number },
  ): Promise<{
    readonly messages: readonly (Position & { readonly messageId: string | undefined })[];
  }>;
}

/** An outbox that sends its messages over a client. */
export interface AttachableOutbox {
  attach(client: OutboxClient): void;
}
