// The back end (the Concierge): the URL for messages of users, and the version that it reports.

const POSTBACK_PATH = "/incoming/postback";
const VERSION_PATH = "/version";
const VERSION_MAX_BYTES = 4096;
const VERSION_MAX_CHARACTERS = 100;

export interface BackEndOptions {
  /** How long the back end may take to report its version, in ms. */
  readonly timeoutMs: number;
  /** How long an answer, or its absence, is cached, in ms. */
  readonly cacheMs: number;
}

export class BackEnd {
  /** The URL to which messages of users are delivered. */
  readonly postbackUrl: string;
  readonly #versionUrl: string;
  readonly #options: BackEndOptions;
  #asked: { readonly answer: Promise<string | undefined>; readonly at: number } | undefined;

  /** @param url with or without `/incoming/postback`: both forms are in use */
  constructor(url: string, options: BackEndOptions) {
    const base = url.replace(/\/+$/, "").replace(/\/incoming\/postback$/, "");
    this.postbackUrl = base + POSTBACK_PATH;
    this.#versionUrl = base + VERSION_PATH;
    this.#options = options;
  }

  /** Returns undefined if the back end does not answer. Concurrent calls share one request. */
  version(): Promise<string | undefined> {
    const now = performance.now();
    if (this.#asked === undefined || now - this.#asked.at > this.#options.cacheMs) {
      this.#asked = { answer: this.#fetchVersion().catch(() => undefined), at: now };
    }
    return this.#asked.answer;
  }

  async #fetchVersion(): Promise<string | undefined> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs);
    const response = await fetch(this.#versionUrl, { signal });
    if (!response.ok) {
      await response.body?.cancel();
      return undefined;
    }
    return versionIn(await readStart(response));
  }
}

/** Returns the field `version` of a JSON object, otherwise the text itself. */
function versionIn(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "version" in value) {
      return String(value.version).slice(0, VERSION_MAX_CHARACTERS);
    }
  } catch {
    // Not JSON.
  }
  return text.trim().slice(0, VERSION_MAX_CHARACTERS);
}

/** Reads only the beginning of the answer. */
async function readStart(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop cancels the response.
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= VERSION_MAX_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, VERSION_MAX_BYTES).toString();
}
