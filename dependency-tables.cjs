// Which package may import which, and the order of folders within a package. docs/architecture.md shows both.

/** Each package, and the other packages that its source may import. */
const PACKAGES = {
  protocol: [],
  client: ["protocol"],
  react: ["client"],
  webhooks: ["protocol"],
  options: ["protocol"],
  process: ["protocol"],
  server: ["protocol", "options", "process", "webhooks"],
  log: ["protocol"],
  redis: ["protocol", "options", "process", "server", "log"],
  producer: ["options", "server", "redis"],
  consumer: ["protocol", "options", "process", "webhooks", "server", "log", "redis"],
  testing: ["protocol", "client", "options", "process", "server", "producer", "consumer"],
  cli: ["protocol", "client", "options", "log"],
  switchboard: ["protocol", "client", "options", "process", "webhooks"],
  faults: ["protocol", "client", "options"],
  demo: ["protocol", "client", "options"],
  bench: ["protocol", "client", "options", "log"],
  // What starts real nodes for tests.
  e2e: ["protocol", "client", "faults"],
};

/** Folders of a package's source, the lowest first. A folder imports from itself and from those before it. */
const FOLDERS = {
  server: [
    "options",
    "turn",
    "access",
    "http",
    "cluster",
    "publish",
    "link",
    "peer",
    "legacy",
    "node",
  ],
  consumer: ["presence", "fan-out", "owner", "topics", "links", "push", "http", "start"],
};

module.exports = { PACKAGES, FOLDERS };
