// @shardcast/bench: what the benchmarks are made of, for the tests that keep them from rotting.
export { percentile } from "./percentile.ts";
export { slowReaders } from "./slow-readers.ts";
export { startup } from "./startup.ts";
export { renderTable, type Table } from "./table.ts";
