// @shardcast/bench: nothing to import; the command is bin/bench.js.
//
//   main → questions/      what is asked, and how the answer is drawn
//   questions → peers/     the systems that are measured, a process or more each
//   questions → load/      the load, in processes of its own: load → load-main → …-load → dialects → raw-socket
//   main → report/         tables, charts, and the files that keep them
//   stats/                 what processes have cost
export {};
