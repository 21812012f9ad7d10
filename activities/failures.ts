import { ApplicationFailure, CancelledFailure } from "@temporalio/common";
import { Context } from "@temporalio/activity";
import { faultTable } from "#domain/fault-table.ts";
import { isFault } from "#domain/fault.ts";

type Activity = (...args: never[]) => Promise<unknown>;

/** Why an activity's signal was fired. */
export type Cancellation = "asked-for" | "worker-stops";

/**
 * The one place where a Fault becomes Temporal's failure: its type is the code, its details are the Fault's, and what is not recoverable is not tried again. What a
 * stopping worker gives up is not cancelled by anybody: another worker takes it up. `achieved`: what stays true although the activity failed; the failure's last detail.
 */
export function toFailure(error: unknown, cancellation: Cancellation | undefined, achieved?: unknown): Error {
  const more = achieved === undefined ? [] : [achieved];
  if (cancellation === "worker-stops") {
    return ApplicationFailure.retryable("The worker is being stopped; another one takes this up.", "WorkerStops");
  }
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error;
  if (cancellation === "asked-for") return new CancelledFailure("Cancelled.", more);
  if (isFault(error)) {
    return ApplicationFailure.create({
      type: error.code,
      message: error.message,
      nonRetryable: !faultTable[error.code].recoverable,
      details: [error.details, ...more],
      ...(error.cause instanceof Error ? { cause: error.cause } : {}),
    });
  }
  const message = error instanceof Error ? error.message : String(error);
  return ApplicationFailure.create({
    type: "INTERNAL",
    message: `An unexpected error: ${message}`,
    nonRetryable: !faultTable.INTERNAL.recoverable,
    ...(achieved === undefined ? {} : { details: more }),
    ...(error instanceof Error ? { cause: error } : {}),
  });
}

/** Every activity of a group, rejecting with `toFailure`'s errors only. */
export function withFailures<Group extends { readonly [Name in keyof Group]: Activity }>(group: Group): Group {
  const wrap = (activity: Activity): Activity => {
    return async (...args) => {
      try {
        return await activity(...args);
      } catch (error) {
        throw toFailure(error, cancellationOf(Context.current()));
      }
    };
  };
  return Object.fromEntries(Object.entries<Activity>(group).map(([name, activity]) => [name, wrap(activity)])) as Group;
}

export function cancellationOf({ cancellationSignal, cancellationDetails }: Context): Cancellation | undefined {
  if (!cancellationSignal.aborted) return undefined;
  return cancellationDetails?.workerShutdown === true ? "worker-stops" : "asked-for";
}
