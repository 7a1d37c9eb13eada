import { optionInvalid } from "./option-invalid.ts";

const NODE_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;

export function isNodeId(id: string): boolean {
  return NODE_ID.test(id);
}

/** @throws SHARDCAST_OPTION_INVALID */
export function checkNodeId(id: string, label: string): string {
  if (isNodeId(id)) return id;
  throw optionInvalid(`${label} ${id}: 1 to 64 letters, digits, or any of . _ : -`);
}
