// @shardcast/bench: exports nothing; the command is bin/bench.js.
//
//   main → questions/      the questions, and how each answer is drawn
//   questions → peers/     the systems under measurement, each with one or more processes
//   questions → load/      load generators as processes: load → load-main → …-load → dialects → raw-socket
//   main → report/         tables, charts, and the files that store them
//   stats/                 CPU time and memory of processes
export {};
