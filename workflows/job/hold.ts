import { condition, getExternalWorkflowHandle, patched, setHandler, workflowInfo } from "@temporalio/workflow";
import type { JobInput } from "#domain/job.ts";
import type { OperationName } from "#domain/operations.ts";
import { failWith, faultFrom, faultOf } from "#workflows/failure.ts";
import { configured } from "#workflows/item/jobs.ts";
import { withoutSourceContent } from "#workflows/item/old-primary.ts";
import type { ItemState } from "#workflows/item/state.ts";
import {
  awaitGrant,
  granted,
  type ItemConfigured,
  itemConfigured,
  jobFinished,
  oldPrimaryRan,
  type JobFinished,
  type JobRecord,
  type JobRequest,
  recordJob,
  refused,
  type ReplicationReached,
  replicationReached,
  requestJob,
} from "#workflows/messages.ts";
import { itemWorkflowId } from "#workflows/names.ts";

/** How a job asks for its item: a signal to the item's workflow, or one that starts it. */
export type Ask = (input: JobInput, request: JobRequest) => Promise<void>;

/** Replication that has to end first ends within seconds, or its worker is found to be dead. */
const grantMinutes = 10;

/** A job's side of the talk with its item. */
export interface Hold {
  /** The item was never this job's. */
  readonly refused: boolean;
  /**
   * Resolves with the item when it is granted; rejects with the refusal, or with `ITEM_NOT_FOUND`; with `WORKER_UNAVAILABLE` when the item has not answered after
   * ten minutes.
   */
  ask(ask: Ask): Promise<ItemState>;
  record(said: Omit<JobRecord, "jobId">): Promise<void>;
  /** Says which task has begun, without waiting until it is heard: it only helps to tell of a job that has died. */
  mention(task: string): void;
  finish(said: Omit<JobFinished, "jobId">): Promise<void>;
  /** Calls `heed` whenever the configuration is applied anew while the job holds the item. */
  onConfigured(heed: (said: ItemConfigured) => void): void;
  /** Calls `heed` when the old primary has run although it was fenced, while the job holds the item. */
  onRan(heed: () => void): void;
  /** Resolves when the item says that the wait for its replication is over. */
  reached(): Promise<ReplicationReached>;
}

export const askExistingItem: Ask = async (input, request) => {
  try {
    await getExternalWorkflowHandle(itemWorkflowId(input.item)).signal(requestJob, request);
  } catch {
    // The only way a signal between workflows fails: nothing of that id runs.
    throw failWith(
      faultFrom(
        "ITEM_NOT_FOUND",
        `No protected item is called “${input.item}”: it has not been protected, or its protection was disabled. \`understudy status\` lists what there is.`,
      ),
    );
  }
};

const notGranted = ({ item }: JobInput): Error =>
  failWith(
    faultFrom(
      "WORKER_UNAVAILABLE",
      `Item ${item} did not let this job begin within ${grantMinutes} minutes: the replication that had to end first does not end, or nobody carries on the item's workflow. Nothing was changed.`,
    ),
  );

export function holdOf(operation: OperationName, input: JobInput): Hold {
  const { workflowId: jobId, runId } = workflowInfo();
  const item = getExternalWorkflowHandle(itemWorkflowId(input.item));
  let state: ItemState | undefined;
  let refusal: Error | undefined;
  let unanswered: Error | undefined;
  let reached: ReplicationReached | undefined;
  let heedRan: () => void = () => undefined;
  let heedConfigured: (said: ItemConfigured) => void = () => undefined;

  setHandler(granted, (grantedState) => {
    state ??= grantedState;
  });
  setHandler(refused, ({ code, message }) => {
    refusal ??= failWith(faultFrom(code, message));
  });
  setHandler(replicationReached, (said) => {
    reached = said;
  });
  setHandler(oldPrimaryRan, () => {
    if (state !== undefined) state = withoutSourceContent(state);
    heedRan();
  });
  setHandler(itemConfigured, (said) => {
    if (state !== undefined) state = configured(state, said);
    heedConfigured(said);
  });
  setHandler(awaitGrant, async () => {
    await condition(() => state !== undefined || refusal !== undefined || unanswered !== undefined);
    const why = refusal ?? unanswered;
    if (why !== undefined) throw why;
  });

  return {
    get refused() {
      return refusal !== undefined;
    },
    async ask(ask) {
      try {
        await ask(input, { jobId, runId, operation, ...(input.force === true ? { force: true } : {}) });
      } catch (error) {
        refusal = failWith(faultOf(error));
        throw refusal;
      }
      const answered = () => state !== undefined || refusal !== undefined;
      // Jobs that began before there was a limit have none.
      if (!patched("grant-limit")) await condition(answered);
      else if (!(await condition(answered, `${grantMinutes} minutes`))) throw (unanswered = notGranted(input));
      if (state !== undefined) return state;
      throw refusal ?? new Error("unreachable: the condition above holds");
    },
    record: (said) => item.signal(recordJob, { jobId, ...said }),
    mention(task) {
      item.signal(recordJob, { jobId, task }).catch(() => undefined);
    },
    finish: (said) => item.signal(jobFinished, { jobId, ...said }),
    onConfigured(heed) {
      heedConfigured = heed;
    },
    onRan(heed) {
      heedRan = heed;
    },
    async reached() {
      await condition(() => reached !== undefined);
      if (reached === undefined) throw new Error("unreachable: the condition above holds");
      return reached;
    },
  };
}
