// What tests of other packages use.
export * from "./batches.ts";
export { describeLog } from "./describe-log.ts";
