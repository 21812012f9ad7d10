import { workflowInfo } from "@temporalio/workflow";
import type { JobInput, JobResult } from "#domain/job.ts";
import type { TaskName } from "#domain/job-scenarios.ts";
import type { JobFacts } from "#domain/lifecycle.ts";
import type { OperationName } from "#domain/operations.ts";
import { faultOf } from "#workflows/failure.ts";
import { configured } from "#workflows/item/jobs.ts";
import { withoutSourceContent } from "#workflows/item/old-primary.ts";
import { type Sealed, told, withSealed } from "#workflows/item/sealed.ts";
import type { ActiveJob, ItemPatch, ItemState } from "#workflows/item/state.ts";
import type { Hold } from "#workflows/job/hold.ts";
import type { JobLedger } from "#workflows/job/ledger.ts";
import type { UndoList } from "#workflows/job/undo-list.ts";
import type { JobRecord } from "#workflows/messages.ts";

/** What a job's story has in its hands. */
export interface Job<Operation extends OperationName> {
  readonly id: string;
  readonly input: JobInput;
  /** The item as it was granted, with everything that this job has recorded since, and by the configuration as it is applied now. */
  readonly item: ItemState;
  /** What has been stated so far. */
  readonly facts: JobFacts;
  readonly changed: ItemPatch;
  /** What the job `saw` and has not told the item yet. */
  news(): Pick<JobRecord, "sealed">;
  /** Does one of the scenario's named tasks. */
  task<Result>(name: TaskName<Operation>, work: () => Promise<Result>): Promise<Result>;
  /** One of them is not needed this time. */
  skip(name: TaskName<Operation>, why: string): void;
  /** Says on the running task what is going on; people see it with the next task, or with the job's end. */
  note(detail: string): void;
  /** The same, and people see it at once: why what goes on takes long. Each is written to the job's history. */
  tell(detail: string): void;
  /** Into the item, before the story goes on: what must be known even when this job dies now. */
  record(patch: ItemPatch, turnedOff?: ActiveJob["turnedOff"]): Promise<void>;
  /** The replica has this point: the item hears of it with what is recorded next, and not later than with the job's end. */
  saw(sealed: Sealed | undefined): void;
  /** What must be said although the job succeeds. */
  inform(sentence: string): void;
  /** Facts that the lifecycle needs, and what has changed in the item, however the job ends. */
  state(facts: JobFacts, patch?: ItemPatch): void;
  /** What is done, last thing first, when the job fails or is cancelled after this. It shows as a task of its own. */
  onFailure(name: string, undo: () => Promise<void>): void;
  /** From here on nothing is undone: the order has been carried out. */
  pointOfNoReturn(): void;
}

/** What a story comes to: what changes in the item with its end, and what people are told. */
export interface Outcome {
  readonly patch?: ItemPatch;
  readonly result?: JobResult;
}

/** Stories that differ in nothing but their name share their steps: what these need of a job. */
export type Steps = Omit<Job<OperationName>, "task" | "skip">;

export function createJob<Operation extends OperationName>(parts: {
  readonly input: JobInput;
  readonly item: ItemState;
  readonly hold: Hold;
  readonly ledger: JobLedger;
  readonly undos: UndoList;
}): Job<Operation> {
  const { input, hold, ledger, undos } = parts;
  let { item } = parts;
  hold.onConfigured((said) => {
    item = configured(item, said);
  });
  hold.onRan(() => {
    item = withoutSourceContent(item);
  });
  let facts: JobFacts = {};
  let changed: ItemPatch = {};
  let seen: Sealed | undefined;
  const news = () => {
    const sealed = seen;
    seen = undefined;
    return sealed === undefined ? {} : { sealed };
  };
  return {
    id: workflowInfo().workflowId,
    input,
    get item() {
      return item;
    },
    get facts() {
      return facts;
    },
    get changed() {
      return changed;
    },
    async task(name, work) {
      hold.mention(name);
      return await ledger.task(name, work);
    },
    skip: (name, why) => ledger.skip(name, why),
    note: (detail) => ledger.note(detail),
    tell: (detail) => ledger.tell(detail),
    async record(patch, turnedOff) {
      item = { ...item, ...patch };
      await hold.record({ patch, ...news(), ...(turnedOff === undefined ? {} : { turnedOff }) });
    },
    saw(sealed) {
      if (sealed === undefined) return;
      seen = told(sealed);
      item = withSealed(item, seen);
    },
    news,
    inform: (sentence) => ledger.inform(sentence),
    state(stated, patch = {}) {
      facts = { ...facts, ...stated };
      changed = { ...changed, ...patch };
    },
    onFailure: (name, undo) => undos.add(name, undo),
    pointOfNoReturn: () => undos.clear(),
  };
}

/** Undoes what has to be; sentences about what could not be. */
export async function undoAll(undos: UndoList, ledger: JobLedger): Promise<readonly string[]> {
  const failures = await undos.run((name, undo) => ledger.task(`Undo: ${name}`, undo));
  return failures.map((failure) => `Undoing it failed too: ${faultOf(failure).message}`);
}
