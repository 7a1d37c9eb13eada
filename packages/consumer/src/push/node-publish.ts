// Publishes of the node's own, to a topic whoever owns it.
import { encodeFrame, type Attributes } from "@shardcast/protocol";
import { AwaitingPublisher, type PublishRouter } from "@shardcast/server";

export interface NodePublish {
  readonly topic: string;
  readonly messageId: string;
  readonly attributes?: Attributes;
  readonly payload: Uint8Array;
}

/** Resolves when it is stored. @throws the code that it is refused with */
export async function publishOf(router: PublishRouter, message: NodePublish): Promise<void> {
  const publisher = new AwaitingPublisher(undefined, (origin, bytes, start, end, window) => {
    router.publish(origin, bytes, start, end, window);
  });
  await publisher.publish(0, encodeFrame({ type: "publish", seq: 0, timeoutMs: 0, ...message }));
}
