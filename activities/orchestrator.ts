import { Context, sleep } from "@temporalio/activity";
import {
  type Client,
  isGrpcServiceError,
  ServiceError,
  type WorkflowHandle,
  WorkflowNotFoundError,
} from "@temporalio/client";
import type { Configuration } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";

/** How a workflow's run ended, as Temporal names it; `NOT_FOUND` when the run is not known any more. */
export type RunEnd =
  | "COMPLETED"
  | "FAILED"
  | "CANCELLED"
  | "TERMINATED"
  | "TIMED_OUT"
  | "CONTINUED_AS_NEW"
  | "NOT_FOUND";

/** What workflows need of Temporal itself and cannot do as workflows. These run beside the orchestrator, not at a site. */
export interface OrchestratorActivities {
  /** The applied configuration. Rejects with `CONFIG_INVALID` when none has been applied. */
  readConfiguration(): Promise<Configuration>;
  /** Sends a signal to a workflow, which is started with `start` when it does not run. */
  signalWithStart(request: {
    readonly workflowType: string;
    readonly workflowId: string;
    readonly summary: string;
    readonly start: unknown;
    readonly signal: string;
    readonly payload: unknown;
  }): Promise<void>;
  /** Waits, however long, until that run has ended. */
  awaitRunEnd(run: { readonly workflowId: string; readonly runId: string }): Promise<RunEnd>;
}

const beatMs = 2_000;
/** Between two looks at a run, so that a server in trouble is not asked in a tight loop. */
const pauseMs = 200;

/** `call`, whose failing for want of an answer is a recoverable Fault. */
async function asked<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call();
  } catch (error) {
    const service = error instanceof ServiceError ? error.cause : error;
    if (!isGrpcServiceError(service)) throw error;
    throw new Fault("TEMPORAL_UNREACHABLE", `Temporal did not answer: ${service.details}`, { cause: error });
  }
}

async function endOf(handle: WorkflowHandle): Promise<RunEnd | undefined> {
  try {
    const { name } = (await asked(() => handle.describe())).status;
    switch (name) {
      case "COMPLETED":
      case "FAILED":
      case "CANCELLED":
      case "TERMINATED":
      case "TIMED_OUT":
      case "CONTINUED_AS_NEW":
        return name;
      default:
        return undefined;
    }
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return "NOT_FOUND";
    throw error;
  }
}

/** `client` is a Temporal client of the namespace that the workflows are in; `names` are the workflows' own words, so that this group needs none of their code. */
export function createOrchestratorActivities(
  client: Client,
  names: { readonly taskQueue: string; readonly configurationId: string; readonly currentQuery: string },
): OrchestratorActivities {
  return {
    async readConfiguration() {
      try {
        const handle = client.workflow.getHandle(names.configurationId);
        return await asked(() => handle.query<Configuration>(names.currentQuery));
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        throw new Fault(
          "CONFIG_INVALID",
          "No configuration has been applied yet. Apply one with `understudy apply -f FILE`.",
        );
      }
    },

    async signalWithStart({ workflowType, workflowId, summary, start, signal, payload }) {
      await asked(() =>
        client.workflow.signalWithStart(workflowType, {
          workflowId,
          taskQueue: names.taskQueue,
          args: [start],
          staticSummary: summary,
          signal,
          signalArgs: [payload],
        }),
      );
    },

    async awaitRunEnd({ workflowId, runId }) {
      const context = Context.current();
      const handle = client.workflow.getHandle(workflowId, runId, { followRuns: false });
      const beat = setInterval(() => context.heartbeat(), beatMs);
      try {
        for (;;) {
          const end = await endOf(handle);
          if (end !== undefined) return end;
          // The server answers when the run ends. Whether and how it ended, or only the connection did, is asked again above.
          await client.withAbortSignal(context.cancellationSignal, () => handle.result()).catch(() => undefined);
          await sleep(pauseMs);
        }
      } finally {
        clearInterval(beat);
      }
    },
  };
}
