// The options of `npm run TOPIC`. They are validated before the client connects to a node.
import {
  FROM_OPTION,
  KEY_OPTIONS,
  USUAL_KEY_FILE,
  list,
  optionInvalid,
  readOptions as readRows,
  readSecretFile,
  text,
  type Values,
} from "@shardcast/options";
import { ShardcastError, contentFault, topicFault } from "@shardcast/protocol";

export const DEMO_OPTIONS = {
  topic: text("topic", { default: "topic0", help: "The topic" }, topicOf),
  producers: list("producer", {
    default: "ws://127.0.0.1:9000,ws://127.0.0.1:9001",
    help: "Producer nodes to publish to; repeat it, or separate them by commas",
  }),
  consumers: list("consumer", {
    default: "ws://127.0.0.1:9100,ws://127.0.0.1:9101",
    help: "Consumer nodes to subscribe at; repeat it, or separate them by commas",
  }),
  ...KEY_OPTIONS,
  from: FROM_OPTION,
  /** What others see in front of each line. */
  name: text("name", { help: "What others see in front of your lines" }, nameOf),
};

export type DemoOptions = Omit<Values<typeof DEMO_OPTIONS>, "psk" | "pskFile"> & {
  readonly psk: string;
};

/**
 * @returns undefined where `--help` was given
 * @throws SHARDCAST_OPTION_INVALID, SHARDCAST_KEY_MISSING, SHARDCAST_TOPIC_INVALID and the like
 */
export function readOptions(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): DemoOptions | undefined {
  const values = readRows(DEMO_OPTIONS, {
    argv,
    env,
    scriptName: "npm run TOPIC --",
    description: "Publishes each line typed to a topic, and shows the topic's messages.",
    positional: "[topic]",
  });
  if (values === undefined) return undefined;
  return { ...values, psk: values.psk ?? readKey(values.pskFile ?? USUAL_KEY_FILE) };
}

function topicOf(topic: string): string {
  const fault = topicFault(topic);
  if (fault === undefined) return topic;
  throw new ShardcastError(fault);
}

function readKey(file: string): string {
  try {
    return readSecretFile("the key file", file)[0];
  } catch (error) {
    if (!(error instanceof ShardcastError) || error.code !== "SHARDCAST_KEY_MISSING") throw error;
    const detail = `${error.message}: npm start makes it, or give --psk`;
    throw new ShardcastError(error.code, detail, { cause: error });
  }
}

/** The name is sent as an attribute, so the rules of attributes apply. */
function nameOf(name: string, label: string): string {
  if (contentFault({ attributes: { name }, payload: new Uint8Array() }) === undefined) return name;
  throw optionInvalid(`${label} is up to 255 bytes of text, without control characters`);
}
