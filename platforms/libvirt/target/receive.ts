import { Fault } from "#domain/fault.ts";
import type { RecoveryPoint } from "#domain/cut.ts";
import { instant, type CutId, type DiskId } from "#domain/ids.ts";
import type { Replica } from "#transfer/replica.ts";
import { mergeInBackground } from "./background-merges.ts";
import { checkFiles, dropFiles, storeFiles } from "./carried-files.ts";
import { newestLayer, withSealed } from "./chain.ts";
import type { Change, Operation, ReplicaStore } from "./host-store.ts";
import { openIncomingDisks } from "./incoming-disks.ts";
import { dropIncoming, incomingState, planBegin, withoutIncoming } from "./incoming-plan.ts";
import { inTurn } from "./in-turn.ts";
import { describePoint, serializeManifest } from "./manifest.ts";
import { checkOwner, openingEnded, type Opening } from "./opening.ts";
import { findManifest, readPoints } from "./read-points.ts";
import { replicaState } from "./replica-state.ts";
import type { StoredReplica } from "./stored-replica.ts";

export interface ReceiveOptions {
  readonly store: ReplicaStore;
  readonly opening: Opening;
  readonly now: () => number;
  /** Merges go on in the background: what fails there is tried again after the next delta, and told here. */
  readonly onWarning: (fault: unknown) => void;
}

/** So many forgotten layers may wait for their merge before the next delta has to wait for them. */
const waitingMerges = 6;

/** An opened replica: deltas come in as layers of their own. The storage daemons are started by the first `begin`. */
export const receive = (options: ReceiveOptions): Replica => {
  const { store, opening } = options;
  const { layout } = store;
  const turn = inTurn();
  const life = new AbortController();
  const disks = openIncomingDisks(store, life.signal);
  const merges = mergeInBackground(store, {
    guard: (state) => {
      checkOwner(state, opening);
    },
    onWarning: options.onWarning,
  });
  let replica = "";
  /** The cut of the last `begin`: the only one that may be sealed. */
  let begun: CutId | undefined;
  let ended = false;

  const guard = (state: StoredReplica): void => {
    replica = state.replica;
    if (ended) throw openingEnded(replica);
    checkOwner(state, opening);
  };
  const change = (
    purpose: string,
    signal: AbortSignal,
    plan: (state: StoredReplica) => Change | undefined,
  ): Promise<StoredReplica> =>
    store.change(
      (state) => {
        guard(state);
        return plan(state);
      },
      { purpose: `${purpose} of replica ${replica}`, signal },
    );
  const read = async (signal: AbortSignal): Promise<StoredReplica> => {
    const state = await store.read(signal);
    guard(state);
    return state;
  };
  const openDisk = (disk: DiskId) => {
    if (ended) throw openingEnded(replica);
    return disks.get(disk, replica);
  };
  const closeDisks = async (): Promise<void> => {
    begun = undefined;
    await disks.close();
  };

  return {
    state: async (signal) => replicaState(await read(signal)),

    begin: (request, signal) =>
      turn(async () => {
        await closeDisks();
        const state = await change("begin a delta", signal, (current) => planBegin(current, request, layout));
        const { incoming } = state;
        if (incoming === undefined)
          throw new Fault("INTERNAL", `Replica ${state.replica} has no incoming delta after begin.`);
        await disks.open(state, incoming, signal);
        begun = request.cut.id;
        merges.start();
        return incomingState(incoming);
      }),

    sink: async (disk, signal) => {
      await turn(() => Promise.resolve());
      return await openDisk(disk).sink(signal);
    },

    current: (disk, signal) =>
      turn(async () => {
        const found = openDisk(disk);
        await merges.interrupt(signal);
        return await found.current(signal);
      }),

    checkpoint: (disk, offset, signal) =>
      turn(async () => {
        const found = openDisk(disk);
        const { dataBytes } = found;
        const covered = found.covered.prefixBytes();
        // Before the flush: what is recorded until here is flushed by it.
        const { incoming: standing } = await read(signal);
        if (standing !== undefined) disks.storeDigests(disk, standing);
        await found.flush(signal);
        await change("checkpoint", signal, (state) => {
          const stored = state.incoming?.disks[disk];
          if (state.incoming === undefined || stored === undefined) throw openingEnded(state.replica);
          const digests = disks.storeDigests(disk, state.incoming);
          const next = {
            ...stored,
            resumeOffset: Math.max(stored.resumeOffset, offset),
            digestBytes: digests.length,
            dataBytes: stored.dataBytes + dataBytes,
            coveredBytes: covered,
          };
          const incoming = { ...state.incoming, disks: { ...state.incoming.disks, [disk]: next } };
          return { state: { ...state, incoming }, operations: [digests.operation] };
        });
        found.counted(dataBytes);
        disks.forgetDigests(disk);
      }),

    seal: (request, signal) =>
      turn(async () => {
        const { files: carried = [], ...cut } = request.cut;
        const files = checkFiles(cut.id, carried);
        const before = await read(signal);
        if (newestLayer(before)?.cut === cut.id && newestLayer(before)?.point === true) {
          const sealed = findManifest(await readPoints(store, signal), cut.id);
          if (sealed !== undefined) return sealed.point;
        }
        const { incoming } = before;
        if (incoming === undefined)
          throw new Fault(
            "OPERATION_NOT_ALLOWED",
            `Replica ${before.replica} has nothing to seal: begin a delta first.`,
          );
        if (
          cut.disks.some(({ id, sizeBytes }) => incoming.disks[id]?.sizeBytes !== sizeBytes) ||
          cut.disks.length !== Object.keys(incoming.disks).length
        )
          throw new Fault(
            "INVALID_INPUT",
            `Cut ${cut.id} has other disks than the delta that replica ${before.replica} has received: begin again with this cut.`,
          );
        if (begun !== cut.id)
          throw new Fault(
            begun === undefined ? "OPERATION_NOT_ALLOWED" : "INVALID_INPUT",
            `Cut ${cut.id} cannot be sealed in replica ${before.replica}: ${begun === undefined ? "begin it first" : `what is being received is cut ${begun}`}.`,
          );
        if (before.layers.filter((layer) => !layer.point && layer.layer > before.pinnedUpTo).length > waitingMerges)
          await merges.idle();
        const open = disks.all();
        await Promise.all(open.map(([, disk]) => disk.flush(signal)));
        await Promise.all(open.map(([, disk]) => disk.close()));

        const nowMs = options.now();
        const received = open.reduce((sum, [, disk]) => sum + disk.dataBytes, 0);
        const deltaBytes = received + Object.values(incoming.disks).reduce((sum, disk) => sum + disk.dataBytes, 0);
        const point: RecoveryPoint = { ...cut, sealedAt: instant(nowMs), kept: request.keep, deltaBytes };
        const digests = Object.fromEntries(open.map(([disk]) => [disk, disks.coverage(disk, incoming)]));
        await change(`seal cut ${cut.id}`, signal, (state) => {
          if (state.incoming === undefined) throw openingEnded(state.replica);
          const stored = state.incoming;
          const { state: next, forgotten } = withSealed(state, {
            ...request,
            nowMs,
            digests,
            incoming: stored,
            files,
          });
          return {
            state: next,
            operations: [
              ...open.flatMap(([disk]): Operation[] => [
                { kind: "sync", path: layout.image(disk, stored.layer) },
                disks.storeDigests(disk, stored).operation,
                { kind: "sync", path: layout.diskFolder(disk) },
              ]),
              ...storeFiles(layout, state, carried),
              {
                kind: "write",
                path: layout.manifest(cut.id),
                bytes: serializeManifest(describePoint(point, stored.layer, files)),
              },
              ...forgotten.map((gone): Operation => ({ kind: "remove", path: layout.manifest(gone) })),
              ...dropFiles(layout, state, next),
            ],
          };
        });
        await closeDisks();
        merges.start();
        return point;
      }),

    discardIncoming: (signal) =>
      turn(async () => {
        await closeDisks();
        await change("throw the incoming delta away", signal, (state) =>
          state.incoming === undefined
            ? undefined
            : { state: withoutIncoming(state), operations: dropIncoming(state, layout) },
        );
      }),

    async [Symbol.asyncDispose]() {
      if (ended) return;
      ended = true;
      await turn(async () => {
        await merges.finish();
        life.abort(openingEnded(replica));
        await disks.quit();
      });
    },
  };
};
