// Exports for the tests of other packages.
export { Keys } from "../src/keys.ts";
