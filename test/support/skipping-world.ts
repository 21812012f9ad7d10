import { Client, type WorkflowHandle } from "@temporalio/client";
import { TestWorkflowEnvironment } from "@temporalio/testing";
import { Worker, type WorkerOptions } from "@temporalio/worker";
import { setTimeout as sleep } from "node:timers/promises";
import { withFailures } from "#activities/failures.ts";
import { createOrchestratorActivities } from "#activities/orchestrator.ts";
import { ensureSearchAttributes } from "#client/prepare.ts";
import type { JobInput } from "#domain/job.ts";
import type { SiteName } from "#domain/ids.ts";
import type { OperationName } from "#domain/operations.ts";
import { timeSkippingExecutable } from "#lab/temporal/executable.ts";
import { protectedItem } from "#test/support/protected-item.ts";
import { quietTemporal } from "#test/support/quiet-temporal.ts";
import { skippingDoubles, takes } from "#test/support/skipping-doubles.ts";
import { createTwoSites } from "#test/support/sites.ts";
import type { SiteDouble, TwoSites } from "#test/support/two-sites.ts";
import { lyon, paris } from "#test/support/temporal-world.ts";
import { workflowBundle } from "#workers/workflow-bundle.ts";
import { targetReplica } from "#workflows/item/replicate-request.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { currentConfiguration, itemState } from "#workflows/messages.ts";
import {
  configurationWorkflowId,
  itemWorkflowId,
  jobWorkflowId,
  orchestratorQueue,
  siteQueue,
} from "#workflows/names.ts";

/**
 * The real workflows in virtual time: Temporal's test server leaps to what is due next whenever nobody works. It counts locks on its clock, one for each workflow
 * task and for each activity in a queue or with a worker (none between two attempts), and does not give back (1.38.0) that of
 * - an activity that is cancelled in its queue,
 * - an activity that is cancelled between two attempts, from when the next one was due,
 * - an activity, or a signal to another workflow, that is still under way when its workflow ends,
 * - for ten real seconds, a workflow task that cancels an activity which has just ended: the server refuses it and does not say so.
 * After one of these time does not leap any more. So orders are given when the item is in the middle of a stretch; nothing here stays in an activity while time
 * passes, but gives its first attempt up for that long (`takes`), which leaves the clock free and nothing in the history; and where a test has steps lie in queues
 * it says to `pass` how many locks they hold, and has them end in time that is not skipped.
 */
export interface SkippingWorld extends AsyncDisposable {
  readonly client: Client;
  readonly sites: TwoSites;
  /** By the server's clock. */
  nowMs(): Promise<number>;
  /** Lets time pass. `held`: how many locks are not to be minded. */
  pass(seconds: number, held?: number): Promise<void>;
  /** Lets time pass, as fast as the work allows, until `done`. */
  passUntil(done: () => Promise<boolean>): Promise<void>;
  /** Its worker's doubles do at once what they do, but for replication and a guard's stay, which take as long as they are asked to. */
  startSite(site: SiteName, change?: Partial<SiteDouble>): Promise<void>;
  /** An item that is protected from Paris to Lyon, without the jobs that brought it there. */
  startItem(name: string, over?: Partial<ItemState>): Promise<SkippingItem>;
}

export interface SkippingItem {
  readonly handle: WorkflowHandle;
  state(): Promise<ItemState>;
  /** Its steps that lie in queues, wait for their next attempt, or run: `replicate 2`, the second being the attempt. */
  steps(): Promise<readonly string[]>;
  order(operation: OperationName, more?: Partial<JobInput>): Promise<WorkflowHandle>;
}

/** Longer than any of these stories: its job's end is told by the job, not by the watch over it. */
const watchSeconds = 400 * 86_400;

export async function startSkippingWorld(): Promise<SkippingWorld> {
  quietTemporal();
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: "existing-path", path: timeSkippingExecutable() } },
  });
  const { connection, nativeConnection, namespace = "default" } = environment;
  await ensureSearchAttributes(connection, namespace);
  // Not the environment's own client, which lets time pass whenever somebody waits for a workflow's result.
  const client = new Client({ connection, namespace });
  const workers: { readonly worker: Worker; readonly done: Promise<void> }[] = [];
  const startWorker = async (options: Pick<WorkerOptions, "taskQueue" | "activities" | "workflowBundle">) => {
    const worker = await Worker.create({
      connection: nativeConnection,
      namespace,
      shutdownGraceTime: "0 seconds",
      shutdownForceTime: "1 second",
      ...options,
    });
    workers.push({ worker, done: worker.run() });
  };
  const { codePath } = await workflowBundle();
  await startWorker({
    taskQueue: orchestratorQueue,
    workflowBundle: { codePath },
    activities: withFailures({
      ...createOrchestratorActivities(client, {
        taskQueue: orchestratorQueue,
        configurationId: configurationWorkflowId,
        currentQuery: currentConfiguration.name,
      }),
      awaitRunEnd: async () => takes(watchSeconds),
    }),
  });
  const sites = createTwoSites([paris, lyon], ["app1", "app2", "app3"]);
  const { testService } = connection;
  if (testService === undefined) throw new Error("the environment has no time-skipping server");
  const unlock = () => testService.unlockTimeSkipping({});
  const lock = () => testService.lockTimeSkipping({});

  return {
    client,
    sites,
    nowMs: () => environment.currentTimeMs(),
    async pass(seconds, held = 0) {
      for (let step = 0; step < held; step += 1) await unlock();
      await environment.sleep(seconds * 1_000);
      for (let step = 0; step < held; step += 1) await lock();
    },
    async passUntil(done) {
      await unlock();
      await soon(done);
      await lock();
    },
    async startSite(site, change = {}) {
      const own = withFailures({ ...skippingDoubles, ...change });
      await startWorker({ taskQueue: siteQueue(site), activities: { ...sites.activities(site), ...own } });
    },
    async startItem(name, over = {}) {
      const state = { ...protectedItem(name), ...over };
      await createReplica(sites, state);
      const handle = await client.workflow.start("ProtectedItem", {
        taskQueue: orchestratorQueue,
        workflowId: itemWorkflowId(state.item),
        args: [state],
      });
      return {
        handle,
        state: () => handle.query(itemState),
        async steps() {
          const { pendingActivities } = (await handle.describe()).raw;
          return (pendingActivities ?? []).map(({ activityType, attempt }) => `${activityType?.name} ${attempt}`);
        },
        order: (operation, more = {}) =>
          client.workflow.start(operation, {
            taskQueue: orchestratorQueue,
            workflowId: jobWorkflowId({ item: state.item, operation, suffix: "1" }),
            args: [{ item: state.item, ...more }],
          }),
      };
    },
    async [Symbol.asyncDispose]() {
      for (const { worker } of workers) worker.shutdown();
      try {
        await Promise.all(workers.map(({ done }) => done));
      } finally {
        await environment.teardown();
      }
    },
  };
}

async function createReplica(sites: TwoSites, state: ItemState): Promise<void> {
  const { item, disks, epoch, configuration } = state;
  const { host } = state.sides.secondary;
  const nameOrId = configuration.machine;
  const machine = await sites.activities(paris).findMachine({ host: state.sides.primary.host, nameOrId });
  const replica = targetReplica(state);
  const spec = { replica, item, machine, disks, epoch, sourceSite: paris };
  await sites.activities(lyon).createReplica({ host, spec });
}

/** Waits in real time. */
export async function soon(done: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + 30_000;
  while (!(await done())) {
    if (Date.now() > until) throw new Error("it did not come to that within 30 s");
    await sleep(20);
  }
}
