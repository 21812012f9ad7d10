import type { CliContext } from "./context.ts";
import { failureOfJob, report } from "./failure.ts";
import { reportInterruption } from "./interruption-report.ts";
import { liveJob, type JobDisplay } from "./live-job.ts";
import { nextStep } from "./next-step.ts";
import { hasEnded, outcomeText } from "./text/job-text.ts";
import type { UnderstudyClient } from "#client/understudy-client.ts";
import { exitCodes } from "#domain/exit-codes.ts";
import { Fault } from "#domain/fault.ts";
import type { JobState, JobView } from "#domain/job.ts";

interface WaitRequest {
  readonly context: CliContext;
  readonly client: UnderstudyClient;
  readonly id: string;
  readonly json: boolean;
  /** The end that was asked for, where it is not success. */
  readonly wanted?: JobState;
}

/** Shows a job until it has ended and answers the exit code. Ctrl-C ends only the watching, and says so. */
export const waitForJob = async (request: WaitRequest): Promise<number> => {
  const { context, client, id, json } = request;
  const display: JobDisplay | undefined = json ? undefined : liveJob(context);
  let last: JobView | undefined;
  try {
    for await (const job of client.watch(id, context.interrupted)) {
      last = job;
      display?.show(job);
      if (hasEnded(job.state)) break;
    }
  } catch (error) {
    if (!context.interrupted.aborted) throw error;
  } finally {
    display?.end();
  }
  if (context.interrupted.aborted && (last === undefined || !hasEnded(last.state))) {
    const sentence = `The job goes on. Watch it: understudy jobs ${id} --watch. Cancel it: understudy job cancel ${id}.`;
    return reportInterruption(context, sentence, json);
  }
  return concludeJob(request, last ?? (await client.job(id)));
};

/** Says how an ended job ended, and what may be done next. */
const concludeJob = async (request: WaitRequest, job: JobView): Promise<number> => {
  const { context, client, json, wanted } = request;
  const good =
    job.state === wanted || (job.state !== "Failed" && job.state !== "Cancelled" && job.state !== "PartiallySucceeded");
  if (json) context.terminal.out(`${JSON.stringify(job)}\n`);
  if (job.fault !== undefined && !good) {
    // With --json the job above carries its fault.
    const failure = failureOfJob(job.fault);
    return json ? failure.exitCode : report(context, failure, false);
  }
  if (!json) {
    context.terminal.out(outcomeText(job, context.now()));
    const next = good && wanted === undefined ? await nextStep(context, client, job) : undefined;
    if (next !== undefined) context.terminal.out(`Next: ${next}\n`);
  }
  if (wanted !== undefined && good && job.state !== wanted)
    throw new Fault(
      "OPERATION_NOT_ALLOWED",
      `The job ${job.id} came to its end (${job.state}) before it could be stopped.`,
    );
  if (good) return exitCodes.ok;
  return job.state === "Cancelled" ? exitCodes.cancelled : exitCodes.internal;
};
