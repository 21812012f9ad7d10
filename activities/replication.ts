import { Context } from "@temporalio/activity";
import { beatEveryMs, beating } from "#activities/replication/heartbeats.ts";
import type { ReplicateReport, ReplicateRequest } from "#activities/replication/request.ts";
import type { HostName } from "#domain/ids.ts";

/** Runs one stretch of an item's replication from one of the site's hosts. */
export type Replicate = (
  host: HostName,
  request: ReplicateRequest,
  run: { readonly signal: AbortSignal; report(report: ReplicateReport): void },
) => Promise<ReplicateReport>;

export interface ReplicationActivities {
  /**
   * One stretch of replication (`ReplicateRequest.mode`). What it has done so far is the heartbeat's details, so that everybody can look while it runs.
   * Cancelled, it ends the cycle it is in cleanly.
   */
  replicate(work: { readonly host: HostName; readonly request: ReplicateRequest }): Promise<ReplicateReport>;
}

export const createReplicationActivities = (replicate: Replicate): ReplicationActivities => {
  let running = 0;
  return {
    async replicate({ host, request }) {
      const context = Context.current();
      let latest: ReplicateReport | undefined;
      running += 1;
      try {
        // The heartbeat keeps the activity alive, shows its report, and brings a cancellation.
        using _beats = beating(
          () => context.heartbeat(latest),
          () => beatEveryMs(running),
        );
        return await replicate(host, request, {
          signal: context.cancellationSignal,
          report: (report) => {
            latest = report;
          },
        });
      } finally {
        running -= 1;
      }
    },
  };
};
