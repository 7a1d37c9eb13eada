// Options that several client commands share.
import { join } from "node:path";
import { parseFrom } from "@shardcast/protocol";
import { text } from "./row.ts";

/** The file in which `npm start` stores the pre-shared key. */
export const USUAL_KEY_FILE = join("data", "psk");

export const KEY_OPTIONS = {
  psk: text("psk", {
    variable: "PSK",
    replacedBy: ["token", "psk-file"],
    help: "The pre-shared key",
  }),
  pskFile: text("psk-file", {
    shownDefault: USUAL_KEY_FILE,
    help: "File with the pre-shared key; npm start makes it",
  }),
};

export const FROM_OPTION = text(
  "from",
  {
    default: "live",
    help: "Where to start: live, earliest, last:<count>, since:<Unix-ms> or a position",
  },
  parseFrom,
);
