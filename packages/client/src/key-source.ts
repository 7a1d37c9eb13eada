// The pre-shared key as the credentials of a client's links. Not for browsers.
import { ShardcastError, type Credentials, type HandshakeKeys } from "@shardcast/protocol";
import type { CredentialSource } from "./credential-source.ts";

export class KeySource implements CredentialSource {
  readonly isRenewable = false;
  readonly #credentials: Credentials;

  constructor(keys: HandshakeKeys) {
    this.#credentials = { type: "keys", keys };
  }

  get(): Credentials {
    return this.#credentials;
  }

  renew(): Promise<string> {
    return Promise.reject(new ShardcastError("SHARDCAST_UNAUTHORIZED", "a key does not expire"));
  }

  accepted(): void {
    // A key stays the same.
  }

  refused(): boolean {
    return false;
  }
}
