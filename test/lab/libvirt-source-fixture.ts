import { open, rm } from "node:fs/promises";
import path from "node:path";
import type { StandingCut, TrackedMachine, Operation, ReplicationSource } from "#platforms/platform.ts";
import { Fault } from "#domain/fault.ts";
import { cutId, itemName, type CutId, type DiskId } from "#domain/ids.ts";
import { buildGuest } from "#lab/guest/build.ts";
import type { MachineRequest } from "#lab/guest/machine.ts";
import { createMachine } from "#lab/guest/machine.ts";
import type { LabGuest } from "#lab/guest/guest.ts";
import { startLab } from "#lab/hosts/lab.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { createLibvirtInventory } from "#platforms/libvirt/inventory/inventory.ts";
import { createLibvirtSource } from "#platforms/libvirt/source/source.ts";
import type { BlockSource } from "#transfer/block.ts";
import { connectTo } from "./connect-to-lab-host.ts";

/** One hypervisor host with the product's connection to it. */
export const startSourceHost = async (id: string, options: { readonly storeBytes?: number } = {}) => {
  await buildGuest(); // once, before several machines are made at the same time
  const lab = await startLab({
    id,
    hosts: ["paris1"],
    ...(options.storeBytes !== undefined && { storeBytes: { paris1: options.storeBytes } }),
  });
  const host = lab.host("paris1");
  const connection = connectTo(host);
  return {
    lab,
    host,
    connection,
    source: createLibvirtSource(connection, { store: host.store }),
    /** An address for a guest: its last number. */
    address: (last: number): string => `${lab.subnet.slice(0, lab.subnet.lastIndexOf("."))}.${last.toString()}`,
    async [Symbol.asyncDispose]() {
      await connection[Symbol.asyncDispose]();
      await lab[Symbol.asyncDispose]();
    },
  };
};
export type SourceHost = Awaited<ReturnType<typeof startSourceHost>>;

/** One of a machine's disks. */
export const disk = (tracked: TrackedMachine, index = 0): DiskId => {
  const found = tracked.disks[index];
  if (found === undefined) throw new Error("no such disk");
  return found;
};

/** An image as the oracle's checks name it. */
export const raw = (file: string) => ({ file, format: "raw" });

export const operation = (): Operation => ({
  id: "test",
  signal: AbortSignal.timeout(120_000),
  progress: () => undefined,
});

/** A guest that runs, and what the source calls it. */
export const startGuest = async (
  at: SourceHost,
  request: Omit<MachineRequest, "host" | "addresses"> & { readonly address: number },
): Promise<{ readonly guest: LabGuest; readonly tracked: TrackedMachine }> => {
  const guest = await createMachine({
    boot: "kernel",
    ...request,
    host: at.host,
    addresses: [at.address(request.address)],
  });
  await guest.start();
  return { guest, tracked: await track(at.connection, request.name) };
};

export const track = async (connection: HostConnection, name: string): Promise<TrackedMachine> => {
  const machine = await createLibvirtInventory(connection).find(name, operation());
  return { item: itemName(name), machine: machine.id, disks: machine.disks.map(({ id }) => id), epoch: 1 };
};

let cuts = 0;
export const newCut = (): CutId => cutId(`cut-${(++cuts).toString()}-${Date.now().toString(36)}`);

/** A crash-consistent cut with room enough. */
export const cutOf = (source: ReplicationSource, tracked: TrackedMachine, cut = newCut()): Promise<StandingCut> =>
  source.cut({ tracked, cut, consistency: "crash-consistent", scratchPercent: 50 }, operation());

/** Writes what a source yields into a raw file, as a replica would; answers the bytes of data it carried. */
export const copyInto = async (file: string, from: BlockSource): Promise<number> => {
  const { signal } = operation();
  await using target = await open(file, "a+").then(async (made) => {
    await made.close();
    return open(file, "r+");
  });
  await target.truncate(from.sizeBytes);
  const buffer = Buffer.alloc(1024 * 1024);
  let bytes = 0;
  for await (const { offset, length, kind } of from.extents({ signal }))
    for (let at = offset; at < offset + length; at += buffer.length) {
      const piece = buffer.subarray(0, Math.min(buffer.length, offset + length - at));
      if (kind === "zero") piece.fill(0);
      else await from.read(at, piece, signal);
      if (kind === "data") bytes += piece.length;
      await target.write(piece, 0, piece.length, at);
    }
  return bytes;
};

/** A disk of the standing cut, whole or what changed, into a file. */
export const copyDisk = async (
  source: ReplicationSource,
  request: {
    readonly tracked: TrackedMachine;
    readonly cut: CutId;
    readonly disk: DiskId;
    readonly since?: CutId;
    readonly file: string;
  },
): Promise<number> => {
  const { file, ...wanted } = request;
  await using opened = await source.openDisk(wanted, operation());
  return await copyInto(file, opened);
};

/** A folder for images beside the lab's files, gone afterwards. */
export const imageFolder = async (at: SourceHost) => {
  const folder = at.host.path(at.host.images);
  const made: string[] = [];
  return {
    file: (name: string): string => {
      const file = path.join(folder, `test-${name}.raw`);
      made.push(file);
      return file;
    },
    async [Symbol.asyncDispose]() {
      for (const file of made) await rm(file, { force: true });
    },
  };
};

/** The names of everything of ours that is in the machine's graph, but records. */
export const leftovers = async (connection: HostConnection, tracked: TrackedMachine): Promise<readonly string[]> => {
  const [nodes, exports] = (await connection.monitor(
    tracked.machine,
    [{ execute: "query-named-block-nodes", arguments: { flat: true } }, { execute: "query-block-exports" }],
    { signal: AbortSignal.timeout(10_000), timeoutMs: 10_000, purpose: "look for what was left" },
  )) as [
    readonly { readonly "node-name": string; readonly "dirty-bitmaps"?: readonly { readonly name?: string }[] }[],
    readonly { readonly id: string }[],
  ];
  return [
    ...nodes.map((node) => node["node-name"]),
    ...nodes.flatMap((node) => (node["dirty-bitmaps"] ?? []).map(({ name }) => name ?? "")),
    ...exports.map(({ id }) => id),
  ].filter((name) => name.startsWith("us-"));
};

/** The connection of a worker that dies after so many more commands (a monitor batch counts each of its own): nothing reaches the host any more, undoing included. */
export const dyingAfter = (connection: HostConnection, commands: number): HostConnection => {
  let left = commands;
  const spend = (): void => {
    if (left-- <= 0) throw new Fault("INTERNAL", "the worker is dead");
  };
  return {
    name: connection.name,
    run: async (...args) => {
      spend();
      return connection.run(...args);
    },
    virsh: async (...args) => {
      spend();
      return connection.virsh(...args);
    },
    async monitor(domain, batch, options) {
      const answers: unknown[] = [];
      for (const command of batch) {
        spend();
        answers.push(...(await connection.monitor(domain, [command], options)));
      }
      return answers;
    },
    openUnix: async (...args) => {
      spend();
      return connection.openUnix(...args);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
};
