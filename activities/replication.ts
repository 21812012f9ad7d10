import { Context } from "@temporalio/activity";
import { cancellationOf, toFailure } from "#activities/failures.ts";
import { beatEveryMs, beating } from "#activities/replication/heartbeats.ts";
import type { Achieved, ReplicateReport, ReplicateRequest } from "#activities/replication/request.ts";
import type { HostName } from "#domain/ids.ts";

/** Runs one stretch of an item's replication from one of the site's hosts. */
export type Replicate = (
  host: HostName,
  request: ReplicateRequest,
  run: {
    readonly signal: AbortSignal;
    /** What an earlier attempt at the same stretch has done. */
    readonly before?: ReplicateReport;
    report(report: ReplicateReport): void;
  },
) => Promise<ReplicateReport>;

export interface ReplicationActivities {
  /**
   * One stretch of replication (`ReplicateRequest.mode`). What it has done so far is the heartbeat's details, so that everybody can look while it runs.
   * Cancelled, it ends the cycle it is in cleanly. Failed, its failure's last detail is what it has `Achieved`; another attempt goes on with the account of the one before.
   */
  replicate(work: { readonly host: HostName; readonly request: ReplicateRequest }): Promise<ReplicateReport>;
}

export const createReplicationActivities = (replicate: Replicate): ReplicationActivities => {
  let running = 0;
  return {
    async replicate({ host, request }) {
      const context = Context.current();
      const before = context.info.heartbeatDetails as ReplicateReport | undefined;
      let latest = before;
      running += 1;
      try {
        // The heartbeat keeps the activity alive, shows its report, and brings a cancellation.
        using _beats = beating(
          () => context.heartbeat(latest),
          () => beatEveryMs(running),
        );
        return await replicate(host, request, {
          signal: context.cancellationSignal,
          ...(before && { before }),
          report: (report) => {
            latest = report;
          },
        });
      } catch (error) {
        throw toFailure(error, cancellationOf(context), latest && achieved(latest));
      } finally {
        running -= 1;
      }
    },
  };
};

const achieved = ({ lastSealed, lastCycle, bytesSent }: ReplicateReport): Achieved => ({
  bytesSent,
  ...(lastSealed && { lastSealed }),
  ...(lastCycle && { lastCycle }),
});
