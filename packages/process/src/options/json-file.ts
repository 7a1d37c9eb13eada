import { readOptionFile } from "./option-file.ts";
import { optionInvalid } from "./option-invalid.ts";

/**
 * What a JSON file holds. Node's own message would quote what is in it, which may be a secret.
 * @param name of the option, for the error: `--config`
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
