import type { CutDescription, RecoveryPoint } from "#domain/cut.ts";
import type { CutId } from "#domain/ids.ts";
import type { ReplicationSource, TrackedMachine } from "#platforms/platform.ts";
import type { Replica } from "#transfer/replica.ts";
import { operation } from "./operation.ts";

const never = new AbortController().signal;

/** Carries every disk of a standing cut into an open replica, whole or since a cut, without sealing. */
export async function receive(options: {
  readonly source: ReplicationSource;
  readonly tracked: TrackedMachine;
  readonly replica: Replica;
  readonly cut: CutDescription;
  readonly since?: CutId;
}): Promise<void> {
  const { source, tracked, replica, cut, since } = options;
  await replica.begin({ cut, mode: since === undefined ? "full" : "delta", ...(since && { base: since }) }, never);
  for (const { id: disk, sizeBytes } of cut.disks) {
    await using from = await source.openDisk({ tracked, cut: cut.id, disk, ...(since && { since }) }, operation());
    await using into = await replica.sink(disk, never);
    for await (const { offset, length, kind } of from.extents({ signal: never })) {
      const data = new Uint8Array(kind === "data" ? length : 0);
      if (kind === "data") await from.read(offset, data, never);
      await (kind === "data" ? into.write(offset, data, never) : into.zero(offset, length, never));
    }
    await into.flush(never);
    await replica.checkpoint(disk, sizeBytes, never);
  }
}

/** `receive`, and the seal. */
export async function send(
  options: Parameters<typeof receive>[0] & { readonly keep?: boolean; readonly retentionSeconds?: number },
): Promise<RecoveryPoint> {
  await receive(options);
  const { cut, keep = true, retentionSeconds = 86_400 } = options;
  return options.replica.seal({ cut, keep, retentionSeconds }, never);
}
