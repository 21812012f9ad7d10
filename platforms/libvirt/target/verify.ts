import { randomUUID } from "node:crypto";
import { Fault, isFault } from "#domain/fault.ts";
import { instant, type CutId, type DiskId } from "#domain/ids.ts";
import type { Operation, Verification } from "#platforms/platform.ts";
import { blockBytes, type BlockSource } from "#transfer/block.ts";
import { openNbdSource } from "#transfer/nbd/open.ts";
import type { StoredFile } from "./carried-files.ts";
import { chainOf, layerOfPoint } from "./chain.ts";
import { endDaemonsScript, startDaemonsScript } from "./daemon-scripts.ts";
import { createDigestTable, digestOf, type DigestTable } from "./digest-log.ts";
import type { ReplicaStore } from "./host-store.ts";
import { pathComponent } from "./layout.ts";
import { pointNotFound } from "./manifest.ts";
import { connectQmp } from "./qmp.ts";
import { readFileBytes } from "./read-file-bytes.ts";
import type { StoredReplica } from "./stored-replica.ts";

/** As the contract has it, with everything told. */
export type PointVerification = Required<Verification>;
type DamagedBlocks = PointVerification["damaged"][number];

const windowBytes = 1024 * 1024;
const windowsAtOnce = 8;
const damageLimit = 100;
const readerMs = 10 * 60_000;

/** Reads a point again through its chain, at the host's disk and link speed, and compares every block with the digest that was taken when it came in. */
export const verifyPoint = async (store: ReplicaStore, cut: CutId, op: Operation): Promise<PointVerification> => {
  const id = randomUUID();
  const hold = (until: number) => (state: StoredReplica) => {
    const layer = layerOfPoint(state, cut);
    if (layer === undefined)
      throw pointNotFound(
        state.replica,
        cut,
        state.layers.flatMap((each) => (each.point && each.cut !== undefined ? [each.cut] : [])),
      );
    const others = (state.readers ?? []).filter((reader) => reader.id !== id);
    return { state: { ...state, readers: [...others, { id, layer: layer.layer, until: instant(until) }] } };
  };
  const state = await store.change(hold(Date.now() + readerMs), {
    purpose: "keep the point's layers while it is verified",
    signal: op.signal,
    exclusive: true,
    timeoutMs: readerMs,
  });
  const renewal = setInterval(() => {
    store
      .change(hold(Date.now() + readerMs), {
        purpose: "keep the point's layers while it is verified",
        signal: op.signal,
      })
      .catch(() => undefined);
  }, readerMs / 3);
  try {
    const layer = layerOfPoint(state, cut);
    const result = { blocks: 0, mismatched: 0, unverified: 0, damaged: [] as DamagedBlocks[] };
    const disks = Object.keys(layer?.disks ?? {}) as DiskId[];
    for (const disk of disks) await verifyDisk({ store, state, top: layer?.layer ?? -1, disk, result }, op);
    for (const file of layer?.files ?? []) {
      if (await isWhole(store, file, op.signal)) continue;
      result.mismatched += 1;
      result.damaged.push({ disk: file.role as DiskId, offset: 0, length: file.sizeBytes });
    }
    return result;
  } finally {
    clearInterval(renewal);
    await store.change(
      (current) => ({ state: { ...current, readers: (current.readers ?? []).filter((reader) => reader.id !== id) } }),
      { purpose: "let the point's layers be merged again", signal: AbortSignal.timeout(60_000) },
    );
  }
};

const isWhole = async (store: ReplicaStore, file: StoredFile, signal: AbortSignal): Promise<boolean> => {
  const { stdout } = await store.host.run('gzip -dc "$1" 2>/dev/null | sha256sum', [store.layout.file(file.sha256)], {
    purpose: `verify the ${file.role} of a point`,
    timeoutMs: 60_000,
    signal,
  });
  return stdout.startsWith(`${file.sha256} `);
};

interface DiskVerification {
  readonly store: ReplicaStore;
  readonly state: StoredReplica;
  readonly top: number;
  readonly disk: DiskId;
  readonly result: { blocks: number; mismatched: number; unverified: number; damaged: DamagedBlocks[] };
}

const verifyDisk = async (what: DiskVerification, op: Operation): Promise<void> => {
  const { table, complete } = await readDigests(what, op.signal);
  await using source = await openImage(what, op.signal);
  const { disk, result } = what;
  const note = (offset: number, length: number): void => {
    result.mismatched += 1;
    const last = result.damaged.at(-1);
    if (last !== undefined && last.disk === disk && last.offset + last.length === offset)
      result.damaged[result.damaged.length - 1] = { ...last, length: last.length + length };
    else if (result.damaged.length < damageLimit) result.damaged.push({ disk, offset, length });
  };
  const compare = (offset: number, bytes: Uint8Array | undefined, length: number): void => {
    const known = table.known(offset / blockBytes) ?? (complete ? "zero" : undefined);
    if (known === undefined) {
      result.unverified += 1;
      return;
    }
    result.blocks += 1;
    if (!isAsKnown(known, bytes, length)) note(offset, length);
  };
  const window = async (start: number): Promise<void> => {
    const length = Math.min(windowBytes, source.sizeBytes - start);
    const bytes = new Uint8Array(length);
    let readable = true;
    try {
      await source.read(start, bytes, op.signal);
    } catch (error) {
      // An image whose own tables are damaged cannot be read at all there.
      if (!isFault(error) || error.code !== "NBD_FAILED") throw error;
      readable = false;
    }
    for (let at = 0; at < length; at += blockBytes) {
      const block = bytes.subarray(at, Math.min(length, at + blockBytes));
      if (readable) compare(start + at, block, block.length);
      else note(start + at, block.length);
    }
  };
  for (let start = 0; start < source.sizeBytes; start += windowBytes * windowsAtOnce) {
    const starts = Array.from({ length: windowsAtOnce }, (_, index) => start + index * windowBytes).filter(
      (at) => at < source.sizeBytes,
    );
    await Promise.all(starts.map(window));
    op.progress({
      step: `Verifying disk ${disk}`,
      bytesDone: Math.min(source.sizeBytes, start + windowBytes * windowsAtOnce),
      bytesTotal: source.sizeBytes,
    });
  }
};

const zeroes = Buffer.alloc(blockBytes);

const isAsKnown = (known: Buffer | "zero", bytes: Uint8Array | undefined, length: number): boolean => {
  const content = bytes ?? zeroes.subarray(0, length);
  return known === "zero" ? zeroes.subarray(0, length).equals(content) : known.equals(digestOf(content));
};

/** The digest files of the chain over each other, oldest first, from the first that speaks for all beneath it. `complete`: what none speaks of is zero. */
const readDigests = async (
  { store, state, top, disk }: DiskVerification,
  signal: AbortSignal,
): Promise<{ readonly table: DigestTable; readonly complete: boolean }> => {
  const chain = chainOf(state, top, disk);
  const last = chain.findIndex((layer) => layer.disks[disk]?.digests !== "delta");
  const speaking = last < 0 ? chain : chain.slice(0, last + 1);
  const table = createDigestTable();
  for (const { layer } of speaking.toReversed()) {
    const file = store.layout.digests(disk, layer);
    table.apply(await readFileBytes(store.host, file, signal), `${file} on host ${store.host.name}`);
  }
  return { table, complete: speaking.at(-1)?.disks[disk]?.digests !== "partial" };
};

/** The point's image, read-only, under a storage daemon of its own. */
const openImage = async ({ store, state, top, disk }: DiskVerification, signal: AbortSignal): Promise<BlockSource> => {
  const { host, layout } = store;
  const folder = `${layout.runtime}-${randomUUID().slice(0, 8)}`;
  const name = pathComponent(disk);
  const end = async (): Promise<void> => {
    await host.run(endDaemonsScript, [folder], {
      purpose: "end the storage daemon of a verification",
      timeoutMs: 30_000,
      signal: AbortSignal.timeout(60_000),
    });
  };
  await host.run(startDaemonsScript, [folder, name], {
    purpose: `open disk ${disk} of replica ${state.replica} for verification`,
    timeoutMs: 30_000,
    signal,
  });
  try {
    const where = `the verification of disk ${disk} of replica ${state.replica} on host ${host.name}`;
    await using qmp = await connectQmp(await host.openUnix(`${folder}/${name}.qmp`, signal), { where });
    const image = layout.image(disk, top);
    try {
      await qmp.execute("blockdev-add", {
        driver: "qcow2",
        "node-name": "point",
        "read-only": true,
        file: { driver: "file", filename: image },
      });
    } catch (cause) {
      throw new Fault(
        "CHAIN_BROKEN",
        `The image of the point cannot be opened: ${(cause instanceof Error ? cause.message : String(cause)).replace(/\.$/u, "")}. Image: ${image} on host ${host.name}. Choose another point; resynchronize the machine.`,
        { cause },
      );
    }
    await qmp.execute("block-export-add", { type: "nbd", id: "point", "node-name": "point", name: "point" });
    const open = await openNbdSource({
      transport: { kind: "stream", open: (dialSignal) => host.openUnix(`${folder}/${name}.nbd`, dialSignal) },
      exportName: "point",
      connections: 2,
      signal,
    });
    return {
      sizeBytes: open.sizeBytes,
      extents: (range) => open.extents(range),
      read: (offset, into, readSignal) => open.read(offset, into, readSignal),
      async [Symbol.asyncDispose]() {
        await open[Symbol.asyncDispose]();
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
};
