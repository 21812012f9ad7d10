import { Option, type Command } from "commander";
import { command, withClient, type Cli } from "../command.ts";
import { jobsText, jobText } from "../text/jobs-text.ts";
import { waitForJob } from "../wait-for-job.ts";
import { watch } from "../watch.ts";
import type { UnderstudyClient } from "#client/understudy-client.ts";
import { exitCodes } from "#domain/exit-codes.ts";
import { Fault } from "#domain/fault.ts";
import { itemName } from "#domain/ids.ts";
import type { JobState } from "#domain/job.ts";

const states = [
  "InProgress",
  "Succeeded",
  "Failed",
  "Cancelled",
  "PartiallySucceeded",
  "CompletedWithInformation",
] as const satisfies readonly JobState[];

interface JobsOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
  readonly item?: string;
  readonly state?: JobState;
  readonly limit: string;
}

const limitOf = (text: string): number => {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1000) return limit;
  throw new Fault("INVALID_INPUT", `--limit must be a whole number from 1 to 1000; it is ${text}.`);
};

export const jobs = (cli: Cli): Command =>
  command("jobs", "Show the jobs, or one with its tasks and progress.", [
    "understudy jobs",
    "understudy jobs --item app1 --state Failed",
    "understudy jobs JOB --watch",
  ])
    .argument("[job]", "the job's id")
    .option("-w, --watch", "follow the job to its end, or the list until Ctrl-C")
    .option("--item <item>", "only this item's")
    .addOption(new Option("--state <state>", "only those in this state").choices(states))
    .option("--limit <count>", "at most so many", "20")
    .action(async (id: string | undefined, options: JobsOptions) => {
      cli.exit(
        await withClient(cli, (client) =>
          id === undefined ? list(cli, client, options) : one(cli, client, id, options),
        ),
      );
    });

const list = async ({ context }: Cli, client: UnderstudyClient, options: JobsOptions): Promise<number> => {
  const filter = {
    limit: limitOf(options.limit),
    ...(options.item === undefined ? {} : { item: itemName(options.item) }),
    ...(options.state === undefined ? {} : { state: options.state }),
  };
  const json = options.json ?? false;
  const text = async (): Promise<string> => {
    const found = await client.jobs(filter);
    return json ? `${JSON.stringify(found)}\n` : jobsText(found, context.now());
  };
  if (options.watch === true) await watch(context, { text, json });
  else context.terminal.out(await text());
  return exitCodes.ok;
};

const one = async ({ context }: Cli, client: UnderstudyClient, id: string, options: JobsOptions): Promise<number> => {
  const json = options.json ?? false;
  if (options.watch === true) return waitForJob({ context, client, id, json });
  const job = await client.job(id);
  context.terminal.out(json ? `${JSON.stringify(job)}\n` : jobText(job, context.now()));
  return exitCodes.ok;
};
