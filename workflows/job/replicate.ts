import { CancellationScope, condition, isCancellation, sleep } from "@temporalio/workflow";
import type { ReplicateReport, ReplicateRequest } from "#activities/replication/request.ts";
import { faultTable } from "#domain/fault-table.ts";
import { achievedBefore, faultOf } from "#workflows/failure.ts";
import { sourceOf } from "#workflows/item/ends.ts";
import { replicateRequest } from "#workflows/item/replicate-request.ts";
import { retryDelaySeconds } from "#workflows/item/retry.ts";
import type { ItemState } from "#workflows/item/state.ts";
import type { Steps } from "#workflows/job/job.ts";
import { replicationAt, replicationHoweverLong } from "#workflows/sites.ts";

/** Each of so many is told of with the task, about ten minutes long; thousands more, of a longer outage, would fill the job's history. */
const toldAttempts = 20;

/**
 * One stretch of the item's replication as part of a job. Recoverable faults are tried again `attempts` times at most, resuming where it was; the running task
 * says what it waits for, and in the end what `done` makes of the report. What failed attempts sent counts: the one that follows does not send it again.
 * `item` is asked again whenever the configuration is applied anew: what changes for the stretch has it begin anew at once.
 */
export async function replicateInJob(
  job: Pick<Steps, "note" | "tell">,
  item: () => ItemState,
  stretch: Pick<ReplicateRequest, "mode" | "returnAfterSeconds"> & {
    readonly attempts: number;
    readonly done?: (report: ReplicateReport) => string;
  },
): Promise<ReplicateReport> {
  const { attempts, done, ...rest } = stretch;
  let sentBefore = 0;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const at = attempt > toldAttempts ? replicationHoweverLong : replicationAt;
      const last = await untilReconfigured(item, { ...rest, at }, (sent) => (sentBefore += sent));
      const report = { ...last, bytesSent: sentBefore + last.bytesSent };
      // In the place of the trouble that was told of, which is over.
      const said = [
        ...(done === undefined ? [] : [done(report)]),
        ...(attempt === 1 ? [] : [attempt > toldAttempts ? "after many attempts" : `after ${attempt} attempts`]),
      ];
      if (said.length > 0) job.note(said.join(", "));
      return report;
    } catch (error) {
      const fault = faultOf(error);
      sentBefore += achievedBefore(error)?.bytesSent ?? 0;
      const delay = retryDelaySeconds(fault, attempt);
      if (isCancellation(error) || delay === undefined || attempt >= attempts) throw error;
      const again = attempt < toldAttempts ? `in ${delay} s` : `every ${delay} s until it works`;
      job.tell(`${faultTable[fault.code].summary} ${fault.message} Trying again ${again}.`);
      await sleep(delay * 1_000);
    }
  }
}

type StretchOfJob = Pick<ReplicateRequest, "mode" | "returnAfterSeconds">;

/** Runs it to its end, begun anew as often as what is asked for changes meanwhile; `sent` hears what was sent until then. */
async function untilReconfigured(
  item: () => ItemState,
  { at, ...stretch }: StretchOfJob & { readonly at: typeof replicationAt },
  sent: (bytes: number) => void,
): Promise<ReplicateReport> {
  for (;;) {
    const { site, host } = sourceOf(item());
    const request = replicateRequest(item(), stretch);
    const isSame = () => JSON.stringify(replicateRequest(item(), stretch)) === JSON.stringify(request);
    const [running, watch] = [new CancellationScope(), new CancellationScope()];
    const changed = watch
      .run(() => condition(() => !isSame()))
      .then(
        () => running.cancel(),
        // Nobody watches any more.
        () => undefined,
      );
    try {
      const report = await running.run(() => at(site).replicate({ host, request }));
      // A run that is ended before its first point answers what it has done.
      if (isSame() || report.cycles > 0) return report;
      sent(report.bytesSent);
    } catch (error) {
      const isOurs = isCancellation(error) && !isSame() && !CancellationScope.current().consideredCancelled;
      if (!isOurs) throw error;
      sent(achievedBefore(error)?.bytesSent ?? 0);
    } finally {
      watch.cancel();
      await changed;
    }
  }
}
