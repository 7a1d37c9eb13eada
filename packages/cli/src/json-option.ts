import { onOff } from "@shardcast/options";

export const JSON_OPTION = onOff("json", { help: "Print a JSON object per line" });
