import type { JobFault } from "#domain/job.ts";
import { faultTable } from "#domain/fault-table.ts";
import type { ItemState } from "#workflows/item/state.ts";

/** When a failed replication is tried again; `undefined`: not before a person has acted. The one place that decides it. */
export function retryDelaySeconds(fault: Pick<JobFault, "code">, attempts: number): number | undefined {
  if (!faultTable[fault.code].recoverable) return undefined;
  return attempts <= 3 ? 5 : 30;
}

/** A person has acted: what failed may be tried again. */
export const triedAgain = (state: ItemState): ItemState => ({
  ...state,
  stuck: false,
  failing: state.failing === null ? null : { ...state.failing, attempts: 0 },
});
