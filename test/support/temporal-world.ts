import { TestWorkflowEnvironment } from "@temporalio/testing";
import { Worker } from "@temporalio/worker";
import { setTimeout as sleep } from "node:timers/promises";
import { createUnderstudyClient } from "#client/understudy.ts";
import type { UnderstudyClient } from "#client/understudy-client.ts";
import type { Connection } from "@temporalio/client";
import type { Configuration, ItemConfiguration } from "#domain/configuration.ts";
import { hostName, itemName, type ItemName, siteName } from "#domain/ids.ts";
import type { ItemView } from "#domain/item-view.ts";
import type { JobInput, JobView } from "#domain/job.ts";
import type { OperationName } from "#domain/operations.ts";
import { defaultPolicy } from "#domain/policy.ts";
import { temporalExecutable } from "#lab/temporal/executable.ts";
import { queueRates } from "#lab/temporal/queue-rates.ts";
import { quietTemporal } from "#test/support/quiet-temporal.ts";
import { startOrchestratorWorker } from "#workers/orchestrator-worker.ts";
import { runWorker, type RunningWorker } from "#workers/running-worker.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { itemState } from "#workflows/messages.ts";
import { itemWorkflowId, siteQueue } from "#workflows/names.ts";
import { createTwoSites } from "#test/support/sites.ts";
import type { TwoSites } from "#test/support/two-sites.ts";

export const [paris, lyon] = [siteName("paris"), siteName("lyon")] as const;

/** A real Temporal server, the real workflows, orchestrator and client, and two sites that are doubles. Items `app1` … `app9` are configured. */
export interface World extends AsyncDisposable {
  readonly environment: TestWorkflowEnvironment;
  readonly understudy: UnderstudyClient;
  readonly sites: TwoSites;
  startSite(site: string): Promise<void>;
  /** Its activities are answered by nobody from here on. */
  stopSite(site: string): Promise<void>;
  of(name: string): ItemStory;
}

/** One item of it, so that tests do not get in each other's way. */
export interface ItemStory {
  readonly name: ItemName;
  start(operation: OperationName, more?: Partial<JobInput>): Promise<string>;
  /** Starts the operation and answers how it ended. */
  run(operation: OperationName, more?: Partial<JobInput>): Promise<JobView>;
  ended(job: string): Promise<JobView>;
  /** The item, once `holds` holds of it. */
  item(holds?: (item: ItemView) => boolean): Promise<ItemView>;
  state(): Promise<ItemState>;
  /** Protects it, its finalization included, and fails when that fails. */
  protect(): Promise<void>;
}

export async function startWorld(options: { readonly serverArgs?: readonly string[] } = {}): Promise<World> {
  quietTemporal();
  const environment = await TestWorkflowEnvironment.createLocal({
    server: {
      log: { format: "pretty", level: "error" },
      executable: { type: "existing-path", path: temporalExecutable() },
      extraArgs: [...queueRates, ...(options.serverArgs ?? [])],
    },
  });
  const { nativeConnection, namespace = "default" } = environment;
  const { client } = environment;
  const orchestrator = await startOrchestratorWorker({
    connection: nativeConnection,
    clientConnection: client.connection as Connection,
    namespace,
  });
  const sites = createTwoSites([paris, lyon], itemNames);
  const workers = new Map<string, RunningWorker>();
  const understudy = createUnderstudyClient(client);

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
        shutdownGraceTime: "0 seconds",
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
    of: (name) => itemStory(understudy, itemName(name), environment),
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

function itemStory(understudy: UnderstudyClient, name: ItemName, environment: TestWorkflowEnvironment): ItemStory {
  const story: ItemStory = {
    name,
    start: (operation, more = {}) => understudy.start(operation, { item: name, ...more }),
    run: async (operation, more = {}) => await story.ended(await story.start(operation, more)),
    async ended(job) {
      let last: JobView | undefined;
      for await (const view of understudy.watch(job, AbortSignal.timeout(50_000))) last = view;
      if (last === undefined) throw new Error(`job ${job} said nothing`);
      return last;
    },
    async item(holds = () => true) {
      const until = Date.now() + 30_000;
      for (;;) {
        const view = await understudy.item(name);
        if (holds(view)) return view;
        if (Date.now() > until) throw new Error(`the item did not come to that: ${JSON.stringify(view)}`);
        await sleep(50);
      }
    },
    state: () => environment.client.workflow.getHandle(itemWorkflowId(name)).query(itemState),
    async protect() {
      const { state, fault } = await story.run("EnableProtection");
      if (state !== "Succeeded") throw new Error(`${name} could not be protected: ${fault?.message ?? state}`);
      while ((await story.state()).finalizing) await sleep(20);
    },
  };
  return story;
}

const itemNames = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((number) => `app${number}`);

/** Items from Paris to Lyon. */
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
  return {
    sites: { [paris]: site(paris, 9443), [lyon]: site(lyon, 9444) },
    policies: {
      continuous: {
        ...defaultPolicy,
        name: "continuous",
        intervalSeconds: 0,
        ...change,
      },
    },
    networkMappings: [{ from: { site: paris, network: "production" }, to: { site: lyon, network: "recovery" } }],
    items: Object.fromEntries(
      itemNames.map(itemName).map((name): [string, ItemConfiguration] => [
        name,
        {
          name,
          machine: name,
          primary: { site: paris, host: hostName("paris-1") },
          secondary: { site: lyon, host: hostName("lyon-1") },
          policy: "continuous",
          excludeDisks: [],
          shutdownGraceSeconds: 60,
        },
      ]),
    ),
  };
}
