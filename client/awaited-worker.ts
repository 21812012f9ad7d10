import { type Client, isGrpcServiceError } from "@temporalio/client";
import { Fault } from "#domain/fault.ts";
import { instant, type Instant, siteName } from "#domain/ids.ts";
import { orchestratorQueue, siteQueue } from "#workflows/names.ts";

/** Temporal's `TaskQueueType`: the orchestrator is asked for by workflows, a site by activities. */
const workflowTasks = 1;
const activityTasks = 2;

/** Temporal keeps a worker in mind for five minutes after it asked for work last; one that is alive asks at least every minute. */
const remembered = "for at least five minutes";

/** The worker that a task queue waits for, as Temporal knows of it. */
export interface AwaitedWorker {
  /** "an orchestrator's worker", "a worker of site paris". */
  readonly who: string;
  readonly queue: string;
  /** "none has asked for work since …". */
  readonly lastHeardOf: string;
  /** The cure, as a command and where to type it. */
  readonly start: string;
}

const sitePrefix = siteQueue(siteName(""));
const siteOfQueue = (queue: string): string | undefined =>
  queue.startsWith(sitePrefix) ? queue.slice(sitePrefix.length) : undefined;

/** Who it is that has not come to `queue`. Asks the server only, which answers at once. */
export async function awaitedWorker(client: Client, queue: string): Promise<AwaitedWorker> {
  const site = siteOfQueue(queue);
  const seen = await lastSeen(client, queue);
  return {
    who: site === undefined ? "an orchestrator's worker" : `a worker of site ${site}`,
    queue,
    lastHeardOf:
      seen === "unknown"
        ? "none has taken the work up"
        : `none has asked for work ${seen === undefined ? remembered : `since ${seen}`}`,
    start:
      site === undefined ? "`understudy worker --orchestrator`" : `\`understudy worker --site ${site}\` at that site`,
  };
}

/** When a worker asked for work last; `undefined`: none that Temporal remembers. */
async function lastSeen(client: Client, queue: string): Promise<Instant | "unknown" | undefined> {
  try {
    const { pollers } = await client.workflowService.describeTaskQueue({
      namespace: client.options.namespace,
      taskQueue: { name: queue },
      taskQueueType: queue === orchestratorQueue ? workflowTasks : activityTasks,
    });
    const times = pollers.flatMap(({ lastAccessTime }) => (lastAccessTime ? [Number(lastAccessTime.seconds)] : []));
    return times.length === 0 ? undefined : instant(Math.max(...times) * 1000);
  } catch (error) {
    // A cluster that does not let everybody see its queues: what is waited for can be said all the same.
    if (isGrpcServiceError(error)) return "unknown";
    throw error;
  }
}

/** For a person who waits. */
export const waitingSentence = ({ who, queue, lastHeardOf, start }: AwaitedWorker): string =>
  `Waiting for ${who} on task queue “${queue}”: ${lastHeardOf}. Start one with ${start}.`;

/** For a person who has waited in vain. */
export const noWorker = ({ who, queue, lastHeardOf, start }: AwaitedWorker): Fault =>
  new Fault(
    "WORKER_UNAVAILABLE",
    `Nothing was heard of ${who} on task queue “${queue}”: ${lastHeardOf}. Start one with ${start}.`,
  );
