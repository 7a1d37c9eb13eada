// Creates a client from options.
import { createKeySource } from "#platform";
import { ShardcastError } from "@shardcast/protocol";
import { Client } from "./client.ts";
import type { CredentialSource } from "./credential-source.ts";
import { TokenSource } from "./credentials.ts";
import { readOptions, type ConnectOptions, type SharedTabs } from "./options.ts";
import { PLATFORM_RUNTIME, type Runtime } from "./runtime.ts";

/**
 * Creates a client, which connects in the background: it can publish and subscribe at once. It stays connected until it
 * is closed, or until a node ends a link for a reason that a retry cannot fix (`client.closed`).
 * @throws SHARDCAST_KEY_MISSING, SHARDCAST_OPTION_INVALID
 */
export function createClient(options: ConnectOptions): Client {
  return createClientWith(options, PLATFORM_RUNTIME);
}

/**
 * Connects to a cluster: creates a client, and resolves when it can be used.
 * @throws SHARDCAST_HANDSHAKE_FAILED if the keys differ, SHARDCAST_TOKEN_INVALID, SHARDCAST_TOKEN_EXPIRED,
 * SHARDCAST_TIMEOUT if no link is open within `connectTimeoutMs` (`cause` is the last failure),
 * SHARDCAST_KEY_MISSING, SHARDCAST_OPTION_INVALID, the signal's reason, or the code with which a node refuses the client
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  return connectWith(options, PLATFORM_RUNTIME);
}

/** For tests: {@link createClient} with another runtime. */
export function createClientWith(options: ConnectOptions, runtime: Runtime): Client {
  const settings = readOptions(options);
  const { signal } = options;
  const source = sourceOf(options);
  signal?.throwIfAborted();
  const client =
    options.share === undefined
      ? new Client(settings, source, runtime)
      : sharedClient(options, options.share, source, runtime);
  options.outbox?.attach(client);
  if (signal !== undefined) {
    const abort = (): void => client.close();
    signal.addEventListener("abort", abort);
    void client.closed.then(() => signal.removeEventListener("abort", abort));
  }
  return client;
}

/** For tests: {@link connect} with another runtime. */
export async function connectWith(options: ConnectOptions, runtime: Runtime): Promise<Client> {
  const client = createClientWith(options, runtime);
  const { connectTimeoutMs } = readOptions(options);
  const cancelTimeout = runtime.after(connectTimeoutMs, () => {
    const { reason: cause } = client.state;
    const because = cause === undefined ? "" : `: ${cause.message}`;
    const detail = `not connected within ${connectTimeoutMs} ms${because}`;
    client.close(new ShardcastError("SHARDCAST_TIMEOUT", detail, { cause }));
  });
  try {
    await client.ready();
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    cancelTimeout();
  }
  return client;
}

/** A client whose link leads to the leader of a group of tabs, which may be this tab. */
function sharedClient(
  options: ConnectOptions,
  group: SharedTabs,
  source: CredentialSource,
  runtime: Runtime,
): Client {
  const own = { share: undefined, outbox: undefined, signal: undefined };
  const shared = group.join(runtime, () => createClientWith({ ...options, ...own }, runtime));
  const settings = readOptions({ ...options, route: "single" });
  const client = new Client(settings, source, shared.runtime);
  void client.closed.then(() => shared.leave());
  return client;
}

function sourceOf({ psk, token, getToken }: ConnectOptions): CredentialSource {
  if ([psk, token, getToken].filter((given) => given !== undefined).length > 1) {
    throw new ShardcastError("SHARDCAST_OPTION_INVALID", "give one of psk, token and getToken");
  }
  const source = token ?? getToken;
  return source === undefined ? createKeySource(psk) : new TokenSource(source);
}
