// Tokens as the credentials of a client's links, renewed before they expire.
import { ShardcastError, type Credentials } from "@shardcast/protocol";
import type { CredentialSource } from "./credential-source.ts";
import { PLATFORM_RUNTIME, type Runtime } from "./runtime.ts";

/** How long the application's getToken may take, in ms. After that it is called again. */
const GET_TOKEN_MS = 10_000;

/** All links share one token, until it expires or a node refuses it. */
export class TokenSource implements CredentialSource {
  readonly isRenewable: boolean;
  readonly #getToken: (() => string | Promise<string>) | undefined;
  readonly #after: Runtime["after"];
  #token: string | undefined;
  #isAccepted = false;
  #asking: Promise<string> | undefined;

  /** @param source a token, or a function that returns a token on each call */
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
    // Another link expired earlier and has already requested a new token.
    const isNewer = token !== undefined && last.type === "token" && last.token !== token;
    return isNewer ? Promise.resolve(token) : this.#askOnce();
  }

  accepted(credentials: Credentials): void {
    if (credentials.type === "token" && credentials.token === this.#token) this.#isAccepted = true;
  }

  refused(credentials: Credentials): boolean {
    // Another link was refused earlier.
    if (credentials.type === "token" && credentials.token !== this.#token) return this.isRenewable;
    const wasAccepted = this.#isAccepted;
    this.#isAccepted = false;
    if (!this.isRenewable) return false;
    this.#token = undefined;
    // A token that was accepted before has expired. A new token that is refused will not be accepted later.
    return wasAccepted;
  }

  /** All callers share one pending call of getToken. */
  #askOnce(): Promise<string> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<string> {
    const token = await this.#answer();
    if (typeof token !== "string") {
      throw new ShardcastError("SHARDCAST_OPTION_INVALID", "getToken did not return a string");
    }
    this.#token = token;
    this.#isAccepted = false;
    return token;
  }

  /** Calls getToken. A result after the timeout is ignored. */
  #answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const cancel = this.#after(GET_TOKEN_MS, () => {
        const detail = `getToken returned no token within ${GET_TOKEN_MS} ms`;
        reject(new ShardcastError("SHARDCAST_TIMEOUT", detail));
      });
      Promise.resolve()
        .then(() => this.#getToken?.())
        .finally(cancel)
        .then(resolve, reject);
    });
  }
}
