// Exports for the tests of other packages.
export * from "./batches.ts";
export { describeLog } from "./describe-log.ts";
