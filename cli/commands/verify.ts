import { resolve } from "node:path";
import type { Command } from "commander";
import { command, withClient, type Cli } from "../command.ts";
import type { CliContext } from "../context.ts";
import { newestFirst, notRead, offlineReplicas } from "../offline-replicas.ts";
import type { Verification } from "#client/understudy-client.ts";
import { exitCodes } from "#domain/exit-codes.ts";
import { Fault } from "#domain/fault.ts";
import { cutId, itemName } from "#domain/ids.ts";

interface VerifyOptions {
  readonly point?: string;
  readonly store?: string;
  readonly json?: boolean;
}

export const verify = (cli: Cli): Command =>
  command("verify", "Read a recovery point again at its site and compare every block with its digest.", [
    "understudy verify app1",
    "understudy verify app1 --point POINT",
    "understudy verify app1 --store /var/lib/understudy",
  ])
    .argument("<item>", "the protected item's name")
    .option("--point <point>", "a point's id (default: the newest)")
    .option("--store <folder>", "read it in this store on this host: needs no worker, no Temporal, no other site")
    .action(async (item: string, options: VerifyOptions) => {
      const { context } = cli;
      const point = options.point === undefined ? undefined : cutId(options.point);
      const found =
        options.store === undefined
          ? await withClient(cli, (client) => client.verify(itemName(item), point))
          : await offline(context, options.store, item, options.point);
      if (options.json === true) context.terminal.out(`${JSON.stringify(found)}\n`);
      if (found.mismatched > 0)
        throw new Fault(
          "DIGEST_MISMATCH",
          `${String(found.mismatched)} of ${String(found.blocks)} blocks of the recovery point ${found.point} of ${item} are not what was sealed.`,
          { details: { ...found } },
        );
      if (options.json !== true)
        context.terminal.out(
          `The recovery point ${found.point} of ${item} is whole: ${String(found.blocks)} blocks match their digests.\n`,
        );
      cli.exit(exitCodes.ok);
    });

const offline = async (
  { interrupted, terminal }: CliContext,
  store: string,
  item: string,
  wanted: string | undefined,
): Promise<Verification> => {
  const { verifyPointOffline } = await import("#platforms/libvirt/offline/verify-point.ts");
  const { replicas, problems } = await offlineReplicas(store, { item, signal: interrupted });
  const there = newestFirst(replicas);
  const chosen = wanted === undefined ? there[0] : there.find(({ id }) => id === cutId(wanted));
  if (chosen === undefined)
    throw new Fault(
      "POINT_NOT_FOUND",
      `The store ${store} has no recovery point ${wanted ?? ""} of ${item}. There are: ${there.map(({ id }) => id).join(", ") || "none"}.`.replaceAll(
        "  ",
        " ",
      ) + notRead(problems),
    );
  const { blocks, mismatched, unverified } = await verifyPointOffline(
    { store: resolve(store), replica: chosen.replica, point: chosen.id },
    { id: `verify-${chosen.id}`, signal: interrupted, progress: () => undefined },
  );
  if (unverified > 0)
    terminal.err(
      `${String(unverified)} more blocks have no digest: they were here before the machine became a replica.\n`,
    );
  return { point: chosen.id, blocks, mismatched };
};
