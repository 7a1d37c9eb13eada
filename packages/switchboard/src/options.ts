// Reads the switchboard's options from the command line, or from environment variables with the original's names. An
// invalid option is reported in one line, before the switchboard listens.
import {
  checkSecret,
  optionInvalid,
  readOptions as readRows,
  readSecretFile,
  type Values,
} from "@shardcast/options";
import { ShardcastError } from "@shardcast/client";
import type { ApiAuthOptions } from "./api-auth.ts";
import type { BackEndOptions } from "./back-end.ts";
import type { ClusterClientOptions } from "./cluster-client.ts";
import { SWITCHBOARD_OPTIONS } from "./option-rows.ts";
import type { SealOptions } from "./session-seal.ts";
import type { SocketOptions } from "./socket-acceptor.ts";

type SwitchboardValues = Values<typeof SWITCHBOARD_OPTIONS>;

export interface SwitchboardOptions extends Pick<
  SwitchboardValues,
  | "host"
  | "port"
  | "conciergeUrl"
  | "maxBodyBytes"
  | "maxRemembered"
  | "drainTimeoutMs"
  | "adminKey"
  | "logLevel"
> {
  readonly cluster: ClusterClientOptions;
  readonly signature: ApiAuthOptions;
  readonly seal: SealOptions;
  readonly sockets: SocketOptions;
  readonly rate: Pick<SwitchboardValues, "messagesPerSecond" | "burstMessages">;
  readonly version: BackEndOptions;
}

/**
 * @returns undefined if only the help was requested
 * @throws SHARDCAST_OPTION_INVALID, SHARDCAST_KEY_MISSING
 */
export function readOptions(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): SwitchboardOptions | undefined {
  const values = readRows(SWITCHBOARD_OPTIONS, {
    argv,
    env,
    scriptName: "shardcast-switchboard",
    description:
      "Connects the signed HTTP requests of a back end with the WebSockets of its users.",
  });
  if (values === undefined) return undefined;
  const { producers, consumers, secret, previousSecret, messagesPerSecond, burstMessages } = values;
  for (const [name, urls] of Object.entries({ producers, consumers })) {
    if (urls.length === 0) throw optionInvalid(`--${name} names no node`);
  }
  return {
    ...values,
    cluster: { producers, consumers, psk: pskOf(values), timeoutMs: values.publishTimeoutMs },
    signature: { secret: values.postbackSecret, accessId: values.accessId },
    seal: { secret, previousSecret, lifetimeMs: values.sessionLifetimeS * 1000 },
    sockets: {
      ...values,
      clientSessionSecret: values.areClientSessionsTaken ? secret : undefined,
    },
    rate: { messagesPerSecond, burstMessages },
    version: { timeoutMs: 2000, cacheMs: 3000 },
  };
}

function pskOf({ psk, pskFile }: SwitchboardValues): string {
  if (psk !== undefined) return psk;
  if (pskFile === undefined) {
    throw new ShardcastError("SHARDCAST_KEY_MISSING", "no pre-shared key: give PSK or --psk-file");
  }
  return checkSecret("--psk-file", readSecretFile("--psk-file", pskFile)[0]);
}
