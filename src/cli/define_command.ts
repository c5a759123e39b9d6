/** Makes a command of a typed definition: the types of the option table end here. */

import type { Command, CommandDefinition } from "./command.ts";
import type { OptionTable } from "./options.ts";
import { parseOptions } from "./parse_options.ts";

/** Ties a definition's `run` to the parser of its own table. */
export function defineCommand<T extends OptionTable>(definition: CommandDefinition<T>): Command {
  const { run, ...rest } = definition;
  return {
    ...rest,
    prepare(args) {
      const parsed = parseOptions(definition.options, args);
      return {
        helpAsked: parsed.helpAsked,
        debug: parsed.debug,
        run: (context) => run(parsed, context),
      };
    },
  };
}
