import type { RecoveryPoint } from "#domain/cut.ts";
import type { DiskId } from "#domain/ids.ts";
import type { DiskProgress } from "#domain/item-view.ts";
import type { CopyProgress, CopyResult } from "#transfer/session.ts";
import type { ReplicateReport } from "./request.ts";

/** Keeps the account of one run. Says it at once when a step begins or ends, and every 250 ms at most while bytes flow. */
export interface Reporter {
  readonly report: ReplicateReport;
  phase(phase: ReplicateReport["phase"]): void;
  disks(disks: readonly { readonly disk: DiskId; readonly sizeBytes: number; readonly from: number }[]): void;
  /** One transfer of a disk, from its first byte to its end. */
  transfer(disk: DiskId, from: number): { progress(progress: CopyProgress): void; done(result: CopyResult): void };
  completed(disk: DiskId): void;
  sealed(point: RecoveryPoint, cycle: NonNullable<ReplicateReport["lastCycle"]>): void;
  /** One in the same words takes the earlier one's place. */
  warn(warning: ReplicateReport["warnings"][number]): void;
}

const everyMs = 250;

export function createReporter(options: {
  readonly emit: (report: ReplicateReport) => void;
  readonly now: () => number;
}): Reporter {
  let report: ReplicateReport = {
    phase: "connecting",
    cycles: 0,
    bytesSent: 0,
    wireBytes: 0,
    disks: [],
    keptPoints: [],
    warnings: [],
  };
  let saidAt = Number.NEGATIVE_INFINITY;

  function change(next: Partial<ReplicateReport>, urgent: boolean): void {
    report = { ...report, ...next };
    if (!urgent && options.now() - saidAt < everyMs) return;
    saidAt = options.now();
    options.emit(report);
  }

  function changeDisk(disk: DiskId, next: Partial<DiskProgress>, also: Partial<ReplicateReport> = {}): void {
    const disks = report.disks.map((other) => (other.disk === disk ? { ...other, ...next } : other));
    change({ disks, ...also }, next.state === "Completed");
  }

  return {
    get report() {
      return report;
    },
    phase: (phase) => change({ phase }, true),
    disks: (disks) =>
      change(
        {
          disks: disks.map(({ disk, sizeBytes, from }) => ({
            disk,
            state: "Queued",
            bytesDone: from,
            bytesTotal: sizeBytes,
          })),
        },
        true,
      ),
    transfer(disk, from) {
      const before = report;
      return {
        progress: ({ bytesDone, bytesTotal, wireBytes }) =>
          changeDisk(
            disk,
            { state: "InProgress", bytesDone: from + bytesDone, bytesTotal: from + bytesTotal },
            { wireBytes: before.wireBytes + wireBytes },
          ),
        done: ({ dataBytes, wireBytes }) =>
          change({ bytesSent: before.bytesSent + dataBytes, wireBytes: before.wireBytes + wireBytes }, false),
      };
    },
    completed(disk) {
      const total = report.disks.find((other) => other.disk === disk)?.bytesTotal ?? 0;
      changeDisk(disk, { state: "Completed", bytesDone: total });
    },
    sealed(point, lastCycle) {
      const keptPoints = point.kept ? [...report.keptPoints, point] : report.keptPoints;
      const lastSealed = { cut: point.id, takenAt: point.takenAt, sealedAt: point.sealedAt };
      const sealed = { lastSealed, lastCycle, keptPoints, cycles: report.cycles + 1 };
      change({ ...sealed, ...(point.consistency === "app-consistent" && appConsistent(point, report)) }, true);
    },
    warn(warning) {
      const others = report.warnings.filter(
        ({ code, message }) => code !== warning.code || message !== warning.message,
      );
      change({ warnings: [...others, warning] }, true);
    },
  };
}

/** The guest could be frozen: that it could not be before is over. */
const appConsistent = ({ takenAt }: RecoveryPoint, { warnings }: ReplicateReport): Partial<ReplicateReport> => ({
  lastAppConsistentAt: takenAt,
  warnings: warnings.filter(({ code }) => code !== "GUEST_FREEZE_FAILED"),
});
