// What a node will take for one of its options: the image has to know id and port before, or beside, the node.

import { readFileSync } from "node:fs";
import process from "node:process";

/** The command line first, then SHARDCAST_<NAME>, then the file of --config, then the original's name. */
export function nodeOption(args, name) {
  const file = name === "config" ? undefined : nodeOption(args, "config");
  const variable = name.toUpperCase().replaceAll("-", "_");
  return (
    ofArguments(args, name) ??
    process.env[`SHARDCAST_${variable}`] ??
    ofFile(file, name) ??
    (process.env[variable] || undefined)
  );
}

function ofArguments(args, name) {
  const at = args.indexOf(`--${name}`);
  if (at >= 0) return args[at + 1];
  const prefix = `--${name}=`;
  return args.find((arg) => arg.startsWith(prefix))?.slice(prefix.length);
}

/** A file that cannot be used is the node's to complain about. */
function ofFile(file, name) {
  if (file === undefined) return undefined;
  try {
    const value = JSON.parse(readFileSync(file, "utf8"))[name];
    return value === undefined ? undefined : String(value);
  } catch {
    return undefined;
  }
}
