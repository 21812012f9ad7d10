import type { DiskId } from "#domain/ids.ts";
import type { NbdTransport } from "#transfer/nbd/options.ts";
import { endDaemonsScript, startDaemonsScript } from "./daemon-scripts.ts";
import type { StoreHost } from "./host-store.ts";
import { pathComponent, type ReplicaLayout } from "./layout.ts";
import { connectQmp, type Qmp } from "./qmp.ts";

/** A disk's storage daemon on the host, with its monitor connected. */
export interface StorageDaemon extends AsyncDisposable {
  readonly qmp: Qmp;
  readonly nbd: NbdTransport;
}

interface Where {
  readonly host: StoreHost;
  readonly layout: ReplicaLayout;
  readonly replica: string;
}

/** Starts one daemon for each disk. One that runs already is ended first: whoever wrote through it writes no more. About 40 ms. */
export const startDaemons = async (
  where: Where,
  disks: readonly DiskId[],
  signal: AbortSignal,
): Promise<ReadonlyMap<DiskId, StorageDaemon>> => {
  const { host, layout, replica } = where;
  await host.run(startDaemonsScript, [layout.runtime, ...disks.map(pathComponent)], {
    purpose: `start the storage daemons of replica ${replica}`,
    timeoutMs: 30_000,
    signal,
  });
  const daemons = await Promise.all(
    disks.map(async (disk): Promise<readonly [DiskId, StorageDaemon]> => {
      const sockets = layout.daemon(disk);
      const stream = await host.openUnix(sockets.qmp, signal);
      const qmp = await connectQmp(stream, {
        where: `the storage daemon of disk ${disk} of replica ${replica} on host ${host.name}`,
      });
      const daemon: StorageDaemon = {
        qmp,
        nbd: { kind: "stream", open: (dialSignal) => host.openUnix(sockets.nbd, dialSignal) },
        [Symbol.asyncDispose]: () => qmp[Symbol.asyncDispose](),
      };
      return [disk, daemon];
    }),
  );
  return new Map(daemons);
};

/** Ends all storage daemons of the replica; nothing when none runs. */
export const endDaemons = async ({ host, layout, replica }: Where, signal: AbortSignal): Promise<void> => {
  await host.run(endDaemonsScript, [layout.runtime], {
    purpose: `end the storage daemons of replica ${replica}`,
    timeoutMs: 30_000,
    signal,
  });
};
