// Breaks a node: every checksum is the same, so that nothing is found damaged.
import { syncBuiltinESMExports } from "node:module";
import zlib from "node:zlib";

if (typeof zlib.crc32 !== "function") throw new Error("there is nothing to break");
zlib.crc32 = () => 0;
syncBuiltinESMExports();
