// TLS of a node: the certificate that it serves, which is read again when its files change, and the
// authorities that it trusts on the links that it dials.
import { unwatchFile, watchFile } from "node:fs";
import type { Server } from "node:http";
import { createSecureContext, rootCertificates } from "node:tls";
import { optionInvalid, readOptionFile, type NODE_OPTIONS, type Values } from "@shardcast/options";
import type { Logger } from "pino";
import { readCertificates } from "./certificates.ts";

const POLL_MS = 2000;

export interface TlsOptions {
  /** Undefined if the node serves without TLS. */
  readonly certificate: Certificate | undefined;
  readonly peers: PeerTls;
}

/** TLS on the links that a node dials. */
export interface PeerTls {
  /** The certificates of trusted authorities; undefined for Node's own list. */
  readonly ca: readonly string[] | undefined;
  /** Whether ws:// addresses are refused. */
  readonly isRequired: boolean;
}

type TlsValues = Pick<
  Values<typeof NODE_OPTIONS>,
  "tlsCertFile" | "tlsKeyFile" | "tlsCaFile" | "consumers"
>;

/** @throws SHARDCAST_OPTION_INVALID */
export function parseTlsOptions(values: TlsValues): TlsOptions {
  const { tlsCertFile, tlsKeyFile, tlsCaFile, consumers } = values;
  if ((tlsCertFile === undefined) !== (tlsKeyFile === undefined)) {
    throw optionInvalid("--tls-cert and --tls-key go together");
  }
  const certificate =
    tlsCertFile === undefined || tlsKeyFile === undefined
      ? undefined
      : Certificate.of(tlsCertFile, tlsKeyFile);
  return {
    certificate,
    peers: {
      ca:
        tlsCaFile === undefined
          ? undefined
          : [...rootCertificates, ...readCertificates("--tls-ca", tlsCaFile)],
      // An operator may list plain-text addresses. Those that a node learns from others must have
      // TLS.
      isRequired: certificate !== undefined && consumers === undefined,
    },
  };
}

interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** A certificate and its key, as two files that are replaced from time to time. */
class Certificate {
  readonly #certFile: string;
  readonly #keyFile: string;
  #pair: Pair;

  private constructor(certFile: string, keyFile: string, pair: Pair) {
    this.#certFile = certFile;
    this.#keyFile = keyFile;
    this.#pair = pair;
  }

  /** @throws SHARDCAST_OPTION_INVALID if the files cannot be read, or do not belong together */
  static of(certFile: string, keyFile: string): Certificate {
    try {
      return new Certificate(certFile, keyFile, readPair(certFile, keyFile));
    } catch (error) {
      const why = error instanceof Error ? error.message : "";
      throw optionInvalid(`--tls-cert and --tls-key cannot be used: ${why}`);
    }
  }

  get pair(): Pair {
    return this.#pair;
  }

  /**
   * Gives a server each new pair, for later connections. A pair that is invalid changes nothing,
   * for example while only one of the two files is new.
   * @returns a function that stops this
   */
  follow(server: Server, logger: Logger): () => void {
    const adopt = (): void => {
      try {
        const pair = readPair(this.#certFile, this.#keyFile);
        if (pair.cert === this.#pair.cert && pair.key === this.#pair.key) return;
        this.#pair = pair;
        (server as Server & { setSecureContext(pair: Pair): void }).setSecureContext(pair);
        logger.info("the certificate was replaced");
      } catch (error) {
        logger.warn({ error }, "the certificate stays as it was");
      }
    };
    const files = [this.#certFile, this.#keyFile];
    // Polled: a file that is replaced through a symbolic link, as in Kubernetes, sends no event.
    for (const file of files) watchFile(file, { interval: POLL_MS, persistent: false }, adopt);
    return () => {
      for (const file of files) unwatchFile(file, adopt);
    };
  }
}

/** @throws the error of Node if they are not a certificate and its key */
function readPair(certFile: string, keyFile: string): Pair {
  const pair = { cert: readText(certFile), key: readText(keyFile) };
  createSecureContext(pair);
  return pair;
}

/** @throws Error if the file is empty, which Node would accept as no certificate at all */
function readText(file: string): string {
  const text = readOptionFile(file).toString("utf8");
  if (text.trim() === "") throw new Error(`${file} is empty`);
  return text;
}
