// Publishes the node's own messages: events, presence, and push subscriptions.
import { PublishHead, encodeFrame, type Content } from "@shardcast/protocol";
import { AwaitingPublisher, type PublishAnswer, type TakePublish } from "./awaiting-publisher.ts";
import type { PublishTarget } from "./publish-target.ts";

/**
 * A message of the node. Without a messageId it is stored at most once, and may be lost with a link
 * between nodes.
 */
export interface NodeMessage extends Content {
  readonly topic: string;
}

export class NodePublisher {
  readonly #take: TakePublish;

  /**
   * @param take routes a publish frame to the owner of its topic, as `PublishRouter.publish` does
   */
  constructor(take: TakePublish) {
    this.#take = take;
  }

  /** Creates a publisher that sends every topic to the same target. */
  static to(target: PublishTarget): NodePublisher {
    const head = new PublishHead();
    return new NodePublisher((origin, bytes, start, end) => {
      head.read(bytes, start, end);
      origin.inFlightCount += 1;
      target.publish(origin, head, bytes, start, end);
    });
  }

  /**
   * Resolves when the message is stored.
   * @throws the code with which the owner, or this node, refuses it
   */
  publish(message: NodeMessage): Promise<PublishAnswer> {
    const frame = encodeFrame({ type: "publish", seq: 0, timeoutMs: 0, ...message });
    return new AwaitingPublisher(undefined, this.#take).publish(0, frame);
  }
}
