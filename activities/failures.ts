import { ApplicationFailure, CancelledFailure } from "@temporalio/common";
import { Context } from "@temporalio/activity";
import { faultTable } from "#domain/fault-table.ts";
import { isFault } from "#domain/fault.ts";

type Activity = (...args: never[]) => Promise<unknown>;

/** The one place where a Fault becomes Temporal's failure: its type is the code, its details are the Fault's, and what is not recoverable is not tried again. */
export function toFailure(error: unknown, cancelled: boolean): Error {
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error;
  if (cancelled) return new CancelledFailure("Cancelled.");
  if (isFault(error)) {
    return ApplicationFailure.create({
      type: error.code,
      message: error.message,
      nonRetryable: !faultTable[error.code].recoverable,
      details: [error.details],
      ...(error.cause instanceof Error ? { cause: error.cause } : {}),
    });
  }
  const message = error instanceof Error ? error.message : String(error);
  return ApplicationFailure.create({
    type: "INTERNAL",
    message: `An unexpected error: ${message}`,
    nonRetryable: !faultTable.INTERNAL.recoverable,
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
        throw toFailure(error, Context.current().cancellationSignal.aborted);
      }
    };
  };
  return Object.fromEntries(Object.entries<Activity>(group).map(([name, activity]) => [name, wrap(activity)])) as Group;
}
