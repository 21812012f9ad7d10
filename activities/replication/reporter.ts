import type { RecoveryPoint } from "#domain/cut.ts";
import { type CopyMark, copyPace, withMark } from "#domain/copy-pace.ts";
import type { FaultCode } from "#domain/fault-codes.ts";
import type { DiskId } from "#domain/ids.ts";
import type { DiskProgress } from "#domain/item-view.ts";
import type { CopyProgress, CopyResult } from "#transfer/session.ts";
import type { ReplicateReport } from "./request.ts";

/** Keeps the account of one run. Says it at once when a step begins or ends, and every 250 ms at most while bytes flow; `judge` says how the copies go when none do. */
export interface Reporter {
  readonly report: ReplicateReport;
  phase(phase: ReplicateReport["phase"]): void;
  disks(disks: readonly { readonly disk: DiskId; readonly sizeBytes: number; readonly from: number }[]): void;
  /** One transfer of a disk, from its first byte to its end. */
  transfer(disk: DiskId, from: number): { progress(progress: CopyProgress): void; done(result: CopyResult): void };
  completed(disk: DiskId): void;
  /** What has been done of the disks is begun anew, or gone on with elsewhere. */
  again(why: string): void;
  /** Looks whether the disks under way make progress, also when nothing is heard of them. */
  judge(): void;
  sealed(point: RecoveryPoint, cycle: NonNullable<ReplicateReport["lastCycle"]>): void;
  /** One in the same words takes the earlier one's place. */
  warn(warning: ReplicateReport["warnings"][number]): void;
  /** What was warned of under that code has passed. */
  passed(code: FaultCode): void;
}

const everyMs = 250;

export function createReporter(options: {
  readonly emit: (report: ReplicateReport) => void;
  readonly now: () => number;
  /** The policy's limit at this moment, in bytes a second. */
  readonly limit?: () => number | undefined;
  /** The account that is gone on with: what was sealed and sent stays so. */
  readonly before?: ReplicateReport;
}): Reporter {
  let report: ReplicateReport = {
    cycles: 0,
    bytesSent: 0,
    wireBytes: 0,
    warnings: [],
    ...options.before,
    phase: "connecting",
    disks: [],
    ...takenOver(options.before),
  };
  const marks = new Map<DiskId, readonly CopyMark[]>();
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

  function pace(disk: DiskId, bytesDone: number): DiskProgress["state"] {
    const mark = { atMs: options.now(), bytesDone };
    const known = withMark(marks.get(disk) ?? [], mark);
    marks.set(disk, known);
    return copyPace(known, { ...mark, limitBytesPerSecond: options.limit?.() });
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
      const going = (bytesDone: number) => ({ state: pace(disk, from + bytesDone), bytesDone: from + bytesDone });
      changeDisk(disk, going(0));
      return {
        progress: ({ bytesDone, bytesTotal, wireBytes }) =>
          changeDisk(
            disk,
            { ...going(bytesDone), bytesTotal: from + bytesTotal },
            { wireBytes: before.wireBytes + wireBytes },
          ),
        done: ({ dataBytes, wireBytes }) =>
          change({ bytesSent: before.bytesSent + dataBytes, wireBytes: before.wireBytes + wireBytes }, false),
      };
    },
    completed(disk) {
      const total = report.disks.find((other) => other.disk === disk)?.bytesTotal ?? 0;
      marks.delete(disk);
      changeDisk(disk, { state: "Completed", bytesDone: total });
    },
    again: (why) => change({ pass: nextPass(report, why) }, true),
    judge() {
      for (const { disk, state, bytesDone } of report.disks) {
        if (!marks.has(disk)) continue;
        const judged = pace(disk, bytesDone);
        if (judged !== state) changeDisk(disk, { state: judged });
      }
    },
    sealed(point, lastCycle) {
      const lastSealed = { cut: point.id, takenAt: point.takenAt, sealedAt: point.sealedAt };
      const sealed = { lastSealed, lastCycle, cycles: report.cycles + 1 };
      const { pass: _done, ...rest } = report;
      report = rest;
      change({ ...sealed, ...(point.consistency === "app-consistent" && appConsistent(point, report)) }, true);
    },
    warn(warning) {
      const others = report.warnings.filter(
        ({ code, message }) => code !== warning.code || message !== warning.message,
      );
      change({ warnings: [...others, warning] }, true);
    },
    passed(code) {
      const others = report.warnings.filter((warning) => warning.code !== code);
      if (others.length < report.warnings.length) change({ warnings: others }, true);
    },
  };
}

const nextPass = ({ pass }: ReplicateReport, why: string): NonNullable<ReplicateReport["pass"]> => ({
  number: (pass?.number ?? 1) + 1,
  why,
});

/** An attempt that was lost between two cuts had begun no pass. */
const takenOver = (before: ReplicateReport | undefined): Pick<ReplicateReport, "pass"> =>
  before !== undefined && before.phase !== "waiting" && before.disks.some(({ state }) => state !== "Completed")
    ? { pass: nextPass(before, "the worker was lost and another one goes on") }
    : {};

/** The guest could be frozen: that it could not be before is over. */
const appConsistent = ({ takenAt }: RecoveryPoint, { warnings }: ReplicateReport): Partial<ReplicateReport> => ({
  lastAppConsistentAt: takenAt,
  warnings: warnings.filter(({ code }) => code !== "GUEST_FREEZE_FAILED"),
});
