// Detects whether the command runs in a clone of the repository, so that messages can name its npm scripts.
import { readFileSync } from "node:fs";

export function isInCheckout(): boolean {
  try {
    const { name, scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
      readonly name?: unknown;
      readonly scripts?: Readonly<Record<string, unknown>>;
    };
    return name === "shardcast-workspace" && scripts?.["TOPIC"] !== undefined;
  } catch {
    return false;
  }
}
