import type { CliContext } from "./context.ts";
import { commandLine } from "./text/verbs.ts";
import type { UnderstudyClient } from "#client/understudy-client.ts";
import { isFault } from "#domain/fault.ts";
import type { ItemView } from "#domain/item-view.ts";
import type { JobView } from "#domain/job.ts";
import type { OperationName } from "#domain/operations.ts";

/** What people may want after an operation, the likeliest first; each is offered only when the item allows it. */
interface Wish {
  readonly operation: OperationName;
  /** Goes on behind the command. */
  readonly why?: string;
}

const wishes: Readonly<Record<OperationName, readonly Wish[] | "watch">> = {
  EnableProtection: "watch",
  PlannedFailover: [{ operation: "Commit" }, { operation: "CancelFailover", why: "to go back" }],
  UnplannedFailover: [{ operation: "Commit" }, { operation: "ChangePit" }],
  TestFailover: [{ operation: "TestFailoverCleanup", why: "when you have tried the machine" }],
  TestFailoverCleanup: [{ operation: "Commit" }],
  Commit: [{ operation: "ReverseReplicate" }],
  ChangePit: [{ operation: "Commit" }],
  CancelFailover: "watch",
  ReverseReplicate: "watch",
  Failback: [{ operation: "Commit" }, { operation: "CancelFailover", why: "to go back" }],
  RepairReplication: [],
  PauseReplication: [{ operation: "ResumeReplication" }],
  ResumeReplication: [],
  UpdatePolicy: [],
  DisableProtection: [],
};

/** The item hears of a job's end a moment after whoever watches the job. */
const looks = 10;
const lookEveryMs = 200;

/** What to do after a job that has succeeded, from what its item allows now; undefined when there is nothing, or the item cannot be asked. */
export const nextStep = async (
  { sleep, interrupted }: CliContext,
  client: UnderstudyClient,
  job: JobView,
): Promise<string | undefined> => {
  const wished = wishes[job.operation];
  if (wished === "watch") return `understudy status ${job.item} --watch`;
  if (wished.length === 0) return undefined;
  try {
    let item = await client.item(job.item);
    for (let look = 1; look < looks && item.activeJob?.id === job.id; look += 1) {
      await sleep(lookEveryMs, interrupted);
      item = await client.item(job.item);
    }
    return stepOf(item, wished);
  } catch (error) {
    // The job has succeeded; that nothing can be proposed is no failure of it.
    if (isFault(error) || interrupted.aborted) return undefined;
    throw error;
  }
};

const stepOf = ({ item, allowedOperations }: ItemView, wished: readonly Wish[]): string | undefined => {
  const offered = wished.filter(({ operation }) => allowedOperations.includes(operation));
  const texts = offered.map(
    ({ operation, why }) => `${commandLine(operation, item)}${why === undefined ? "" : ` ${why}`}`,
  );
  // A test machine that stands is in the way of most; it is cleaned up before anything else.
  const [first] = wished;
  if (first !== undefined && !offered.includes(first) && allowedOperations.includes("TestFailoverCleanup"))
    texts.unshift(`${commandLine("TestFailoverCleanup", item)}, then ${commandLine(first.operation, item)}`);
  return texts.length === 0 ? undefined : texts.join(", or ");
};
