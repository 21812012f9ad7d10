import type { FaultCode } from "#domain/fault-codes.ts";
import { healthError } from "#domain/health.ts";
import type { HealthError } from "#domain/item-view.ts";
import type { JobFault } from "#domain/job.ts";
import { now } from "#workflows/clock.ts";
import type { ItemState } from "#workflows/item/state.ts";

/** Adds a health error; the same cause said again replaces what was said of it before. */
export function withHealth(
  state: ItemState,
  fault: Pick<JobFault, "code" | "message">,
  change: Partial<Pick<HealthError, "severity" | "category" | "action">> = {},
): ItemState {
  const error = { ...healthError(fault.code, fault.message, now()), ...change };
  return { ...state, health: [...state.health.filter(({ code }) => code !== fault.code), error] };
}

export const withoutHealth = (state: ItemState, codes: readonly FaultCode[]): ItemState => ({
  ...state,
  health: state.health.filter(({ code }) => !codes.includes(code)),
});

/** Replication works again: what told of its trouble goes; what tells of something else stays. */
export const withoutReplicationHealth = (state: ItemState): ItemState => ({
  ...state,
  health: state.health.filter(({ category }) => category === "Configuration" || category === "TestFailover"),
});
