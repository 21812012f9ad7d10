import type { CutDisk } from "#domain/cut.ts";
import type { CutId, DiskId } from "#domain/ids.ts";
import type { StandingCut } from "#platforms/platform.ts";
import type { IncomingMode, IncomingState, ReplicaState } from "#transfer/replica.ts";
import type { ReplicateRequest } from "./request.ts";

/** How one disk of a cut gets to the replica. */
export interface DiskPlan {
  readonly disk: DiskId;
  readonly sizeBytes: number;
  /** `copy`: what the source names; `compare`: what digests show to differ. */
  readonly verb: "copy" | "compare";
  /** Copy what changed since that cut; absent: the whole disk. */
  readonly since?: CutId;
  /** Everything before it is there, as of the incoming delta's first cut or later. */
  readonly from: number;
  /** What is there is of an earlier cut: what changed since that one, below `from`, is sent again. */
  readonly again?: CutId;
}

export type Decision =
  | {
      readonly kind: "receive";
      readonly mode: IncomingMode;
      readonly base?: CutId;
      /** What the replica has of an earlier attempt cannot be gone on with. */
      readonly discard: boolean;
      readonly disks: readonly DiskPlan[];
    }
  | { readonly kind: "refuse"; readonly reason: string };

export type Known = Pick<ReplicaState, "lastCut" | "unproven" | "incoming" | "disks">;

/** What a cut means for a replica: the one place where it is decided what is proven to be there already and what has to be sent. */
export function decide(mode: ReplicateRequest["mode"], replica: Known, cut: StandingCut): Decision {
  if (mode === "resynchronize") return resynchronize(replica, cut);
  if (replica.lastCut !== undefined) {
    const from = delta({ ...replica, lastCut: replica.lastCut }, cut);
    // A first copy whose end was not heard of: its records may be gone since, but whoever waits for it has nothing else to do.
    return mode === "seed" && from.kind === "refuse" ? resynchronize(replica, cut) : from;
  }
  if (mode === "seed") return replica.unproven === true ? resynchronize(replica, cut) : full(replica, cut);
  return { kind: "refuse", reason: "the replica has no cut that a delta could start from" };
}

function full(replica: Known, cut: StandingCut): Decision {
  const incoming = standingIncoming(replica, "full");
  return {
    kind: "receive",
    mode: "full",
    discard: false,
    disks: cut.description.disks.map((disk) => {
      const resumed = resumeAt(incoming, cut, disk);
      // Something is there of a cut whose changes nobody knows any more: compare with it, which never sends it all again.
      return resumed === undefined ? { ...whole(disk), verb: "compare" } : { ...whole(disk), ...resumed };
    }),
  };
}

function delta(replica: Known & { readonly lastCut: CutId }, cut: StandingCut): Decision {
  const base = replica.lastCut;
  const { disks } = cut.description;
  const proven = (disk: CutDisk) => (cut.trackedSince[disk.id] ?? []).includes(base);
  if (!disks.some(proven)) return { kind: "refuse", reason: `no disk has its changes since cut ${base} on record` };
  const incoming = standingIncoming(replica, "delta", base);
  const resumable = disks.every((disk) => resumeAt(incoming, cut, disk) !== undefined);
  return {
    kind: "receive",
    mode: "delta",
    base,
    discard: !resumable,
    disks: disks.map((disk) => {
      const resumed = (resumable ? resumeAt(incoming, cut, disk) : undefined) ?? { from: 0 };
      if (proven(disk)) return { ...whole(disk), since: base, ...resumed };
      // A disk the replica has never sealed is sent whole; one whose record alone is lost is compared.
      return replica.disks.some(({ id }) => id === disk.id)
        ? { ...whole(disk), verb: "compare" }
        : { ...whole(disk), ...resumed };
    }),
  };
}

function resynchronize(replica: Known, cut: StandingCut): Decision {
  const incoming = standingIncoming(replica, "resynchronize");
  return {
    kind: "receive",
    mode: "resynchronize",
    discard: false,
    disks: cut.description.disks.map((disk) => ({
      ...whole(disk),
      verb: "compare",
      ...(resumeAt(incoming, cut, disk) ?? { from: 0 }),
    })),
  };
}

const whole = (disk: CutDisk): DiskPlan => ({ disk: disk.id, sizeBytes: disk.sizeBytes, verb: "copy", from: 0 });

function standingIncoming(replica: Known, mode: IncomingMode, base?: CutId): IncomingState | undefined {
  const { incoming } = replica;
  return incoming?.mode === mode && incoming.base === base ? incoming : undefined;
}

/** Where an interrupted transfer of a disk goes on; undefined when what is there cannot be proven good for this cut. */
function resumeAt(
  incoming: IncomingState | undefined,
  cut: StandingCut,
  disk: CutDisk,
): Pick<DiskPlan, "from" | "again"> | undefined {
  const from = incoming?.resumeOffsets[disk.id] ?? 0;
  if (incoming === undefined || from === 0) return { from: 0 };
  if (incoming.cut === cut.description.id) return { from };
  return (cut.trackedSince[disk.id] ?? []).includes(incoming.cut) ? { from, again: incoming.cut } : undefined;
}
