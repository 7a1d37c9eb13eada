// A pnpm hook: changes each package.json as it is packed. The packed copy has no @shardcast/source condition, which
// runs the sources in this repository, and no devDependencies, some of which are never published.

const SOURCE = "@shardcast/source";

module.exports = {
  hooks: {
    beforePacking(manifest) {
      delete manifest.devDependencies;
      for (const field of ["exports", "imports"]) {
        if (manifest[field] !== undefined) manifest[field] = withoutSource(manifest[field]);
      }
      return manifest;
    },
  },
};

/** Copies exports or imports without the condition, and without the entries that have no other. */
function withoutSource(targets) {
  if (typeof targets !== "object" || targets === null) return targets;
  return Object.fromEntries(
    Object.entries(targets)
      .filter(([condition]) => condition !== SOURCE)
      .map(([condition, target]) => [condition, withoutSource(target)])
      .filter(([, target]) => typeof target !== "object" || Object.keys(target).length > 0),
  );
}
