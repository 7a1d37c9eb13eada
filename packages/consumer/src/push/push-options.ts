// Parses the options of push subscriptions.
import {
  optionInvalid,
  readOptionFile,
  type CONSUMER_OPTIONS,
  type Values,
} from "@shardcast/options";
import { readCertificates } from "@shardcast/server";
import { AddressGuard, parseWebhookTarget, type WebhookSenderOptions } from "@shardcast/webhooks";
import { checkPushName, parsePushConfig, type PushConfig } from "./push-config.ts";

export interface PushOptions {
  /** The subscriptions of the file, by name. */
  readonly files: ReadonlyMap<string, PushConfig>;
  readonly sender: WebhookSenderOptions;
  /** Returns why the node may not push to a URL, or undefined. */
  readonly urlFault: (url: string) => string | undefined;
}

type PushValues = Pick<
  Values<typeof CONSUMER_OPTIONS>,
  "pushFile" | "pushAllow" | "isPushHttpAllowed" | "pushCaFile"
>;

/** @throws SHARDCAST_OPTION_INVALID */
export function parsePushOptions(values: PushValues): PushOptions {
  const { pushFile, pushAllow: allow, isPushHttpAllowed: isHttpAllowed, pushCaFile } = values;
  const rules = { guard: guardOf(allow), isHttpAllowed };
  const urlFault = (url: string): string | undefined => {
    const target = parseWebhookTarget(url, rules);
    return typeof target === "string" ? target : undefined;
  };
  const ca = pushCaFile === undefined ? {} : { ca: readCertificates("--push-ca", pushCaFile) };
  return {
    files: pushFile === undefined ? new Map() : filesOf(pushFile, urlFault),
    sender: { allow, isHttpAllowed, ...ca },
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

/** Hides the error of JSON.parse, which quotes the text with its keys. */
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
