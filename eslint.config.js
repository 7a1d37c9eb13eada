import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

const TYPESCRIPT = ["packages/*/src/**/*.ts", "packages/*/test/**/*.ts", "examples/**/*.tsx"];

/** Globals that lib "dom" declares although a package of pure bytes has no business with them. */
const RUNTIME_GLOBALS = [
  "Buffer",
  "WebSocket",
  "XMLHttpRequest",
  "clearInterval",
  "clearTimeout",
  "console",
  "fetch",
  "process",
  "setImmediate",
  "setInterval",
  "setTimeout",
];

/** Packages know one another by their names, in tests too. */
const OTHER_PACKAGES = {
  regex: String.raw`^(\.\./)+[a-z0-9-]+/(src|test)/`,
  message: "Import another package by its name.",
};

export default defineConfig(
  globalIgnores(["**/dist/", "**/coverage/"]),
  js.configs.recommended,
  {
    files: TYPESCRIPT,
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        {
          allowAny: false,
          allowBoolean: false,
          allowNever: false,
          allowNullish: false,
          allowNumber: true,
          allowRegExp: false,
        },
      ],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "no-restricted-imports": ["error", { patterns: [OTHER_PACKAGES] }],
      // Tests run the source as CommonJS, and CommonJS users load the build by require().
      "no-restricted-syntax": [
        "error",
        { selector: "MetaProperty[meta.name='import']", message: "import.meta needs ESM." },
        {
          selector: "AwaitExpression:not(:function AwaitExpression)",
          message: "Top-level await cannot be loaded by require().",
        },
      ],
    },
  },
  {
    files: ["packages/*/test/**/*.ts"],
    rules: {
      // `expect(x).to.be.true` is a whole assertion.
      "@typescript-eslint/no-unused-expressions": "off",
    },
  },
  {
    // The protocol knows no runtime; its tsconfig has no Node types, and this bans the rest.
    files: ["packages/protocol/src/**/*.ts"],
    rules: {
      "no-restricted-globals": ["error", ...RUNTIME_GLOBALS],
      "no-restricted-imports": [
        "error",
        { patterns: [OTHER_PACKAGES, { group: ["node:*", "ws"] }] },
      ],
    },
  },
  {
    files: ["packages/protocol/src/proof.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [OTHER_PACKAGES, { group: ["node:*", "!node:crypto", "ws"] }] },
      ],
    },
  },
  {
    files: ["packages/protocol/src/websocket/**"],
    rules: {
      "no-restricted-globals": "off",
      "no-restricted-imports": [
        "error",
        { patterns: [OTHER_PACKAGES, { group: ["node:*", "!node:zlib", "ws"] }] },
      ],
    },
  },
  {
    files: ["*.js", "scripts/**", "packages/*/bin/*.js"],
    languageOptions: {
      globals: {
        URL: false,
        clearTimeout: false,
        console: false,
        process: false,
        setTimeout: false,
      },
    },
  },
  {
    files: ["examples/**/*.js"],
    languageOptions: {
      globals: {
        Buffer: false,
        TextDecoderStream: false,
        URL: false,
        console: false,
        crypto: false,
        fetch: false,
        process: false,
      },
    },
  },
  {
    files: ["**/*.cjs"],
    languageOptions: {
      sourceType: "commonjs",
      globals: { module: false, process: false, require: false },
    },
  },
);
