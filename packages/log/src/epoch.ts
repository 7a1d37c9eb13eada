// The name of one life of a topic's log.
import { randomBytes } from "node:crypto";
import { EPOCH_BYTES, type Epoch } from "@shardcast/protocol";

export function createEpoch(): Epoch {
  return randomBytes(EPOCH_BYTES).toString("hex");
}
