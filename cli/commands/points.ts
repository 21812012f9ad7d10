import { resolve } from "node:path";
import type { Command } from "commander";
import { command, withClient, type Cli } from "../command.ts";
import { notRead, offlineReplicas, type OfflineFindings } from "../offline-replicas.ts";
import { offlineText, placedPointsText } from "../text/points-text.ts";
import { exitCodes } from "#domain/exit-codes.ts";
import { Fault } from "#domain/fault.ts";
import { itemName } from "#domain/ids.ts";

interface PointsOptions {
  readonly json?: boolean;
  readonly store?: string;
  readonly boot?: string;
  readonly folder?: string;
}

export const points = (cli: Cli): Command =>
  command("points", "Show the recovery points of an item, the newest first; or those in a store, with all else gone.", [
    "understudy points app1",
    "understudy points --store /var/lib/understudy",
    "understudy points app1 --store /var/lib/understudy --boot POINT | less",
  ])
    .argument("[item]", "the protected item's name; with --store: only this item's")
    .option("--store <folder>", "read this store on this host: needs no worker, no Temporal, no other site")
    .option("--boot <point>", "with --store: print the shell commands that boot this point by hand")
    .option("--folder <folder>", "with --boot: where its overlays go (default: understudy-boot-POINT)")
    .action(async (item: string | undefined, options: PointsOptions) => {
      const { terminal, now } = cli.context;
      if (options.store !== undefined) await offline(cli, options.store, item, options);
      else {
        if (options.boot !== undefined || options.folder !== undefined)
          throw new Fault("INVALID_INPUT", "--boot and --folder go with --store, on the host that has the store.");
        if (item === undefined)
          throw new Fault("INVALID_INPUT", "Name the item whose points to show, or the store to read with --store.");
        const { found, view } = await withClient(cli, async (client) => ({
          found: (await client.points(itemName(item))).toReversed(),
          view: await client.item(itemName(item)),
        }));
        terminal.out(options.json === true ? `${JSON.stringify(found)}\n` : placedPointsText(found, view, now()));
      }
      cli.exit(exitCodes.ok);
    });

const offline = async (
  { context }: Cli,
  store: string,
  item: string | undefined,
  options: PointsOptions,
): Promise<void> => {
  const { terminal, interrupted, now } = context;
  const found = await offlineReplicas(store, { item, signal: interrupted });
  if (options.boot !== undefined) {
    terminal.out(await bootText(found, options.boot, options.folder));
    return;
  }
  const { replicas, problems } = found;
  terminal.out(options.json === true ? `${JSON.stringify(replicas)}\n` : offlineText(replicas, now()));
  // After what can be used, which is what matters now.
  if (problems.length > 0)
    throw new Fault(
      "REPLICA_INVALID",
      `Not all of the store ${store} could be read; what is listed is not affected. ${problems.join(" ")}`,
      { details: { problems } },
    );
};

const bootText = async (
  { replicas, problems }: OfflineFindings,
  id: string,
  folder: string | undefined,
): Promise<string> => {
  const there = replicas.flatMap((replica) => replica.points);
  const point = there.find((candidate) => candidate.id === id);
  if (point === undefined)
    throw new Fault(
      "POINT_NOT_FOUND",
      `There is no recovery point ${id} in the store. There are: ${there.map((known) => known.id).join(", ") || "none"}.${notRead(problems)}`,
    );
  const { bootCommands } = await import("#platforms/libvirt/offline/boot-commands.ts");
  return bootCommands(point, resolve(folder ?? `understudy-boot-${id}`));
};
