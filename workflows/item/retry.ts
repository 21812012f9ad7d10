import type { JobFault } from "#domain/job.ts";
import { faultTable } from "#domain/fault-table.ts";
import type { ItemState } from "#workflows/item/state.ts";

/** When a failed replication is tried again; `undefined`: not before a person has acted. The one place that decides it. */
export function retryDelaySeconds(
  fault: Pick<JobFault, "code">,
  attempts: number,
  { lifecycle }: Partial<Pick<ItemState, "lifecycle">> = {},
): number | undefined {
  // The first copy compares what cannot be proven: the next try does.
  const compares = lifecycle?.state === "initial-replication" && isUnproven(fault);
  if (!faultTable[fault.code].recoverable && !compares) return undefined;
  return attempts <= 3 ? 5 : 30;
}

/** What has changed since the last point is not known. */
export const isUnproven = ({ code }: Pick<JobFault, "code">): boolean =>
  code === "RESYNC_REQUIRED" || code === "TRACKING_LOST";

/** A person has acted: what failed may be tried again. */
export const triedAgain = (state: ItemState): ItemState => ({
  ...state,
  stuck: false,
  failing: state.failing === null ? null : { ...state.failing, attempts: 0 },
});
