// What tests of other packages use.
export { Keys } from "../src/keys.ts";
