// @shardcast/options: defines each option of the commands in one row, and reads options.
export { ACCESS_LIMIT_OPTIONS, ACCESS_OPTIONS } from "./access-rows.ts";
export { FROM_OPTION, KEY_OPTIONS, USUAL_KEY_FILE } from "./client-rows.ts";
export { addPositionals, argumentsFor, strict, yargsOptions } from "./command-line.ts";
export { CONSUMER_OPTIONS } from "./consumer-rows.ts";
export { parseJson, readJsonFile } from "./json-file.ts";
export { isNodeId } from "./node-id.ts";
export { NODE_OPTIONS, PRODUCER_OPTIONS, REDIS_OPTIONS, type EventKind } from "./node-rows.ts";
export { numberOf } from "./number.ts";
export { readOptionFile } from "./option-file.ts";
export { optionInvalid } from "./option-invalid.ts";
export { readCommand, readOptions } from "./read-options.ts";
export {
  choice,
  list,
  onOff,
  parseRows,
  repeated,
  secret,
  text,
  texts,
  variableOf,
  whole,
  type Row,
  type Rows,
  type Values,
} from "./row.ts";
export { SECRET_MIN_CHARACTERS, checkSecret, readSecretFile } from "./secret.ts";
