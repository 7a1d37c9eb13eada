// Reads the options of a command from its arguments, the environment and a file.
import yargs from "yargs";
import { addPositionals, argumentsFor, strict, yargsOptions } from "./command-line.ts";
import { readJsonFile } from "./json-file.ts";
import { optionInvalid } from "./option-invalid.ts";
import { parseRows, text, variableOf, type Raw, type Row, type Rows, type Values } from "./row.ts";
import { optionsOf } from "./variables.ts";

export interface OptionsSource {
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** The command's name in the help. */
  readonly scriptName: string;
  readonly description: string;
  /** A positional argument, such as `[topic]`. One of the rows has its name. */
  readonly positional?: string;
  /** Whether SHARDCAST_… variables and the file of `--config` can also set options. */
  readonly isNode?: boolean;
}

/** The values of one source, and their labels for errors. */
interface Layer {
  readonly raw: Raw;
  readonly labelOf: (row: Row) => string;
}

const CONFIG = text("config", { help: "A JSON file with any of these options" });

/**
 * Reads the options of a command.
 * @returns undefined if `--help` was given; the help has then been printed
 * @throws SHARDCAST_OPTION_INVALID
 */
export function readOptions<R extends Rows>(rows: R, source: OptionsSource): Values<R> | undefined {
  const all = Object.values(source.isNode ? { ...rows, config: CONFIG } : rows);
  const args = parseArguments(all, source);
  if (args["help"] === true) return undefined;
  const layers = [
    argumentLayer(args),
    ...(source.isNode ? nodeLayers(all, args, source.env) : []),
    variableLayer(all, source.env),
  ];
  return mergeLayers(rows, layers);
}

/**
 * Reads the options of a command whose arguments yargs has parsed.
 * @param args the result of yargs
 * @throws SHARDCAST_OPTION_INVALID
 */
export function readCommand<R extends Rows>(rows: R, args: Raw, env: NodeJS.ProcessEnv): Values<R> {
  return mergeLayers(rows, [argumentLayer(args), variableLayer(Object.values(rows), env)]);
}

function parseArguments(rows: readonly Row[], source: OptionsSource): Raw {
  const { argv, scriptName, description, positional } = source;
  const name = positional?.replace(/[^\w-]/g, "");
  const usage = `$0 ${positional === undefined ? "" : `${positional} `}[options]\n\n${description}`;
  const options = yargsOptions(
    Object.fromEntries(rows.filter((row) => row.name !== name).map((row) => [row.name, row])),
  );
  const parser = strict(yargs(argumentsFor(argv, rows)).scriptName(scriptName).usage(usage));
  const found = rows.find((row) => row.name === name);
  if (positional !== undefined && found !== undefined) {
    parser.command(`$0 ${positional}`, false, (command) => addPositionals(command, { found }));
  }
  const values = parser.options(options).parseSync() as Raw;
  const lists = new Set(rows.flatMap((row) => (row.isList ? [row.name] : [])));
  // If an option is repeated, its last value counts.
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      Array.isArray(value) && !lists.has(key) ? (value.at(-1) as unknown) : value,
    ]),
  );
}

function nodeLayers(rows: readonly Row[], args: Raw, env: NodeJS.ProcessEnv): Layer[] {
  const raw = optionsOf(
    env,
    rows.map(({ name }) => name),
  );
  const file = CONFIG.parse(args["config"] ?? raw["config"], "--config");
  const labelOf = withVariable(({ name }) => variableOf(name));
  return [{ raw, labelOf }, ...(file === undefined ? [] : [fileLayer(rows, file)])];
}

function fileLayer(rows: readonly Row[], file: string): Layer {
  const raw = readJsonFile("--config", file);
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    throw optionInvalid(`--config ${file} is not a JSON object`);
  }
  const unknown = Object.keys(raw).find((key) => !rows.some(({ name }) => name === key));
  if (unknown !== undefined) throw optionInvalid(`--config ${file}: ${unknown} is not an option`);
  return { raw: { ...raw }, labelOf: ({ name }) => `--${name} (in ${file})` };
}

function argumentLayer(raw: Raw): Layer {
  return { raw, labelOf: ({ name }) => `--${name}` };
}

/** The values of the variables that the rows name themselves. */
function variableLayer(rows: readonly Row[], env: NodeJS.ProcessEnv): Layer {
  const given = rows.flatMap(({ name, variable }) => {
    const value = variable === undefined ? undefined : env[variable];
    return value === undefined || value === "" ? [] : [[name, value] as const];
  });
  return { raw: Object.fromEntries(given), labelOf: withVariable(({ variable }) => variable) };
}

/** @param layers the sources, in descending order of priority */
function mergeLayers<R extends Rows>(rows: R, layers: readonly Layer[]): Values<R> {
  const merged: Record<string, unknown> = {};
  const labels = new Map<string, string>();
  for (const { raw, labelOf } of layers) {
    const stronger = new Set(Object.keys(merged));
    for (const row of Object.values(rows)) {
      const { name, replacedBy = [] } = row;
      const isReplaced = [name, ...replacedBy].some((other) => stronger.has(other));
      if (raw[name] === undefined || isReplaced) continue;
      merged[name] = raw[name];
      labels.set(name, labelOf(row));
    }
  }
  return parseRows(rows, merged, labels);
}

function withVariable(variable: (row: Row) => string | undefined): Layer["labelOf"] {
  return (row) => `--${row.name} (${variable(row) ?? ""})`;
}
