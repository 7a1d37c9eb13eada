// @shardcast/bench: nothing to import; the command is bin/bench.js.
//
//   main → fan-out, ingest, idle, …     the questions
//   peers → server-process              the systems that are measured
//   load → load-main → fan-out-load, ingest-load → dialects → raw-socket    the load, in its own processes
export {};
