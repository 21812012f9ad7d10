import { connectTo } from "./connect-to-lab-host.ts";
import { rm, writeFile } from "node:fs/promises";
import { execa } from "execa";
import type { CutDescription } from "#domain/cut.ts";
import { cutId, type CutId, diskId, instant, itemName, machineId, replicaId } from "#domain/ids.ts";
import type { Machine } from "#domain/machine.ts";
import type { LabHost } from "#lab/hosts/host.ts";
import { startLab } from "#lab/hosts/lab.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { recordGranularity, recordName } from "#platforms/libvirt/source/tracking-record.ts";
import { openStore } from "#platforms/libvirt/target/host-store.ts";
import { replicaLayout } from "#platforms/libvirt/target/layout.ts";
import { createLibvirtTarget } from "#platforms/libvirt/target/target.ts";
import type { ReplicaSpec } from "#platforms/platform.ts";
import type { IncomingMode, Replica } from "#transfer/replica.ts";
import { blockBytes } from "#transfer/block.ts";

export const mebibyte = 1024 * 1024;

/** One hypervisor host of its own, with the product's connection to it. */
export const startTargetHost = async (id: string, options: { readonly storeBytes?: number } = {}) => {
  const lab = await startLab({
    id,
    hosts: ["lyon1"],
    ...(options.storeBytes !== undefined && { storeBytes: { lyon1: options.storeBytes } }),
  });
  const host = lab.host("lyon1");
  const connection = connectTo(host);
  return {
    lab,
    host,
    connection,
    async [Symbol.asyncDispose]() {
      await connection[Symbol.asyncDispose]();
      await lab[Symbol.asyncDispose]();
    },
  };
};
export type TargetHost = Awaited<ReturnType<typeof startTargetHost>>;

export const targetOn = (connection: HostConnection, host: LabHost, warnings: unknown[] = []) =>
  createLibvirtTarget(connection, { store: host.store, onWarning: (fault) => warnings.push(fault) });

/** A generator that always answers the same numbers: xorshift32. */
export const numbers = (seed: number): ((below: number) => number) => {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
};

/** Disks in memory that are written at random: what the replica must be equal to at each cut. */
export const createModel = (sizes: Readonly<Record<string, number>>, seed: number) => {
  const below = numbers(seed);
  const disks = new Map(Object.entries(sizes).map(([disk, size]) => [disk, Buffer.alloc(size)]));
  const changed = new Map<string, Map<number, "data" | "zero">>();
  let cuts = 0;
  const content = (disk: string): Buffer => disks.get(disk) ?? Buffer.alloc(0);
  return {
    content,
    /** Writes `count` random blocks a disk, one in five of them zeroes. */
    write(count: number) {
      for (const [disk, bytes] of disks) {
        const blocks = Math.ceil(bytes.length / blockBytes);
        for (let index = 0; index < count; index += 1) {
          const block = below(blocks);
          const zero = below(5) === 0;
          const target = bytes.subarray(block * blockBytes, (block + 1) * blockBytes);
          target.fill(0);
          // Enough of it differs from every other block.
          if (!zero)
            for (let at = 0; at + 4 <= target.length; at += 512) target.writeUInt32LE(below(2 ** 32 - 1) + 1, at);
          const map = changed.get(disk) ?? new Map<number, "data" | "zero">();
          map.set(block, zero ? "zero" : "data");
          changed.set(disk, map);
        }
      }
    },
    grow(disk: string, size: number) {
      disks.set(disk, Buffer.concat([content(disk), Buffer.alloc(size - content(disk).length)]));
    },
    cut(
      options: { readonly takenAt?: number; readonly consistency?: CutDescription["consistency"] } = {},
    ): CutDescription {
      cuts += 1;
      return {
        id: cutId(`cut-${cuts}`),
        item: itemName("app1"),
        epoch: 1,
        takenAt: instant(options.takenAt ?? Date.UTC(2026, 0, 1) + cuts * 1000),
        consistency: options.consistency ?? "crash-consistent",
        disks: [...disks].map(([disk, bytes]) => ({ id: diskId(disk), sizeBytes: bytes.length })),
        definition: "<domain/>",
      };
    },
    /** What changed since it was last asked, in ascending order. */
    takeChanges(disk: string): readonly (readonly [number, "data" | "zero"])[] {
      const map = changed.get(disk) ?? new Map<number, "data" | "zero">();
      changed.delete(disk);
      return [...map].toSorted(([one], [other]) => one - other);
    },
    /** A copy of every disk as it is now. */
    snapshot: (): ReadonlyMap<string, Buffer> => new Map([...disks].map(([disk, bytes]) => [disk, Buffer.from(bytes)])),
  };
};
export type Model = ReturnType<typeof createModel>;

const never = new AbortController().signal;

/** Sends what the model has changed, as the stream would. `stopAfter`: so many blocks of each disk, then nothing more. */
export const sendChanges = async (replica: Replica, model: Model, cut: CutDescription): Promise<void> => {
  for (const { id, sizeBytes } of cut.disks) {
    const changes = model.takeChanges(id);
    if (changes.length === 0) continue;
    await using sink = await replica.sink(id, never);
    for (const [block, kind] of changes) {
      const offset = block * blockBytes;
      const bytes = model.content(id).subarray(offset, offset + blockBytes);
      if (kind === "zero") await sink.zero(offset, Math.min(blockBytes, sizeBytes - offset), never);
      else await sink.write(offset, bytes, never);
    }
  }
};

/**
 * Sends every block that was not the same all the time since the first of the earlier contents, as a tracking by writes would; with none, everything that is not zero.
 * Answers the bytes.
 */
export const sendDifferences = async (
  replica: Replica,
  model: Model,
  cut: CutDescription,
  earlier: readonly ReadonlyMap<string, Buffer>[],
): Promise<number> => {
  let sent = 0;
  for (const { id } of cut.disks) {
    await using sink = await replica.sink(id, never);
    const now = model.content(id);
    const before =
      earlier.length === 0 ? [Buffer.alloc(now.length)] : earlier.map((disks) => disks.get(id) ?? Buffer.alloc(0));
    for (let offset = 0; offset < now.length; offset += blockBytes) {
      const block = now.subarray(offset, offset + blockBytes);
      if (before.every((then) => block.equals(then.subarray(offset, offset + blockBytes)))) continue;
      await sink.write(offset, block, never);
      sent += block.length;
    }
  }
  return sent;
};

/** One delta from begin to seal. */
export const replicateDelta = async (
  replica: Replica,
  model: Model,
  options: {
    readonly keep: boolean;
    readonly base?: CutDescription;
    readonly mode?: IncomingMode;
    readonly takenAt?: number;
    readonly definition?: string;
  },
): Promise<CutDescription> => {
  const made = model.cut({ ...(options.takenAt !== undefined && { takenAt: options.takenAt }) });
  const cut = options.definition === undefined ? made : { ...made, definition: options.definition };
  const mode = options.mode ?? (options.base === undefined ? "full" : "delta");
  await replica.begin({ cut, mode, ...(options.base !== undefined && { base: options.base.id }) }, never);
  await sendChanges(replica, model, cut);
  await replica.seal({ cut, keep: options.keep, retentionSeconds: 86_400 }, never);
  return cut;
};

/** The record that the cut of a machine that is off leaves in its image: what proves later that nothing was written since. */
export const recordCut = async (
  host: LabHost,
  of: { readonly image: string; readonly cut: CutId; readonly sizeBytes: number },
): Promise<void> => {
  const { image, cut, sizeBytes } = of;
  const name = recordName({ item: itemName("app1"), epoch: 1, cut, sizeBytes, imagePath: image });
  await host.run('qemu-img bitmap -f qcow2 --add -g "$3" "$1" "$2"', [image, name, recordGranularity.toString()]);
};

export const replica = replicaId("app1@lyon");

export const spec = (model: { readonly sizes: Readonly<Record<string, number>> }): ReplicaSpec => ({
  replica,
  item: itemName("app1"),
  machine: machineOf(model.sizes),
  disks: Object.keys(model.sizes).map(diskId),
  epoch: 1,
  sourceSite: "paris",
});

const machineOf = (sizes: Readonly<Record<string, number>>): Machine => ({
  id: machineId("5a3705d2-13fe-49bf-a1db-8a1536ac0f87"),
  name: "app1",
  disks: Object.entries(sizes).map(([id, sizeBytes]) => ({
    id: diskId(id),
    sizeBytes,
    format: "qcow2",
    location: `/images/${id}.qcow2`,
  })),
  adapters: [],
  firmware: "bios",
  tpm: false,
  running: true,
  definition: "<domain/>",
});

/** Whether the image of a point is byte for byte what the machine's disk was, by qemu-img. */
export const compareImage = async (host: LabHost, image: string, expected: Buffer): Promise<string> => {
  // Not in the store, which may be full.
  const reference = `${host.images}/reference.raw`;
  const outside = host.path(reference);
  await writeFile(outside, expected);
  try {
    const [program = "", ...args] = await host.enterArgv([
      "qemu-img",
      "compare",
      "-U",
      "-f",
      "qcow2",
      "-F",
      "raw",
      image,
      reference,
    ]);
    const compared = await execa(program, args, { reject: false });
    return compared.exitCode === 0 ? "identical" : `${compared.stdout} ${compared.stderr}`;
  } finally {
    await rm(outside, { force: true });
  }
};

export const imageOf = async (
  connection: HostConnection,
  host: LabHost,
  cut: CutDescription,
  disk: string,
): Promise<string> => {
  const layout = replicaLayout(host.store, replica);
  const state = await openStore({ host: connection, store: host.store, replica }).read(never);
  const layer = state.layers.find((candidate) => candidate.cut === cut.id && candidate.point);
  return layer === undefined ? "no such point" : layout.image(diskId(disk), layer.layer);
};

/** `verifyPointOffline` in a process of its own on the host, where no worker and no connection is. */
export const offlineVerification = async (host: LabHost, point: string): Promise<unknown> => {
  const program = `
    import { verifyPointOffline } from ${JSON.stringify(new URL("../../platforms/libvirt/offline/verify-point.ts", import.meta.url).href)};
    const op = { id: "offline", signal: new AbortController().signal, progress: () => {} };
    console.log(JSON.stringify(await verifyPointOffline({ store: ${JSON.stringify(host.store)}, replica: ${JSON.stringify(replica)}, point: ${JSON.stringify(point)} }, op)));
  `;
  const [enter = "", ...args] = await host.enterArgv([process.execPath, "--input-type=module", "-e", program]);
  const { stdout } = await execa(enter, args);
  return JSON.parse(stdout);
};
