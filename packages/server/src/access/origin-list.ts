// The web pages that may connect, by the Origin header that browsers send. Other clients send no
// Origin, or any value they like.
import { optionInvalid } from "@shardcast/options";

/** `*` matches host name characters only, so that it cannot reach past the host. */
const SUBDOMAINS = /^[a-z0-9_.-]+$/;
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/(\*\.)?[a-z0-9.[\]:-]+$/;

export class OriginList {
  readonly isAny: boolean;
  readonly #exact = new Set<string>();
  /** Pairs of a scheme and a host suffix, such as `https://` and `.example.com`. */
  readonly #wild: (readonly [string, string])[] = [];

  /**
   * @param list `*`, or comma-separated origins; `https://*.example.com` stands for all subdomains
   * @throws SHARDCAST_OPTION_INVALID
   */
  constructor(list: string) {
    const origins = list.split(",").map((origin) => origin.trim().toLowerCase());
    this.isAny = origins.includes("*");
    for (const origin of origins) {
      if (origin === "*") continue;
      if (!ORIGIN.test(origin)) {
        throw optionInvalid(`--origins: ${origin} is not like https://app.example.com`);
      }
      const [scheme = "", host] = origin.split("*");
      if (host === undefined) this.#exact.add(origin);
      else this.#wild.push([scheme, host]);
    }
  }

  /** @param origin undefined if the request has no Origin header, and so comes from no web page */
  allows(origin: string | undefined): boolean {
    if (this.isAny || origin === undefined) return true;
    const name = origin.toLowerCase();
    if (this.#exact.has(name)) return true;
    return this.#wild.some(
      ([scheme, host]) =>
        name.startsWith(scheme) &&
        name.endsWith(host) &&
        SUBDOMAINS.test(name.slice(scheme.length, -host.length)),
    );
  }
}
