import { ApplicationFailure, Context } from "@temporalio/activity";
import type { ReplicateReport } from "#activities/replication/request.ts";
import type { RecoveryPoint } from "#domain/cut.ts";
import { cutId, instant, itemName } from "#domain/ids.ts";
import type { SiteDouble } from "#test/support/two-sites.ts";

/** Within an activity of a double: what it does takes that much virtual time. Its first attempt is given up until then, so that nobody works meanwhile. */
export function takes(seconds: number): void {
  if (seconds === 0 || Context.current().info.attempt > 1) return;
  throw ApplicationFailure.create({ type: "TakesItsTime", nextRetryDelay: `${seconds} seconds` });
}

/** What one cycle of replication reports. */
export const oneCycle = (): ReplicateReport => {
  const at = instant(Date.now());
  return {
    phase: "waiting",
    lastSealed: { cut: cutId("cut-1"), takenAt: at, sealedAt: at },
    lastCycle: { durationMs: 1, bytes: 1_000, wireBytes: 1_000 },
    cycles: 1,
    bytesSent: 1_000,
    wireBytes: 1_000,
    disks: [],
    warnings: [],
  };
};

const onePoint = (): RecoveryPoint => {
  const at = instant(Date.now());
  return {
    id: cutId("cut-1"),
    item: itemName("app1"),
    epoch: 1,
    takenAt: at,
    sealedAt: at,
    consistency: "crash-consistent",
    disks: [],
    definition: "",
    kept: true,
    deltaBytes: 1_000,
  };
};

/** Activities that stay for as long as they are asked to, in virtual time; and a replica that always has a point. */
export const skippingDoubles: Pick<SiteDouble, "replicate" | "guardMachine" | "listPoints"> = {
  async replicate({ request }) {
    takes(request.returnAfterSeconds);
    return oneCycle();
  },
  async guardMachine({ forSeconds }) {
    takes(forSeconds);
    return { wasRunning: false };
  },
  async listPoints() {
    return [onePoint()];
  },
};
