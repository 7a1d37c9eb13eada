import { readOptionFile } from "./option-file.ts";
import { optionInvalid } from "./option-invalid.ts";

/**
 * Reads and parses a JSON file. Errors do not contain Node's message, which quotes the file: it may contain a secret.
 * @param name the option, for errors, such as `--config`
 * @throws SHARDCAST_OPTION_INVALID
 */
export function readJsonFile(name: string, file: string): unknown {
  let text: string;
  try {
    text = readOptionFile(file).toString("utf8");
  } catch (cause) {
    const { code = "" } = cause as { readonly code?: string };
    throw optionInvalid(`${name} ${file} cannot be read: ${code}`);
  }
  return parseJson(`${name} ${file}`, text);
}

/** @throws SHARDCAST_OPTION_INVALID */
export function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    throw optionInvalid(`${what} is not JSON`);
  }
}
