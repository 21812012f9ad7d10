import type { JobFault } from "#domain/job.ts";
import { faultTable } from "#domain/fault-table.ts";

/** When a failed replication is tried again; `undefined`: not before a person has acted. The one place that decides it. */
export function retryDelaySeconds(fault: Pick<JobFault, "code">, attempts: number): number | undefined {
  if (!faultTable[fault.code].recoverable) return undefined;
  return attempts <= 3 ? 5 : 30;
}
