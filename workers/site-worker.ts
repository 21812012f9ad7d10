import { type NativeConnection, Worker } from "@temporalio/worker";
import { withFailures } from "#activities/failures.ts";
import { createInventoryActivities } from "#activities/inventory.ts";
import { createReplicationActivities } from "#activities/replication.ts";
import { systemClock } from "#activities/replication/clock.ts";
import { shortestBeatMs } from "#activities/replication/heartbeats.ts";
import { createReplicator } from "#activities/replication/replicator.ts";
import { createSourceActivities } from "#activities/source.ts";
import { createTargetActivities } from "#activities/target.ts";
import type { Configuration } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";
import type { SiteName } from "#domain/ids.ts";
import { openPlatform as openAnyPlatform } from "#platforms/registry.ts";
import type { SiteTls } from "#transfer/session.ts";
import { connectReplica } from "#transfer/stream/connect.ts";
import { serveReplicas } from "#transfer/stream/serve.ts";
import { keepIdentity } from "#workers/kept-identity.ts";
import { keepHosts, type OpenPlatform } from "#workers/kept-hosts.ts";
import { replicaOpener } from "#workers/replica-opener.ts";
import { type RunningWorker, runWorker } from "#workers/running-worker.ts";
import { whileSame } from "#workers/same-settings.ts";
import { watchConfiguration } from "#workers/watched-configuration.ts";
import { siteQueue } from "#workflows/names.ts";

export interface SiteWorkerOptions {
  readonly site: SiteName;
  /** The applied configuration, as it is now. Read again and again, so that the worker goes by a changed one within seconds. */
  readonly configuration: () => Promise<Configuration>;
  /** Reads the site's certificate: who it is to other sites. Read again while the worker runs, so that a renewed one is taken up. */
  readonly readTls: () => Promise<SiteTls>;
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** By default every platform there is (`platforms/registry.ts`). */
  readonly openPlatform?: OpenPlatform;
  /** The address to listen on for other sites; by default all of this machine's. The port is the configuration's (`sites.<site>.stream.port`). */
  readonly listenAddress?: string;
  /** How the worker is called in Temporal's UI. */
  readonly identity?: string;
  /** What happens, for the worker's own log; never a secret. */
  readonly log: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
}

/**
 * Runs one site's worker: everything that touches the site's hypervisors, the sending of its machines' blocks, and the receiving for its replicas. It alone holds the
 * site's credentials. Rejects with `CONFIG_INVALID` when the configuration does not have the site. Disposes of what it has opened when it stops; the connection is the caller's.
 */
export async function startSiteWorker(options: SiteWorkerOptions): Promise<RunningWorker> {
  const { site, readTls, connection, namespace, log } = options;
  const called = options.identity ?? `${site}-${process.pid}`;
  await using opened = new AsyncDisposableStack();
  const configuration = opened.use(await watchConfiguration({ read: options.configuration }));
  const configured = configuration.current.sites[site];
  if (configured === undefined) {
    throw new Fault(
      "CONFIG_INVALID",
      `The applied configuration has no site “${site}”. Add it, and apply it with: understudy apply -f FILE.`,
    );
  }

  const hosts = opened.use(
    keepHosts({
      site,
      configuration,
      openPlatform: options.openPlatform ?? openAnyPlatform,
      context: { onWarning: (problem) => log("trouble at a host", { problem: String(problem) }) },
    }),
  );
  configuration.onChanged(() => hosts.heed());
  const { port } = configured.stream;
  const address = options.listenAddress ?? "0.0.0.0";
  const identity = opened.use(await keepIdentity({ site, read: readTls, log }));
  const server = opened.use(
    await serveReplicas({ address, port, tls: identity.current, opener: replicaOpener(hosts) }),
  );
  identity.onRenewed((tls) => server.renew(tls));
  log("receives replicas", { site, address, port: server.port });

  const worker = await Worker.create({
    connection,
    namespace,
    identity: called,
    taskQueue: siteQueue(site),
    activities: withFailures({
      ...createInventoryActivities(hosts.open),
      ...createSourceActivities(hosts.open),
      ...createTargetActivities(hosts.open),
      ...createReplicationActivities(async (host, request, run) => {
        const held = await hosts.hold(host);
        const replicate = createReplicator({
          platform: held.platform,
          connectReplica,
          tls: () => identity.current,
          clock: systemClock,
          log,
        });
        return await whileSame(held, run.signal, (signal) => replicate(request, { ...run, signal }));
      }),
    }),
    // Each protected machine takes one for as long as it replicates.
    maxConcurrentActivityTaskExecutions: 1_000,
    // A cancellation comes with the answer to a heartbeat, and a planned failover waits for one. How often activities really beat is theirs to say.
    maxHeartbeatThrottleInterval: shortestBeatMs,
    // A stopping worker tells its activities at once; a cycle under way ends in order, other steps get this long.
    shutdownGraceTime: 0,
    shutdownForceTime: "20 seconds",
  });
  const resources = opened.move();
  log("takes work", { site, queue: siteQueue(site), identity: called });
  return runWorker(worker, () => resources.disposeAsync());
}
