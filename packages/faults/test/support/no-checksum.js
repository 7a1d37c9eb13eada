// Breaks a node: every checksum is the same, so that no damage is detected.
import { syncBuiltinESMExports } from "node:module";
import zlib from "node:zlib";

if (typeof zlib.crc32 !== "function") throw new Error("there is nothing to break");
zlib.crc32 = () => 0;
syncBuiltinESMExports();
