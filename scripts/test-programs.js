// Programs that tests run beside Node: Debian's packages. As root on Debian they are installed where they are
// missing; elsewhere their tests are skipped, and this prints the command that installs them.

import { spawnSync } from "node:child_process";

const PACKAGES = {
  "redis-server": "redis-server",
  "redis-cli": "redis-tools",
  // Makes the certificates of the tests of TLS.
  openssl: "openssl",
  // Sets the clocks of nodes.
  faketime: "faketime",
  // Makes syncs fail.
  strace: "strace",
  // Runs pages.
  chromium: "chromium",
};

if (missing().length > 0 && process.getuid?.() === 0) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const options = { env, stdio: ["ignore", "ignore", "inherit"] };
  spawnSync("apt-get", ["update"], options);
  spawnSync("apt-get", ["install", "-y", "--no-install-recommends", ...missing()], options);
}
if (missing().length > 0) {
  console.log(`tests are skipped; to run them: apt-get install ${missing().join(" ")}`);
}

function missing() {
  return Object.entries(PACKAGES)
    .filter(([program]) => spawnSync(program, ["--version"]).error !== undefined)
    .map(([, name]) => name);
}
