// What a client's links authenticate with: a key, or tokens that are renewed.
import type { Credentials } from "@shardcast/protocol";

/** Provides the credentials for links. */
export interface CredentialSource {
  /** Whether an expired token can be replaced. */
  readonly isRenewable: boolean;
  /** Credentials for the next link. @throws the error of the application's getToken */
  get(): Credentials | Promise<Credentials>;
  /** Returns a token that differs from the last one of a link, which is about to expire. */
  renew(last: Credentials): Promise<string>;
  /** A node accepted these credentials. */
  accepted(credentials: Credentials): void;
  /**
   * A node refused these credentials.
   * @returns whether the client may try others
   */
  refused(credentials: Credentials): boolean;
}
