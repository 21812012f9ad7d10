import type { ReplicateReport } from "#activities/replication/request.ts";
import type { Configuration } from "#domain/configuration.ts";
import { cutId, hostName, type Instant, itemName, siteName } from "#domain/ids.ts";
import { defaultPolicy } from "#domain/policy.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { newItem } from "#workflows/job/enlist.ts";
import type { JobRequest } from "#workflows/messages.ts";

export const app = itemName("app1");
const [paris, lyon] = [siteName("paris"), siteName("lyon")];
const host = (name: string) => ({
  [name]: {
    name: hostName(name),
    kind: "double",
    address: "127.0.0.1",
    port: 22,
    user: "root",
    hostKey: "ssh-ed25519 AAAA",
    store: "/store",
  },
});

/** One item, from Paris to Lyon. */
export const configuration: Configuration = {
  sites: {
    [paris]: { name: paris, stream: { address: "10.0.0.1", port: 9443 }, hosts: host("p1") },
    [lyon]: { name: lyon, stream: { address: "10.0.0.2", port: 9443 }, hosts: host("l1") },
  },
  policies: {
    gold: { ...defaultPolicy, name: "gold", intervalSeconds: 30 },
  },
  networkMappings: [{ from: { site: paris, network: "lan" }, to: { site: lyon, network: "recovery" } }],
  items: {
    [app]: {
      name: app,
      machine: "app1",
      primary: { site: paris, host: hostName("p1") },
      secondary: { site: lyon, host: hostName("l1") },
      policy: "gold",
      excludeDisks: [],
      shutdownGraceSeconds: 60,
    },
  },
};

export const report = (takenAt: string) =>
  ({
    phase: "waiting",
    lastSealed: { cut: cutId("c1"), takenAt: takenAt as Instant, sealedAt: takenAt as Instant },
    lastCycle: { durationMs: 100, bytes: 1_000, wireBytes: 500 },
    cycles: 1,
    bytesSent: 1_000,
    wireBytes: 500,
    disks: [],
    warnings: [],
  }) satisfies ReplicateReport;

/** An item at its beginning, and one that replicates. */
export const fresh = newItem(configuration, app);
export const replicating: ItemState = {
  ...fresh,
  lifecycle: { ...fresh.lifecycle, state: "protected", hasRecoveryPoint: true },
};

export const request = (operation: JobRequest["operation"], jobId = "job-1"): JobRequest => ({
  jobId,
  runId: "run",
  operation,
});
