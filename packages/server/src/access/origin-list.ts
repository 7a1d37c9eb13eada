// Whose pages may connect: the Origin that a browser sends. Whoever is no browser sends none, or any.
import { optionInvalid } from "@shardcast/options";

/** What `*` stands for: names, and nothing that could end the host's. */
const SUBDOMAINS = /^[a-z0-9_.-]+$/;
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/(\*\.)?[a-z0-9.[\]:-]+$/;

export class OriginList {
  readonly isAny: boolean;
  readonly #exact = new Set<string>();
  /** `https://` and `.example.com` */
  readonly #wild: (readonly [string, string])[] = [];

  /**
   * @param list `*`, or origins set apart by commas; `https://*.example.com` stands for all subdomains
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

  /** @param origin undefined where the request has none: it comes from no page */
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
