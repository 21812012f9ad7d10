import type { Connection } from "@temporalio/client";
import { TestWorkflowEnvironment } from "@temporalio/testing";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createUnderstudyClient } from "#client/understudy.ts";
import type { UnderstudyClient } from "#client/understudy-client.ts";
import type { Host, Site } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";
import { diskId, hostName, machineId, type SiteName } from "#domain/ids.ts";
import { away, demoConfiguration, home, item } from "#lab/demo/configuration.ts";
import { addMachine, bootHost } from "#lab/simulated/machines.ts";
import { openSimulated } from "#lab/simulated/open-simulated.ts";
import { openStore } from "#lab/simulated/store.ts";
import { temporalExecutable } from "#lab/temporal/executable.ts";
import { freePort } from "#lab/temporal/free-port.ts";
import { quietTemporal } from "#test/support/quiet-temporal.ts";
import { siteTls } from "#test/support/stream-sites.ts";
import { memoryDir } from "#test/support/temporary-dir.ts";
import { startOrchestratorWorker } from "#workers/orchestrator-worker.ts";
import { startSiteWorker } from "#workers/site-worker.ts";

/** The product's own workers and stream; their hosts are simulated, and let nobody in who expects another key than theirs. */
describe("the settings of a host that change while its machine is replicated", () => {
  const resources = new AsyncDisposableStack();
  let understudy: UnderstudyClient;
  let sites: Readonly<Record<"paris" | "lyon", Site>>;

  beforeAll(async () => {
    quietTemporal();
    const dir = resources.use(memoryDir()).path;
    const environment = await TestWorkflowEnvironment.createLocal({
      server: {
        log: { format: "pretty", level: "error" },
        executable: { type: "existing-path", path: temporalExecutable() },
      },
    });
    resources.defer(() => environment.teardown());
    const { nativeConnection, namespace = "default", client } = environment;
    const orchestrator = await startOrchestratorWorker({
      connection: nativeConnection,
      clientConnection: client.connection as Connection,
      namespace,
    });
    resources.defer(() => orchestrator.stop());
    understudy = createUnderstudyClient(client);
    sites = { paris: await siteOf(home, dir), lyon: await siteOf(away, dir) };
    makeMachine(storeOf(home, dir), storeOf(away, dir));
    await understudy.apply(configurationOf(sites));
    for (const site of [home, away]) {
      const worker = await startSiteWorker({
        site,
        configuration: () => understudy.configuration(),
        readTls: () => siteTls(site),
        connection: nativeConnection,
        namespace,
        openPlatform: async (host) => {
          if (host.hostKey === ownKey) return await openSimulated(host, { site, log: () => undefined });
          throw new Fault("HOST_KEY_MISMATCH", `Host ${host.name} shows another key than the configured one.`);
        },
        listenAddress: "127.0.0.1",
        log: () => undefined,
      });
      resources.defer(() => worker.stop());
    }
    // The job lasts until the machine is protected.
    const job = await understudy.start("EnableProtection", { item });
    for await (const { fault } of understudy.watch(job, AbortSignal.timeout(30_000))) expect(fault).toBeUndefined();
  });
  afterAll(() => resources.disposeAsync());

  it.each(["paris", "lyon"] as const)(
    "are gone by within seconds: a wrong key of the one at %s stops it, and the right one mends it",
    async (site) => {
      const before = (await understudy.item(item)).lastSealed?.takenAt ?? "";
      await expect.poll(async () => (await understudy.item(item)).lastSealed?.takenAt, within(10)).not.toBe(before);

      await understudy.apply(configurationOf({ ...sites, [site]: withKey(sites[site], "another") }));
      await expect
        .poll(async () => (await understudy.item(item)).health[0], within(12))
        .toMatchObject({
          code: "HOST_KEY_MISMATCH",
          message: `Host ${site}1 shows another key than the configured one.`,
        });
      const stopped = (await understudy.item(item)).lastSealed;

      await understudy.apply(configurationOf(sites));
      await expect.poll(async () => (await understudy.item(item)).health, within(20)).toEqual([]);
      await expect.poll(async () => (await understudy.item(item)).lastSealed, within(10)).not.toEqual(stopped);
    },
  );
});

const ownKey = "its own";
const within = (seconds: number) => ({ timeout: seconds * 1_000, interval: 100 });
const storeOf = (site: SiteName, dir: string): string => path.join(dir, site);

async function siteOf(name: SiteName, dir: string): Promise<Site> {
  const host: Host = {
    name: hostName(`${name}1`),
    kind: "simulated",
    address: "127.0.0.1",
    port: 22,
    user: "nobody",
    hostKey: ownKey,
    store: storeOf(name, dir),
  };
  return { name, stream: { address: "127.0.0.1", port: await freePort() }, hosts: { [host.name]: host } };
}

const withKey = (site: Site, hostKey: string): Site => ({
  ...site,
  hosts: Object.fromEntries(Object.entries(site.hosts).map(([name, host]) => [name, { ...host, hostKey }])),
});

const configurationOf = (sites: Readonly<Record<"paris" | "lyon", Site>>) =>
  demoConfiguration({ machineName: "app1", sites, shutdownGraceSeconds: 10 });

function makeMachine(homeStore: string, awayStore: string): void {
  openStore(awayStore)[Symbol.dispose]();
  using store = openStore(homeStore);
  addMachine(store, {
    id: machineId("7d0f5ed0-5eed-4000-8000-000000000001"),
    name: "app1",
    disks: [{ id: diskId("vda"), sizeBytes: 1024 * 1024 }],
    guest: { program: "writer", writesPerSecond: 50 },
  });
  bootHost(store);
}
