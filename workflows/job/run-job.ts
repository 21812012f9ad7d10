import { allHandlersFinished, CancellationScope, condition, isCancellation, setHandler } from "@temporalio/workflow";
import type { JobResult } from "#domain/job.ts";
import { activeEnd } from "#domain/lifecycle.ts";
import type { OperationName } from "#domain/operations.ts";
import { failWith, faultOf } from "#workflows/failure.ts";
import { askExistingItem, type Ask, holdOf } from "#workflows/job/hold.ts";
import { jobInput } from "#workflows/job/input.ts";
import { createJob, type Job, type Outcome, undoAll } from "#workflows/job/job.ts";
import { jobLedger } from "#workflows/job/ledger.ts";
import { undoList } from "#workflows/job/undo-list.ts";
import { jobView, type ReplicationReached } from "#workflows/messages.ts";

export interface Story<Operation extends OperationName> {
  readonly operation: Operation;
  /** As it came: perhaps typed by a person. */
  readonly input: unknown;
  readonly ask?: Ask;
  readonly run: (job: Job<Operation>) => Promise<Outcome>;
  /** The job lets go of the item after `run` and stays until the item's replication has come to `protected`, or cannot. */
  readonly afterwards?: (job: Job<Operation>, reached: () => Promise<ReplicationReached>) => Promise<JobResult>;
}

/**
 * Runs one operation as a job: asks for the item, tells the story task by task, undoes it when it fails or is cancelled, and tells the item how it ended.
 * Fails as a workflow when the order was refused or not carried out, so that it is red in Temporal's UI; the failure's type is the fault's code.
 */
export async function runJob<Operation extends OperationName>(story: Story<Operation>): Promise<JobResult> {
  const input = jobInput(story.operation, story.input);
  const hold = holdOf(story.operation, input);
  const ledger = jobLedger(story.operation, input);
  const undos = undoList();
  setHandler(jobView, () => ledger.view);
  let job: Job<Operation> | undefined;
  let holds = true;

  try {
    const item = await hold.ask(story.ask ?? askExistingItem);
    job = createJob<Operation>({ input, item, hold, ledger, undos });
    ledger.place(item.sides[activeEnd(item.lifecycle)].site);
    const { patch = {}, result = {} } = await story.run(job);
    undos.clear();
    holds = false;
    const said = {
      patch: { ...job.changed, ...patch },
      ...job.news(),
      facts: job.facts,
      waits: story.afterwards !== undefined,
    };
    await CancellationScope.nonCancellable(() => hold.finish({ outcome: "succeeded", ...said }));
    const more = await story.afterwards?.(job, () => hold.reached());
    ledger.close({ state: "Succeeded", result: { ...result, ...more } });
    return ledger.view.result ?? {};
  } catch (error) {
    const cancelled = isCancellation(error);
    const outcome = cancelled ? "cancelled" : "failed";
    const fault = faultOf(error);
    await CancellationScope.nonCancellable(async () => {
      const sentences = [fault.message, ...(await undoAll(undos, ledger))];
      const told = { ...fault, message: sentences.join(" ") };
      if (holds && !hold.refused) {
        const said = { patch: { ...job?.changed }, ...job?.news(), facts: job?.facts ?? {}, fault: told, waits: false };
        // The only way this fails: the item is gone, and need not be told. What the job failed with must not be lost over it.
        await hold.finish({ outcome, ...said }).catch(() => undefined);
      }
      ledger.close({ state: cancelled ? "Cancelled" : "Failed", fault: told });
    });
    throw cancelled ? error : failWith(ledger.view.fault ?? fault);
  } finally {
    await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  }
}
