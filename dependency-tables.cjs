// Which package may import which, and the order of folders within a package. docs/architecture.md shows both.

/** Each package, and the other packages that its source may import. */
const PACKAGES = {
  protocol: [],
  client: ["protocol"],
  webhooks: ["protocol"],
  process: ["protocol"],
  server: ["protocol", "process", "webhooks"],
  log: ["protocol"],
  redis: ["protocol", "process", "server", "log"],
  producer: ["server", "redis"],
  consumer: ["protocol", "process", "webhooks", "server", "log", "redis"],
  cli: ["protocol", "client", "process", "server", "log", "redis"],
  switchboard: ["protocol", "client", "process", "webhooks"],
  faults: ["protocol", "client", "server"],
  demo: ["protocol", "client", "process"],
  bench: ["protocol", "client", "log"],
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
