import { Option, type Command } from "commander";
import type { Cli } from "../command.ts";
import { jobCommand, order, type JobOptions } from "../operation-command.ts";
import { pointForms, readPointSelector } from "../point-selector.ts";
import { Fault } from "#domain/fault.ts";

interface FailoverOptions extends JobOptions {
  readonly planned?: boolean;
  readonly unplanned?: boolean;
  readonly test?: boolean;
  readonly point?: string;
  readonly shutdownSource?: boolean;
  readonly network?: string;
  readonly force?: boolean;
}
type Kind = "planned" | "unplanned" | "test";

/** Options that only one kind knows what to do with. */
const only: readonly {
  readonly option: keyof FailoverOptions;
  readonly flag: string;
  readonly kinds: readonly Kind[];
}[] = [
  { option: "point", flag: "--point", kinds: ["unplanned", "test"] },
  { option: "shutdownSource", flag: "--shutdown-source", kinds: ["unplanned"] },
  { option: "network", flag: "--network", kinds: ["test"] },
  { option: "force", flag: "--force", kinds: ["planned"] },
];

const kindOf = (options: FailoverOptions): Kind => {
  const chosen = (["planned", "unplanned", "test"] as const).filter((kind) => options[kind] === true);
  const [kind] = chosen;
  if (kind === undefined || chosen.length > 1)
    throw new Fault(
      "INVALID_INPUT",
      `Say which failover: exactly one of --planned (no loss, the source is shut down), --unplanned (the source may be gone) or --test (a copy in an isolated network); ${chosen.length === 0 ? "none was given" : `${chosen.map((name) => `--${name}`).join(" and ")} were given`}.`,
    );
  for (const { option, flag, kinds } of only)
    if (options[option] !== undefined && !kinds.includes(kind))
      throw new Fault(
        "INVALID_INPUT",
        `${flag} has no meaning for a ${kind} failover, only for ${kinds.map((name) => `--${name}`).join(" and ")}.`,
      );
  return kind;
};

export const failover = (cli: Cli): Command =>
  jobCommand("failover", "Run the machine at the other site: planned, unplanned, or as a test.", [
    "understudy failover app1 --planned",
    "understudy failover app1 --unplanned --point latest-app-consistent",
    "understudy failover app1 --test",
  ])
    .option("--planned", "shut the source down, send the last changes, start the replica: no loss")
    .option("--unplanned", "start the replica from a recovery point; the source may be gone")
    .option("--test", "start a copy in an isolated network; replication goes on")
    .option("--point <point>", `${pointForms} (--unplanned, --test; default: latest)`)
    .option("--shutdown-source", "try to shut the source down first, and go on in any case (--unplanned)")
    .addOption(
      new Option("--network <name>", "connect the test machine to this network instead of an isolated one (--test)"),
    )
    .option("--force", "turn the guest off when it does not shut down in time (--planned)")
    .option("-y, --yes", "do not ask before an unplanned failover")
    .action(async (item: string, options: FailoverOptions) => {
      const kind = kindOf(options);
      const point = readPointSelector(options.point ?? "latest");
      if (kind === "planned")
        cli.exit(
          await order(cli, {
            operation: "PlannedFailover",
            item,
            options,
            ...(options.force === true ? { input: { force: true } } : {}),
          }),
        );
      else if (kind === "test")
        cli.exit(
          await order(cli, {
            operation: "TestFailover",
            item,
            options,
            input: { point, ...(options.network === undefined ? {} : { network: options.network }) },
          }),
        );
      else
        cli.exit(
          await order(cli, {
            operation: "UnplannedFailover",
            item,
            options,
            input: { point, shutDownSource: options.shutdownSource ?? false },
            consequence: `An unplanned failover of ${item} loses what was written after the recovery point (${options.point ?? "latest"}), and fences the source.`,
          }),
        );
    });
