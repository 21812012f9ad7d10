import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RecoveryPoint } from "#domain/cut.ts";
import { cutId, diskId, instant, itemName, machineId, replicaId } from "#domain/ids.ts";
import { replicaLayout } from "#platforms/libvirt/target/layout.ts";
import { describePoint, serializeManifest } from "#platforms/libvirt/target/manifest.ts";
import { serializeReplica } from "#platforms/libvirt/target/stored-replica.ts";
import { startMs } from "./double-client.ts";

const vda = diskId("vda");
const point = (id: string, agoSeconds: number): RecoveryPoint => ({
  id: cutId(id),
  item: itemName("app1"),
  epoch: 1,
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
export const makeStore = async (folder: string): Promise<void> => {
  const layout = replicaLayout(folder, replicaId("app1@lyon"));
  const points = [point("c1", 600), point("c2", 60)];
  await mkdir(layout.points, { recursive: true });
  await writeFile(
    layout.state,
    serializeReplica({
      format: 1,
      revision: 3,
      pinnedUpTo: -1,
      replica: replicaId("app1@lyon"),
      item: itemName("app1"),
      epoch: 1,
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
