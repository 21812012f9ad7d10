import { TimeoutType } from "@temporalio/common";
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  isCancellation,
  TimeoutFailure,
} from "@temporalio/workflow";
import type { Achieved } from "#activities/replication/request.ts";
import { type FaultCode, faultCodes } from "#domain/fault-codes.ts";
import { faultTable } from "#domain/fault-table.ts";
import { isFault } from "#domain/fault.ts";
import type { JobFault } from "#domain/job.ts";
import { failedAt } from "#workflows/steps-of.ts";

const isFaultCode = (value: unknown): value is FaultCode => faultCodes.some((code) => code === value);

/** A fault in the domain's words, with its causes and the cure. */
export const faultFrom = (code: FaultCode, message: string): JobFault => {
  const { causes, action } = faultTable[code];
  return { code, message, causes, action };
};

/** What an error that reached a workflow says, in the domain's words: the opposite of the activities' `toFailure`. */
export function faultOf(error: unknown): JobFault {
  if (isCancellation(error)) return faultFrom("CANCELLED", "It was cancelled.");
  if (error instanceof ActivityFailure && error.cause instanceof TimeoutFailure) return workerLost(error, error.cause);
  const isWrapped = error instanceof ActivityFailure || error instanceof ChildWorkflowFailure;
  if (isWrapped && error.cause !== undefined) return faultOf(error.cause);
  // Both say that a step was ended only to be begun anew (`activities/failures.ts`, `workers/same-settings.ts`); seen here when it happened at its last attempt.
  if (error instanceof ApplicationFailure && (error.type === "HostChanged" || error.type === "WorkerStops"))
    return faultFrom("WORKER_UNAVAILABLE", error.message);
  if (error instanceof ApplicationFailure && isFaultCode(error.type)) return faultFrom(error.type, error.message);
  if (isFault(error)) return faultFrom(error.code, error.message);
  return faultFrom("INTERNAL", error instanceof Error ? error.message : String(error));
}

function workerLost(error: ActivityFailure, { timeoutType }: TimeoutFailure): JobFault {
  const site = failedAt(error);
  const of = site === undefined ? "" : ` of site ${site}`;
  return timeoutType === TimeoutType.SCHEDULE_TO_START
    ? faultFrom(
        "WORKER_UNAVAILABLE",
        `No worker${of} took the step ${error.activityType} up in time: none is running, it is not connected to Temporal, or it is overloaded.`,
      )
    : faultFrom(
        "WORKER_UNAVAILABLE",
        `The worker${of} that did the step ${error.activityType} was not heard of in time.`,
      );
}

/** What a stretch of replication had done when it failed, as far as it could say: with its failure, or with the last heartbeat of a worker that was lost. */
export function achievedBefore(error: unknown): Achieved | undefined {
  if (!(error instanceof ActivityFailure)) return undefined;
  const { cause } = error;
  if (cause instanceof TimeoutFailure) return asAchieved(cause.lastHeartbeatDetails);
  if (cause instanceof ApplicationFailure || cause instanceof CancelledFailure)
    return asAchieved(cause.details?.at(-1));
  return undefined;
}

const asAchieved = (detail: unknown): Achieved | undefined =>
  typeof detail === "object" && detail !== null && "bytesSent" in detail ? (detail as Achieved) : undefined;

/** How a workflow fails with a fault, so that it is red in Temporal's UI and its type is the code. */
export const failWith = (fault: JobFault): ApplicationFailure =>
  ApplicationFailure.create({ type: fault.code, message: fault.message, nonRetryable: true, details: [fault] });
