import { defaultPayloadConverter } from "@temporalio/common";
import type { WorkflowExecutionDescription } from "@temporalio/client";
import { isFaultCode } from "#client/faults.ts";
import type { JobFault } from "#domain/job.ts";
import type { ReplicationReport } from "#workflows/messages.ts";

/** The replication that runs in a workflow, as it is at this moment: read from its pending activity, and without a trace in any history. */
export interface LiveReplication {
  /** What it has said last. */
  readonly report?: ReplicationReport;
  /** Its worker was lost, and no other has taken it up yet; why. */
  readonly orphaned?: string;
  /** What it has failed with, time after time, and is tried again for by Temporal itself. */
  readonly failing?: Pick<JobFault, "code" | "message">;
}

type Pending = NonNullable<WorkflowExecutionDescription["raw"]["pendingActivities"]>[number];

/** Temporal's `PENDING_ACTIVITY_STATE_SCHEDULED`: no worker has it now. */
const scheduled = 1;

export function liveReplication(description: Pick<WorkflowExecutionDescription, "raw">): LiveReplication {
  const pending = description.raw.pendingActivities?.find(({ activityType }) => activityType?.name === "replicate");
  if (pending === undefined) return {};
  const [payload] = pending.heartbeatDetails?.payloads ?? [];
  // An activity that has nothing to say yet beats with nothing.
  const report =
    payload === undefined ? undefined : defaultPayloadConverter.fromPayload<ReplicationReport | undefined>(payload);
  const lost = pending.state === scheduled && isLoss(pending) ? pending.lastFailure?.message : undefined;
  const fault = worksAgain(pending, report) ? undefined : faultIn(pending);
  return {
    ...(report ? { report } : {}),
    ...(lost ? { orphaned: lost } : {}),
    ...(fault === undefined ? {} : { failing: fault }),
  };
}

/** It was not heard of in time, or has said that it stops. */
const isLoss = ({ lastFailure }: Pending): boolean =>
  Boolean(lastFailure?.timeoutFailureInfo) || lastFailure?.applicationFailureInfo?.type === "WorkerStops";

function faultIn({ lastFailure }: Pending): LiveReplication["failing"] {
  const type = lastFailure?.applicationFailureInfo?.type;
  return isFaultCode(type) ? { code: type, message: lastFailure?.message ?? "" } : undefined;
}

/** The failure is remembered for as long as the try after it lasts; what that has said since it reached both sides is of its work. */
const worksAgain = (
  { state, lastHeartbeatTime, lastStartedTime }: Pending,
  report: ReplicationReport | undefined,
): boolean =>
  state !== scheduled &&
  report !== undefined &&
  report.phase !== "connecting" &&
  millis(lastHeartbeatTime) >= millis(lastStartedTime);

const millis = (at: Pending["lastStartedTime"]): number =>
  Number(at?.seconds ?? 0) * 1_000 + Math.floor((at?.nanos ?? 0) / 1_000_000);

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
