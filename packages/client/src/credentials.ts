// What a client's links say who it is with: a key, or a token, which has to be another one now and then.
import { ShardcastError, type Credentials, type HandshakeKeys } from "@shardcast/protocol";
import { PLATFORM_RUNTIME, type Runtime } from "./runtime.ts";

/** So long the application may take; then it is asked anew. */
const GET_TOKEN_MS = 10_000;

/** Gives the credentials of the next link. */
export interface CredentialSource {
  /** Whether an expired token can be replaced. */
  readonly isRenewable: boolean;
  /** @throws what the application's getToken throws */
  get(): Credentials | Promise<Credentials>;
  /** A token that is not the last one of a link: that one expires. */
  renew(last: Credentials): Promise<string>;
  /** A node has accepted these. */
  accepted(credentials: Credentials): void;
  /**
   * A node has refused these.
   * @returns whether others may be tried
   */
  refused(credentials: Credentials): boolean;
}

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
    // It stays the same.
  }

  refused(): boolean {
    return false;
  }
}

/** One token is used by all links, until it expires or a node refuses it. */
export class TokenSource implements CredentialSource {
  readonly isRenewable: boolean;
  readonly #getToken: (() => string | Promise<string>) | undefined;
  readonly #after: Runtime["after"];
  #token: string | undefined;
  #isAccepted = false;
  #asking: Promise<string> | undefined;

  /** @param source a token, or what gives one each time that it is called */
  constructor(
    source: string | (() => string | Promise<string>),
    after: Runtime["after"] = PLATFORM_RUNTIME.after,
  ) {
    this.#after = after;
    this.isRenewable = typeof source !== "string";
    if (typeof source === "string") this.#token = source;
    else this.#getToken = source;
  }

  get(): Credentials | Promise<Credentials> {
    if (this.#token !== undefined) return { type: "token", token: this.#token };
    return this.#askOnce().then((token) => ({ type: "token", token }));
  }

  renew(last: Credentials): Promise<string> {
    const token = this.#token;
    // Another link was told sooner, and has asked already.
    const isNewer = token !== undefined && last.type === "token" && last.token !== token;
    return isNewer ? Promise.resolve(token) : this.#askOnce();
  }

  accepted(credentials: Credentials): void {
    if (credentials.type === "token" && credentials.token === this.#token) this.#isAccepted = true;
  }

  refused(credentials: Credentials): boolean {
    // Another link has found out already.
    if (credentials.type === "token" && credentials.token !== this.#token) return this.isRenewable;
    const wasAccepted = this.#isAccepted;
    this.#isAccepted = false;
    if (!this.isRenewable) return false;
    this.#token = undefined;
    // One that was good once is too old; a new one that is refused will not get better.
    return wasAccepted;
  }

  /** Once at a time, whoever asks. */
  #askOnce(): Promise<string> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<string> {
    const token = await this.#answer();
    if (typeof token !== "string") {
      throw new ShardcastError("SHARDCAST_OPTION_INVALID", "getToken did not give a text");
    }
    this.#token = token;
    this.#isAccepted = false;
    return token;
  }

  /** What the application gives, in time. What comes later is not looked at. */
  #answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const cancel = this.#after(GET_TOKEN_MS, () => {
        const detail = `getToken gave no token within ${GET_TOKEN_MS} ms`;
        reject(new ShardcastError("SHARDCAST_TIMEOUT", detail));
      });
      Promise.resolve()
        .then(() => this.#getToken?.())
        .finally(cancel)
        .then(resolve, reject);
    });
  }
}
