import { Option, type Command } from "commander";
import { command, withClient, type Cli } from "./command.ts";
import { confirm } from "./confirm.ts";
import { reportInterruption } from "./interruption-report.ts";
import { waitForJob } from "./wait-for-job.ts";
import { exitCodes } from "#domain/exit-codes.ts";
import { isFault } from "#domain/fault.ts";
import { itemName } from "#domain/ids.ts";
import type { JobInput } from "#domain/job.ts";
import type { OperationName } from "#domain/operations.ts";

/** Options that every command has that starts a job. */
export interface JobOptions {
  readonly json?: boolean;
  readonly wait: boolean;
  readonly yes?: boolean;
}

export interface OrderRequest {
  readonly operation: OperationName;
  readonly item: string;
  readonly options: JobOptions;
  readonly input?: Omit<JobInput, "item" | "requestedBy">;
  /** What cannot be taken back, as a sentence; asked about first. */
  readonly consequence?: string;
}

/** Starts a job and, unless told not to, waits for its end. Answers the exit code. */
export const order = async (cli: Cli, request: OrderRequest): Promise<number> => {
  const { context } = cli;
  const { operation, item, options } = request;
  if (request.consequence !== undefined && !(await confirm(context, request.consequence, options.yes ?? false))) {
    context.terminal.err("Nothing was done.\n");
    return exitCodes.cancelled;
  }
  return withClient(cli, async (client) => {
    const input = { ...request.input, item: itemName(item), requestedBy: context.user };
    const json = options.json ?? false;
    let id: string;
    try {
      id = await client.start(operation, input, { signal: context.interrupted });
    } catch (error) {
      if (!context.interrupted.aborted || !isFault(error)) throw error;
      return reportInterruption(context, error.message, json);
    }
    if (options.wait) return waitForJob({ context, client, id, json });
    context.terminal.out(
      json ? `${JSON.stringify({ id })}\n` : `The job ${id} is started. Watch it: understudy jobs ${id} --watch\n`,
    );
    return exitCodes.ok;
  });
};

/** A command that starts a job: with `--wait` (the default) and `--no-wait`. */
export const jobCommand = (name: string, summary: string, examples: readonly string[]): Command =>
  command(name, summary, examples)
    .argument("<item>", "the protected item's name")
    .addOption(new Option("--wait", "the default").default(true).hideHelp())
    .option("--no-wait", "only start the job and print its id, instead of showing it to its end");

/** A verb without options of its own. */
export const simpleVerb = (
  cli: Cli,
  verb: {
    readonly name: string;
    readonly operation: OperationName;
    readonly summary: string;
    readonly examples: readonly string[];
  },
): Command =>
  jobCommand(verb.name, verb.summary, verb.examples).action(async (item: string, options: JobOptions) => {
    cli.exit(await order(cli, { operation: verb.operation, item, options }));
  });
