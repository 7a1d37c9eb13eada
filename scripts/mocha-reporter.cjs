// Mocha's spec reporter, which also writes its counts as JSON to the file SHARDCAST_MOCHA_STATS names.

const { writeFileSync } = require("node:fs");
const Mocha = require("mocha");

module.exports = class SpecWithStats extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const file = process.env.SHARDCAST_MOCHA_STATS;
    if (file) {
      runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
        writeFileSync(file, JSON.stringify(this.stats));
      });
    }
  }
};
