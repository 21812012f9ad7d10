import { readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import type { CutId } from "#domain/ids.ts";
import type { LabHost } from "#lab/hosts/host.ts";
import { checkImages, type Verdict } from "#lab/oracle/check-image.ts";
import { compareImages } from "#lab/oracle/compare.ts";

/** What lies in a host's store, read as anybody can who has the files: without the product. */
interface Manifest {
  readonly point: { readonly id: CutId; readonly takenAt: string; readonly consistency: string };
  readonly disks: readonly { readonly id: string; readonly image: string; readonly sizeBytes: number }[];
}

/** The folders of the replicas on a host, as the host sees them. */
export const replicaFolders = async (host: LabHost): Promise<readonly string[]> => {
  const folder = `${host.store}/replicas`;
  return (await readdir(host.path(folder))).toSorted().map((each) => `${folder}/${each}`);
};

/** The manifest of a point, and the folder of the replica that has it. */
const findPoint = async (
  host: LabHost,
  point: CutId,
): Promise<{ readonly folder: string; readonly manifest: Manifest }> => {
  for (const folder of await replicaFolders(host)) {
    const points = host.path(`${folder}/points`);
    for (const file of await readdir(points)) {
      if (!file.endsWith(".json")) continue;
      const manifest = JSON.parse(await readFile(path.join(points, file), "utf8")) as Manifest;
      if (manifest.point.id === point) return { folder, manifest };
    }
  }
  throw new Error(`No replica on ${host.name} has the point ${point}.`);
};

/** The disks of a point, as raw files of this machine that go with the disposal; they can be read while the store goes on being written. */
export const pointImages = async (
  host: LabHost,
  point: CutId,
): Promise<{ readonly disks: Readonly<Record<string, string>> } & AsyncDisposable> => {
  const { folder, manifest } = await findPoint(host, point);
  const copies: [string, string][] = [];
  for (const { id, image } of manifest.disks) {
    const copy = `${host.images}/point-${id}.raw`;
    await host.run('qemu-img convert -U -f qcow2 -O raw "$1" "$2"', [`${folder}/${image}`, copy], {
      timeoutMs: 120_000,
    });
    copies.push([id, host.path(copy)]);
  }
  return {
    disks: Object.fromEntries(copies),
    async [Symbol.asyncDispose]() {
      for (const [, file] of copies) await rm(file, { force: true });
    },
  };
};

/** What the oracle says of a point's disks: of those that the writer works on, which are all of them unless they are named. */
export const judgePoint = async (host: LabHost, point: CutId, writers?: readonly string[]): Promise<Verdict> => {
  await using images = await pointImages(host, point);
  const files = (writers ?? Object.keys(images.disks)).map((disk) => images.disks[disk] ?? `no disk ${disk}`);
  return await checkImages(files.map((file) => ({ file, format: "raw" })));
};

/** Whether a point is, byte for byte, what the machine has on its disks at the source, where it must be off. Answers the outcome of each disk. */
export const comparePoint = async (of: {
  readonly host: LabHost;
  readonly point: CutId;
  readonly source: LabHost;
  readonly machine: string;
}): Promise<Readonly<Record<string, unknown>>> => {
  await using copies = await pointImages(of.host, of.point);
  const outcome: Record<string, unknown> = {};
  for (const [disk, image] of await machineDisks(of.source, of.machine)) {
    const copy = copies.disks[disk];
    const flat = `${of.source.images}/source-${disk}.raw`;
    await of.source.run('qemu-img convert -O raw "$1" "$2"', [image, flat], { timeoutMs: 120_000 });
    const file = of.source.path(flat);
    outcome[disk] =
      copy === undefined
        ? "not in the point"
        : await compareImages({ file, format: "raw" }, { file: copy, format: "raw" });
    await rm(file);
  }
  return outcome;
};

/** A machine's disks and their images, as its host sees them. */
const machineDisks = async (host: LabHost, machine: string): Promise<readonly (readonly [string, string])[]> => {
  const { stdout } = await host.run('virsh -q domblklist --details "$1"', [machine]);
  return [...stdout.matchAll(/^\s*file\s+disk\s+(\S+)\s+(\S+)/gm)].map(([, disk = "", file = ""]) => [disk, file]);
};

/** The bytes on the host's disk that the newest layer of a point takes: what its delta carried. */
export const layerBytes = async (host: LabHost, point: CutId): Promise<number> => {
  const { folder, manifest } = await findPoint(host, point);
  const files = manifest.disks.map(({ image }) => `${folder}/${image}`);
  const { stdout } = await host.run('du -B1 --total "$@" | tail -n 1', files);
  return Number(stdout.split("\t")[0]);
};

/** How far the half-received delta of the host's only replica is flushed, per disk; all 0 when there is none. */
export const resumeOffset = async (host: LabHost, disk: string): Promise<number> => {
  const [folder] = await replicaFolders(host);
  const state = JSON.parse(await readFile(host.path(`${folder ?? ""}/replica.json`), "utf8")) as {
    readonly incoming?: { readonly disks: Readonly<Record<string, { readonly resumeOffset: number }>> };
  };
  return state.incoming?.disks[disk]?.resumeOffset ?? 0;
};
