import { Context } from "@temporalio/activity";
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

/** The report is said again this often while nothing changes: the heartbeat that keeps the activity alive and brings a cancellation. */
const beatMs = 1_000;

export const createReplicationActivities = (replicate: Replicate): ReplicationActivities => ({
  async replicate({ host, request }) {
    const context = Context.current();
    let latest: ReplicateReport | undefined;
    const beat = setInterval(() => context.heartbeat(latest), beatMs);
    try {
      return await replicate(host, request, {
        signal: context.cancellationSignal,
        report: (report) => {
          latest = report;
          context.heartbeat(report);
        },
      });
    } finally {
      clearInterval(beat);
    }
  },
});
