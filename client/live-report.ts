import { defaultPayloadConverter } from "@temporalio/common";
import type { WorkflowExecutionDescription } from "@temporalio/client";
import type { ReplicationReport } from "#workflows/messages.ts";

/** The replication that runs in a workflow, as it is at this moment: read from its pending activity, and without a trace in any history. */
export interface LiveReplication {
  /** What it has said last. */
  readonly report?: ReplicationReport;
  /** Its worker was lost, and no other has taken it up yet; why. */
  readonly orphaned?: string;
}

/** Temporal's `PENDING_ACTIVITY_STATE_SCHEDULED`: no worker has it now. */
const scheduled = 1;

export function liveReplication(description: Pick<WorkflowExecutionDescription, "raw">): LiveReplication {
  const pending = description.raw.pendingActivities?.find(({ activityType }) => activityType?.name === "replicate");
  if (pending === undefined) return {};
  const [payload] = pending.heartbeatDetails?.payloads ?? [];
  // An activity that has nothing to say yet beats with nothing.
  const report =
    payload === undefined ? undefined : defaultPayloadConverter.fromPayload<ReplicationReport | undefined>(payload);
  const lost = pending.state === scheduled ? pending.lastFailure?.message : undefined;
  return { ...(report ? { report } : {}), ...(lost ? { orphaned: lost } : {}) };
}

/** All of its disks together. */
export function bytesOf(
  report: ReplicationReport | undefined,
): { readonly bytesDone: number; readonly bytesTotal: number } | undefined {
  if (report === undefined || report.disks.length === 0) return undefined;
  return {
    bytesDone: report.disks.reduce((sum, { bytesDone }) => sum + bytesDone, 0),
    bytesTotal: report.disks.reduce((sum, { bytesTotal }) => sum + bytesTotal, 0),
  };
}

/** Why what is done of the disks is counted anew; `undefined` in the first pass over them. */
export const passText = (report: ReplicationReport | undefined): string | undefined =>
  report?.pass === undefined ? undefined : `pass ${report.pass.number}: ${report.pass.why}`;
