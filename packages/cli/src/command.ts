// Defines a command of `shardcast` by its option rows and a function that receives their values.
import {
  addPositionals,
  readCommand,
  yargsOptions,
  type Row,
  type Rows,
  type Values,
} from "@shardcast/options";
import type { CommandModule } from "yargs";

export interface Command extends CommandModule {
  /** The rows of its options. */
  readonly rows: readonly Row[];
  readonly subcommands: readonly Command[];
}

export interface CommandSpec<Positionals extends Rows, Options extends Rows> {
  /** The command with its positionals, such as `publish <topic> [message..]`. */
  readonly command: string;
  readonly describe: string;
  readonly positionals: Positionals;
  readonly options: Options;
  readonly run: (values: Values<Positionals & Options>) => void | Promise<void>;
}

export function command<Positionals extends Rows, Options extends Rows>(
  spec: CommandSpec<Positionals, Options>,
): Command {
  const { positionals, options, run, ...named } = spec;
  const rows = { ...positionals, ...options };
  return {
    ...named,
    rows: Object.values(options),
    subcommands: [],
    builder: (argv) => addPositionals(argv, positionals).options(yargsOptions(options)),
    handler: (args) => run(readCommand(rows, args, process.env)),
  };
}
