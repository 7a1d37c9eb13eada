// Which file may import which: `npm run lint` and `npm test` check it with dependency-cruiser.
// docs/architecture.md#the-parts shows the same rules.

const { FOLDERS, PACKAGES } = require("./dependency-tables.cjs");

const packageRules = Object.entries(PACKAGES).map(([name, allowed]) => ({
  name: `package-${name}`,
  severity: "error",
  from: { path: `^packages/${name}/src/` },
  to: {
    path: "^packages/[^/]+/|^@shardcast/",
    pathNot: [name, ...allowed].flatMap((one) => [`^packages/${one}/`, `^@shardcast/${one}(/|$)`]),
  },
}));

const folderRules = Object.entries(FOLDERS).flatMap(([name, folders]) =>
  folders.map((folder, index) => ({
    name: `folder-${name}-${folder}`,
    severity: "error",
    from: { path: `^packages/${name}/src/${folder}/` },
    to: {
      path: `^packages/${name}/src/`,
      pathNot: folders.slice(0, index + 1).map((one) => `^packages/${name}/src/${one}/`),
    },
  })),
);

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    ...packageRules,
    ...folderRules,
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "/(dist|node_modules|test|bin)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["@shardcast/source", "import", "require", "node", "default"],
    },
  },
};
