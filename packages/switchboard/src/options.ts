// What a switchboard is started with: by the command line, or by the environment under the original's names.
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
import type { ClusterOptions } from "./cluster.ts";
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
  readonly cluster: ClusterOptions;
  readonly signature: ApiAuthOptions;
  readonly seal: SealOptions;
  readonly sockets: SocketOptions;
  readonly rate: Pick<SwitchboardValues, "messagesPerSecond" | "burstMessages">;
  readonly version: BackEndOptions;
}

/**
 * @returns undefined where `--help` was given
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
    description: "Signed HTTP of a back end to WebSockets of its users, and back.",
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
