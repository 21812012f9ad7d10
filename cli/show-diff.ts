import { withClient, type Cli } from "./command.ts";
import { readConfiguration } from "./read-configuration.ts";
import { changesText } from "./text/changes-text.ts";
import { writtenChange } from "#config/written.ts";
import { Fault } from "#domain/fault.ts";

/** Shows what applying a file would change. Throws `CONFIG_INVALID` afterwards when applying it would be refused, with the reasons. */
export const showDiff = async (
  cli: Cli,
  options: { readonly file: string; readonly json?: boolean },
): Promise<void> => {
  const { context } = cli;
  const configuration = await readConfiguration(context, options.file);
  const { changes, refusals } = await withClient(cli, (client) => client.diff(configuration));
  if (options.json === true) context.terminal.out(`${JSON.stringify(changes.map(writtenChange))}\n`);
  else if (changes.length === 0) context.terminal.out("Nothing differs from what is applied.\n");
  else context.terminal.out(`${changesText(changes)}Nothing was applied.\n`);
  if (refusals.length > 0)
    throw new Fault("CONFIG_INVALID", `Applying ${options.file} would be refused. ${refusals.join(" ")}`);
};
