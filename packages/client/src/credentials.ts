// What a client's links say who it is with: a key, or a token, which has to be another one now and then.
import { ShardcastError, type Credentials, type Keys } from "@shardcast/protocol";

/** Gives the credentials of the next link. */
export interface CredentialSource {
  /** Whether an expired token can be replaced. */
  readonly isRenewable: boolean;
  /** @throws what the application's getToken throws */
  get(): Credentials | Promise<Credentials>;
  /** A token that is not the last one: that one expires. */
  renew(): Promise<string>;
  /** A node has let a link in. */
  accepted(): void;
  /**
   * A node has refused these.
   * @returns whether others may be tried
   */
  refused(credentials: Credentials): boolean;
}

export class KeySource implements CredentialSource {
  readonly isRenewable = false;
  readonly #credentials: Credentials;

  constructor(keys: Keys) {
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
  #token: string | undefined;
  #isAccepted = false;
  #asking: Promise<string> | undefined;

  /** @param source a token, or what gives one each time that it is called */
  constructor(source: string | (() => string | Promise<string>)) {
    this.isRenewable = typeof source !== "string";
    if (typeof source === "string") this.#token = source;
    else this.#getToken = source;
  }

  get(): Credentials | Promise<Credentials> {
    if (this.#token !== undefined) return { type: "token", token: this.#token };
    return this.renew().then((token) => ({ type: "token", token }));
  }

  /** Once at a time, whoever asks. */
  renew(): Promise<string> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  accepted(): void {
    this.#isAccepted = true;
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

  async #ask(): Promise<string> {
    const token: unknown = await this.#getToken?.();
    if (typeof token !== "string") {
      throw new ShardcastError("SHARDCAST_OPTION_INVALID", "getToken did not give a text");
    }
    this.#token = token;
    this.#isAccepted = false;
    return token;
  }
}
