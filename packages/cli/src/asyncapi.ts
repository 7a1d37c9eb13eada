// `shardcast asyncapi`: describes topics as an AsyncAPI document, from typed topics or from the file of --schemas.
import { choice, text } from "@shardcast/options";
import { asyncapiOf } from "./asyncapi-document.ts";
import { command } from "./command.ts";
import { readTopics } from "./described-topics.ts";

const FILE = {
  file: text("file", {
    isRequired: true,
    help: "A JavaScript or TypeScript module that exports defineTopics(…), or the JSON file of --schemas",
  }),
};

const OPTIONS = {
  title: text("title", { default: "Shardcast topics", help: "Title of the document" }),
  apiVersion: text("api-version", { default: "1.0.0", help: "Version of the document" }),
  format: choice("format", ["yaml", "json"], { default: "yaml", help: "Format of the document" }),
};

export const asyncapiCommand = command({
  command: "asyncapi <file>",
  describe: "Print an AsyncAPI 3 document of the topics in a file",
  positionals: FILE,
  options: OPTIONS,
  run: async ({ file, title, apiVersion, format }) => {
    const document = asyncapiOf(await readTopics(file), { title, version: apiVersion });
    if (format === "json") process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    else {
      const { stringify } = await import("yaml");
      process.stdout.write(stringify(document));
    }
  },
});
