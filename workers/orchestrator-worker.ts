import { Client, type Connection } from "@temporalio/client";
import { type NativeConnection, Worker } from "@temporalio/worker";
import { withFailures } from "#activities/failures.ts";
import { createOrchestratorActivities } from "#activities/orchestrator.ts";
import { ensureSearchAttributes } from "#client/prepare.ts";
import { currentConfiguration } from "#workflows/messages.ts";
import { configurationWorkflowId, orchestratorQueue } from "#workflows/names.ts";
import { type RunningWorker, runWorker } from "#workers/running-worker.ts";
import { workflowBundle } from "#workers/workflow-bundle.ts";

export interface OrchestratorWorkerOptions {
  /** The worker's own connection to Temporal, and a client's, both the caller's to close. */
  readonly connection: NativeConnection;
  readonly clientConnection: Connection;
  readonly namespace: string;
  /** How the worker is called in Temporal's UI. */
  readonly identity?: string;
}

/** Runs the workflows, and the activities that need no hypervisor. It holds no credentials of a site. More of them share the load. */
export async function startOrchestratorWorker(options: OrchestratorWorkerOptions): Promise<RunningWorker> {
  const { connection, clientConnection, namespace, identity = `orchestrator-${process.pid}` } = options;
  await ensureSearchAttributes(clientConnection, namespace);
  const { codePath, buildId } = await workflowBundle();
  const client = new Client({ connection: clientConnection, namespace, identity });
  const worker = await Worker.create({
    connection,
    namespace,
    identity,
    // Names the code in each history; worker deployments, which replace it, need a newer server than the embedded one to carry an item over.
    // oxlint-disable-next-line typescript/no-deprecated
    buildId,
    taskQueue: orchestratorQueue,
    workflowBundle: { codePath },
    activities: withFailures(
      createOrchestratorActivities(client, {
        taskQueue: orchestratorQueue,
        configurationId: configurationWorkflowId,
        currentQuery: currentConfiguration.name,
      }),
    ),
    // About 1 MB each.
    maxCachedWorkflows: 400,
    // What a worker that died had in its memory waits for it this long before another one, or its successor, is asked: also every look at an item.
    stickyQueueScheduleToStartTimeout: "2 seconds",
    // One watches each running job.
    maxConcurrentActivityTaskExecutions: 1_000,
    maxHeartbeatThrottleInterval: "1 second",
    shutdownGraceTime: "1 second",
  });
  return runWorker(worker, () => Promise.resolve());
}
