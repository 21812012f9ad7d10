import { type Client, isGrpcServiceError } from "@temporalio/client";
import { isUnanswered } from "#client/faults.ts";
import { Fault } from "#domain/fault.ts";
import { instant, type Instant, siteName } from "#domain/ids.ts";
import { orchestratorQueue, siteQueue } from "#workflows/names.ts";

/** Temporal's `TaskQueueType`: the orchestrator is asked for by workflows, a site by activities. */
const workflowTasks = 1;
const activityTasks = 2;

/** Temporal keeps a worker in mind for five minutes after it asked for work last. */
const remembered = "for at least five minutes";
/** An idle worker asks once a minute: its question stays open so long, and Temporal notes only when it was put. With what a loaded machine adds to that. */
const openForMs = 90_000;
/** A server that is there says at once what it knows. */
const answersWithinMs = 1_000;

/** The worker that a task queue waits for, as Temporal knows of it. */
interface AwaitedWorker {
  /** "an orchestrator's worker", "a worker of site paris". */
  readonly who: string;
  readonly queue: string;
  /** When one asked for work last; `never`: none that Temporal remembers, `hidden`: it does not tell. */
  readonly asked: Instant | "never" | "hidden";
  /** It asked so lately that its question may still be open. */
  readonly mayBeThere: boolean;
  /** The cure, as a command and where to type it. */
  readonly start: string;
}

/** What is waited for: a worker, or Temporal itself. */
export type Awaited = AwaitedWorker | "temporal";

const sitePrefix = siteQueue(siteName(""));
const siteOfQueue = (queue: string): string | undefined =>
  queue.startsWith(sitePrefix) ? queue.slice(sitePrefix.length) : undefined;

/** Who it is that has not come to `queue`. Asks the server only, which answers at once or not at all. */
export async function awaitedWorker(client: Client, queue: string, nowMs = Date.now()): Promise<Awaited> {
  const site = siteOfQueue(queue);
  const asked = await lastAsked(client, queue);
  if (asked === "temporal") return "temporal";
  return {
    who: site === undefined ? "an orchestrator's worker" : `a worker of site ${site}`,
    queue,
    asked,
    mayBeThere: asked !== "never" && asked !== "hidden" && nowMs - Date.parse(asked) < openForMs,
    start:
      site === undefined ? "`understudy worker --orchestrator`" : `\`understudy worker --site ${site}\` at that site`,
  };
}

async function lastAsked(client: Client, queue: string): Promise<AwaitedWorker["asked"] | "temporal"> {
  const request = {
    namespace: client.options.namespace,
    taskQueue: { name: queue },
    taskQueueType: queue === orchestratorQueue ? workflowTasks : activityTasks,
  };
  try {
    const { pollers } = await client.withDeadline(Date.now() + answersWithinMs, () =>
      client.workflowService.describeTaskQueue(request),
    );
    const times = pollers.flatMap(({ lastAccessTime }) => (lastAccessTime ? [Number(lastAccessTime.seconds)] : []));
    return times.length === 0 ? "never" : instant(Math.max(...times) * 1000);
  } catch (error) {
    if (isUnanswered(error)) return "temporal";
    // A cluster that does not let everybody see its queues: what is waited for can be said all the same.
    if (isGrpcServiceError(error)) return "hidden";
    throw error;
  }
}

const lastHeardOf = (asked: AwaitedWorker["asked"]): string =>
  asked === "hidden"
    ? "none has taken the work up"
    : `none has asked for work ${asked === "never" ? remembered : `since ${asked}`}`;

/** For a person who waits. */
export const waitingSentence = (awaited: Awaited): string => {
  if (awaited === "temporal") return "Waiting for Temporal, which does not answer.";
  const { who, queue, asked, mayBeThere, start } = awaited;
  const waiting = `Waiting for ${who} on task queue “${queue}”:`;
  return mayBeThere
    ? `${waiting} one asked for work at ${asked} and has not taken this up yet. If none runs any more, start one with ${start}.`
    : `${waiting} ${lastHeardOf(asked)}. Start one with ${start}.`;
};

/** For a person who has waited in vain. */
export const noWorker = (awaited: Awaited): Fault => {
  if (awaited === "temporal") return new Fault("TEMPORAL_UNREACHABLE", "Temporal does not answer. Is it running?");
  const { who, queue, asked, mayBeThere, start } = awaited;
  return new Fault(
    "WORKER_UNAVAILABLE",
    mayBeThere
      ? `${who.charAt(0).toUpperCase()}${who.slice(1)} asked for work on task queue “${queue}” at ${asked}, but has not taken this up. It may be overloaded; if none runs any more, start one with ${start}.`
      : `Nothing was heard of ${who} on task queue “${queue}”: ${lastHeardOf(asked)}. Start one with ${start}.`,
  );
};
