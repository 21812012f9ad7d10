import { defaultPayloadConverter } from "@temporalio/common";
import type { WorkflowExecutionDescription } from "@temporalio/client";
import type { ReplicateReport } from "#activities/replication/request.ts";

/** What the replication that runs in a workflow has said last, read from its heartbeat: live, and without a trace in its history. */
export function liveReport(description: WorkflowExecutionDescription): ReplicateReport | undefined {
  const pending = description.raw.pendingActivities?.find(({ activityType }) => activityType?.name === "replicate");
  const [payload] = pending?.heartbeatDetails?.payloads ?? [];
  if (payload === undefined) return undefined;
  return defaultPayloadConverter.fromPayload<ReplicateReport | null>(payload) ?? undefined;
}

/** All of its disks together. */
export function bytesOf(
  report: ReplicateReport | undefined,
): { readonly bytesDone: number; readonly bytesTotal: number } | undefined {
  if (report === undefined || report.disks.length === 0) return undefined;
  return {
    bytesDone: report.disks.reduce((sum, { bytesDone }) => sum + bytesDone, 0),
    bytesTotal: report.disks.reduce((sum, { bytesTotal }) => sum + bytesTotal, 0),
  };
}
