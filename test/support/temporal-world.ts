import { TestWorkflowEnvironment } from "@temporalio/testing";
import { DefaultLogger, Runtime, Worker } from "@temporalio/worker";
import { setTimeout as sleep } from "node:timers/promises";
import { createUnderstudyClient } from "#client/understudy.ts";
import type { UnderstudyClient } from "#client/understudy-client.ts";
import type { Configuration } from "#domain/configuration.ts";
import { hostName, itemName, type ItemName, siteName } from "#domain/ids.ts";
import type { ItemView } from "#domain/item-view.ts";
import type { JobInput, JobView } from "#domain/job.ts";
import type { OperationName } from "#domain/operations.ts";
import { temporalExecutable } from "#lab/temporal/executable.ts";
import { queueRates } from "#lab/temporal/queue-rates.ts";
import { startOrchestratorWorker } from "#workers/orchestrator-worker.ts";
import { runWorker, type RunningWorker } from "#workers/running-worker.ts";
import { siteQueue } from "#workflows/names.ts";
import { createTwoSites, type TwoSites } from "#test/support/sites.ts";

export const app1 = itemName("app1");
export const [paris, lyon] = [siteName("paris"), siteName("lyon")] as const;

/** A real Temporal server, the real workflows, orchestrator and client, and two sites that are doubles. */
export interface World extends AsyncDisposable {
  readonly environment: TestWorkflowEnvironment;
  readonly understudy: UnderstudyClient;
  readonly sites: TwoSites;
  startSite(site: string): Promise<void>;
  /** Its activities are answered by nobody from here on. */
  stopSite(site: string): Promise<void>;
  /** Starts the operation and answers how it ended. */
  run(operation: OperationName, more?: Partial<JobInput>): Promise<JobView>;
  ended(job: string): Promise<JobView>;
  /** The item, once `holds` holds of it. */
  item(holds?: (item: ItemView) => boolean): Promise<ItemView>;
}

export async function startWorld(options: { readonly serverArgs?: readonly string[] } = {}): Promise<World> {
  Runtime.install({ logger: new DefaultLogger("ERROR") });
  const environment = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: "existing-path", path: temporalExecutable() },
      extraArgs: [...queueRates, ...(options.serverArgs ?? [])],
    },
  });
  const { connection, nativeConnection, namespace = "default" } = environment;
  const orchestrator = await startOrchestratorWorker({
    connection: nativeConnection,
    clientConnection: connection as never,
    namespace,
  });
  const sites = createTwoSites([paris, lyon]);
  const workers = new Map<string, RunningWorker>();
  const understudy = createUnderstudyClient(environment.client as never);

  const world: World = {
    environment,
    understudy,
    sites,
    async startSite(site) {
      const worker = await Worker.create({
        connection: nativeConnection,
        namespace,
        taskQueue: siteQueue(siteName(site)),
        activities: sites.activities(site),
        maxHeartbeatThrottleInterval: "200 milliseconds",
        shutdownGraceTime: "100 milliseconds",
        shutdownForceTime: "1 second",
      });
      workers.set(
        site,
        runWorker(worker, async () => undefined),
      );
    },
    async stopSite(site) {
      await workers.get(site)?.stop();
      workers.delete(site);
    },
    async run(operation, more = {}) {
      return await world.ended(await understudy.start(operation, { item: app1, ...more }));
    },
    async ended(job) {
      let last: JobView | undefined;
      for await (const view of understudy.watch(job, AbortSignal.timeout(50_000))) last = view;
      if (last === undefined) throw new Error(`job ${job} said nothing`);
      return last;
    },
    async item(holds = () => true) {
      const until = Date.now() + 30_000;
      for (;;) {
        const view = await understudy.item(app1);
        if (holds(view)) return view;
        if (Date.now() > until) throw new Error(`the item did not come to that: ${JSON.stringify(view)}`);
        await sleep(50);
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...workers.keys()].map((site) => world.stopSite(site)));
      await orchestrator.stop();
      await environment.teardown();
    },
  };
  for (const site of [paris, lyon]) await world.startSite(site);
  await understudy.apply(twoSiteConfiguration());
  return world;
}

/** One item, from Paris to Lyon. */
export function twoSiteConfiguration(change: Partial<Configuration["policies"][string]> = {}): Configuration {
  const site = (name: ReturnType<typeof siteName>, port: number) => ({
    name,
    stream: { address: "127.0.0.1", port },
    hosts: {
      [`${name}-1`]: {
        name: hostName(`${name}-1`),
        kind: "double",
        address: "127.0.0.1",
        port: 22,
        user: "root",
        hostKey: "ssh-ed25519 AAAA",
        store: "/store",
      },
    },
  });
  const item: ItemName = app1;
  return {
    sites: { [paris]: site(paris, 9443), [lyon]: site(lyon, 9444) },
    policies: {
      continuous: {
        name: "continuous",
        intervalSeconds: 0,
        crashConsistentEverySeconds: 300,
        appConsistentEverySeconds: 0,
        retentionSeconds: 86_400,
        rpoThresholdSeconds: 3_600,
        bandwidthWindows: [],
        timeZone: "UTC",
        scratchPercent: 10,
        compression: "adaptive",
        ...change,
      },
    },
    networkMappings: [{ from: { site: paris, network: "production" }, to: { site: lyon, network: "recovery" } }],
    items: {
      [item]: {
        name: item,
        machine: "app1",
        primary: { site: paris, host: hostName("paris-1") },
        secondary: { site: lyon, host: hostName("lyon-1") },
        policy: "continuous",
        excludeDisks: [],
        shutdownGraceSeconds: 60,
      },
    },
  };
}
