// The options of every node.
import {
  optionInvalid,
  type NODE_OPTIONS,
  type REDIS_OPTIONS,
  type Values,
} from "@shardcast/options";
import { PskKeys } from "@shardcast/protocol/proof";
import { parseAccessOptions, type AccessOptions } from "../access/access-options.ts";
import { parseConsumerSource, type ConsumerSource } from "../cluster/consumer-source.ts";
import { readPsk } from "../options/psk-options.ts";
import { parseTlsOptions, type TlsOptions } from "../options/tls.ts";
import type { Dial } from "../peer/peer.ts";
import type { TopicSchemas } from "../publish/topic-schemas.ts";

/** The values of the options that every node has. */
export type NodeValues = Values<typeof NODE_OPTIONS & typeof REDIS_OPTIONS> & {
  readonly id: string;
  readonly port: number;
};

export interface NodeOptions extends Omit<NodeValues, "psk" | "consumers"> {
  readonly psk: string;
  readonly keys: PskKeys;
  readonly consumers: ConsumerSource;
  readonly access: AccessOptions;
  readonly tls: TlsOptions;
  /** Undefined if clients may publish anything. */
  readonly schemas?: TopicSchemas | undefined;
  /** Opens the connections to other nodes. @default Node's own */
  readonly dial?: Dial | undefined;
}

/** @throws SHARDCAST_OPTION_INVALID, SHARDCAST_KEY_MISSING */
export function parseNodeOptions(values: NodeValues): NodeOptions {
  const [psk, previous] = readPsk(values);
  return {
    ...values,
    psk,
    keys: new PskKeys(psk, previous),
    consumers: consumersOf(values),
    access: parseAccessOptions(values),
    tls: parseTlsOptions(values),
  };
}

function consumersOf({ consumers, redisUrl }: NodeValues): ConsumerSource {
  if ((consumers === undefined) === (redisUrl === undefined)) {
    throw optionInvalid(
      consumers === undefined
        ? "--consumers is needed: c1=ws://host:9100,…"
        : "with --redis, consumers are found there: --consumers is for nodes without it",
    );
  }
  return parseConsumerSource(consumers);
}
