import type { Command } from "commander";
import type { Cli } from "../command.ts";
import { jobCommand, order, type JobOptions } from "../operation-command.ts";
import { Fault } from "#domain/fault.ts";
import { diskId, type DiskId } from "#domain/ids.ts";

type Copies = Readonly<Record<DiskId, string>>;

export const protect = (cli: Cli): Command =>
  jobCommand("protect", "Protect a machine: check everything, make its replica, start the initial replication.", [
    "understudy protect app1",
    "understudy protect app1 --copy vda=/srv/carried/vda.qcow2 --copy vdb=/srv/carried/vdb.qcow2",
    "understudy protect app1 --no-wait --json",
  ])
    .option(
      "--copy <disk=file>",
      "an older copy of that disk (qcow2 or raw) which was carried to the recovery host by hand: compared there instead of sent; for every disk there is one of",
      collect,
    )
    .action(async (item: string, options: JobOptions & { readonly copy?: Copies }) => {
      const input = options.copy === undefined ? {} : { input: { copies: options.copy } };
      cli.exit(await order(cli, { operation: "EnableProtection", item, options, ...input }));
    });

/** `vda=/srv/carried/vda.qcow2`, once for each disk. */
const collect = (text: string, earlier: Copies = {}): Copies => {
  const at = text.indexOf("=");
  const [disk, file] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  if (disk === "" || !file.startsWith("/"))
    throw new Fault(
      "INVALID_INPUT",
      `--copy ${text}: give a disk and the absolute path of its copy on the recovery host, as in --copy vda=/srv/carried/vda.qcow2.`,
    );
  if (Object.hasOwn(earlier, disk))
    throw new Fault("INVALID_INPUT", `--copy names disk ${disk} twice: ${earlier[diskId(disk)] ?? ""} and ${file}.`);
  return { ...earlier, [disk]: file };
};
