// The options of push subscriptions.
import { readOptionFile, switchOf } from "@shardcast/process";
import { optionInvalid, readCertificates, text, type RawOptions } from "@shardcast/server";
import { AddressGuard, parseWebhookTarget, type WebhookSenderOptions } from "@shardcast/webhooks";
import { checkPushName, parsePushConfig, type PushConfig } from "./push-config.ts";

export const PUSH_OPTIONS = {
  push: {
    group: "Push:",
    type: "string",
    describe:
      'File with push subscriptions: [{"name":"shop","topics":["orders/*"],"url":"https://…","keys":["whsec_…"]}]',
  },
  "push-allow": {
    group: "Push:",
    type: "string",
    describe:
      "Private addresses, ranges and host names that the node may push to: 10.1.0.0/16,hooks.internal",
    defaultDescription: "none",
  },
  "push-allow-http": {
    group: "Push:",
    type: "boolean",
    default: false,
    describe: "Allow http: URLs",
  },
  "push-ca": {
    group: "Push:",
    type: "string",
    describe: "File with more CA certificates to trust for push, in PEM",
  },
} as const;

export interface PushOptions {
  /** Those of the file, by name. */
  readonly files: ReadonlyMap<string, PushConfig>;
  readonly sender: WebhookSenderOptions;
  /** What is wrong with a URL to push to; undefined where nothing is. */
  readonly urlFault: (url: string) => string | undefined;
}

/** @throws SHARDCAST_OPTION_INVALID */
export function parsePushOptions(raw: RawOptions): PushOptions {
  const allow =
    raw["push-allow"] === undefined
      ? []
      : text(raw, "push-allow")
          .split(",")
          .map((entry) => entry.trim())
          .filter((entry) => entry !== "");
  const isHttpAllowed = switchOf(raw, "push-allow-http");
  const rules = { guard: guardOf(allow), isHttpAllowed };
  const urlFault = (url: string): string | undefined => {
    const target = parseWebhookTarget(url, rules);
    return typeof target === "string" ? target : undefined;
  };
  return {
    files: raw["push"] === undefined ? new Map() : filesOf(text(raw, "push"), urlFault),
    sender: { allow, isHttpAllowed, ...caOf(raw) },
    urlFault,
  };
}

function guardOf(allow: readonly string[]): AddressGuard {
  try {
    return new AddressGuard(allow);
  } catch (error) {
    throw optionInvalid(`--push-allow: ${messageOf(error)}`);
  }
}

function caOf(raw: RawOptions): Pick<WebhookSenderOptions, "ca"> {
  if (raw["push-ca"] === undefined) return {};
  return { ca: readCertificates("--push-ca", text(raw, "push-ca")) };
}

function filesOf(file: string, urlFault: PushOptions["urlFault"]): ReadonlyMap<string, PushConfig> {
  try {
    const list = parseJson(readOptionFile(file).toString("utf8"));
    if (!Array.isArray(list)) throw new Error("it is a list");
    const configs = new Map<string, PushConfig>();
    for (const value of list as readonly unknown[]) {
      const [name, config] = entryOf(value, urlFault);
      if (configs.has(name)) throw new Error(`${name} stands twice`);
      configs.set(name, config);
    }
    return configs;
  } catch (error) {
    throw optionInvalid(`--push ${file} cannot be used: ${messageOf(error)}`);
  }
}

/** What JSON.parse says quotes the text, and there are keys in it. */
function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new Error("it is not JSON");
  }
}

function entryOf(value: unknown, urlFault: PushOptions["urlFault"]): [string, PushConfig] {
  if (typeof value !== "object" || value === null) throw new Error("it has objects");
  const { name, ...fields } = value as Readonly<Record<string, unknown>>;
  checkPushName(name);
  try {
    const config = parsePushConfig(name, fields);
    const fault = urlFault(config.url);
    if (fault !== undefined) throw new Error(fault);
    return [name, config];
  } catch (error) {
    throw new Error(`${name}: ${messageOf(error)}`, { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "";
}
