// Creates the gate that a node's options describe.
import type { Logger } from "pino";
import type { AccessOptions } from "../access/access-options.ts";
import { Gate } from "../access/gate.ts";
import { RemoteKeys } from "../access/token-keys.ts";
import { TokenVerifier } from "../access/token-verifier.ts";

/** @param now returns the current time, in ms since 1970 */
export function createGate(options: AccessOptions, logger: Logger, now: () => number): Gate {
  const { jwksUrl, tokenKeys, anonymous, limits } = options;
  const remote = jwksUrl === undefined ? [] : [new RemoteKeys({ url: jwksUrl, logger })];
  for (const keys of remote) void keys.refresh();
  const keys = [...tokenKeys, ...remote];
  const verifier = keys.length === 0 ? undefined : new TokenVerifier({ ...options, keys, now });
  return new Gate({ verifier, anonymous, limits, now });
}
