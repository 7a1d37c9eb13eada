// Programs that tests run beside Node: Debian's packages, installed where they are not there.

import { spawnSync } from "node:child_process";

const PACKAGES = {
  "redis-server": "redis-server",
  "redis-cli": "redis-tools",
  // Makes the certificates that TLS is tested with.
  openssl: "openssl",
  // Sets the clocks of nodes.
  faketime: "faketime",
  // Has syncs fail.
  strace: "strace",
};

const missing = Object.entries(PACKAGES)
  .filter(([program]) => {
    const versionOf = program === "openssl" ? "version" : "--version";
    return spawnSync(program, [versionOf]).status !== 0;
  })
  .map(([, name]) => name);

if (missing.length > 0) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const options = { env, stdio: ["ignore", "ignore", "inherit"] };
  spawnSync("apt-get", ["update"], options);
  const install = ["install", "-y", "--no-install-recommends", ...missing];
  const { status, error } = spawnSync("apt-get", install, options);
  if (status !== 0) {
    const why = error === undefined ? "" : ` (${error.message})`;
    process.stderr.write(`tests need ${missing.join(" and ")}: apt-get cannot install it${why}\n`);
    process.exitCode = 1;
  }
}
