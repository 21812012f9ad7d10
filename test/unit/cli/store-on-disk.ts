import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RecoveryPoint } from "#domain/cut.ts";
import { cutId, diskId, instant, itemName, machineId, replicaId } from "#domain/ids.ts";
import { replicaLayout } from "#platforms/libvirt/target/layout.ts";
import { describePoint, serializeManifest } from "#platforms/libvirt/target/manifest.ts";
import { serializeReplica } from "#platforms/libvirt/target/stored-replica.ts";
import { startMs } from "./double-client.ts";

const vda = diskId("vda");
const point = (id: string, agoSeconds: number, epoch: number): RecoveryPoint => ({
  id: cutId(id),
  item: itemName("app1"),
  epoch,
  takenAt: instant(startMs - agoSeconds * 1000),
  sealedAt: instant(startMs - agoSeconds * 1000 + 500),
  consistency: "crash-consistent",
  disks: [{ id: vda, sizeBytes: 1024 ** 3 }],
  definition:
    "<domain type='kvm'><name>app1</name><devices><disk type='file' device='disk'><source file='/images/app1.qcow2'/><target dev='vda'/></disk></devices></domain>",
  kept: true,
  deltaBytes: 65_536,
});

/** A store with one replica of two points, as the target writes it; the images themselves are left out. */
export const makeStore = (folder: string): Promise<void> =>
  makeReplica(folder, { replica: "app1@lyon", epoch: 1, points: { c1: 600, c2: 60 } });

/** Adds one; its points with how old they are, in seconds, the oldest first. */
export const makeReplica = async (
  folder: string,
  of: { readonly replica: string; readonly epoch: number; readonly points: Readonly<Record<string, number>> },
): Promise<void> => {
  const { epoch } = of;
  const replica = replicaId(of.replica);
  const layout = replicaLayout(folder, replica);
  const points = Object.entries(of.points).map(([id, ago]) => point(id, ago, epoch));
  await mkdir(layout.points, { recursive: true });
  await writeFile(
    layout.state,
    serializeReplica({
      format: 1,
      revision: 3,
      pinnedUpTo: -1,
      replica,
      item: itemName("app1"),
      epoch,
      sourceSite: "paris",
      machine: { id: machineId("4ae5"), name: "app1" },
      nextLayer: 2,
      layers: points.map(({ id, takenAt, consistency }, layer) => ({
        layer,
        cut: id,
        point: true,
        kept: true,
        takenAt,
        consistency,
        disks: { [vda]: { sizeBytes: 1024 ** 3, backing: layer - 1, digests: "delta" as const } },
      })),
      activations: [],
    }),
  );
  for (const [layer, each] of points.entries())
    await writeFile(join(layout.points, `${each.id}.json`), serializeManifest(describePoint(each, layer)));
};
