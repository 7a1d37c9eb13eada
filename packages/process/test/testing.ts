// What tests of other packages use.
export { TestRuntime, settled } from "./support/test-runtime.ts";
