import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CutId, SiteName } from "#domain/ids.ts";
import type { JobView } from "#domain/job.ts";
import { killLibvirtd, startLibvirtd } from "#lab/faults/services.ts";
import { measureLoss, newestAck } from "#lab/oracle/acks.ts";
import { meterLine } from "./line-meter.ts";
import { comparePoint, judgePoint } from "./replica-images.ts";
import { writesOn } from "./serving.ts";
import { runStruck, untilBegun } from "./struck-jobs.ts";
import { lyon, mebibyte, paris, startWorld, type World } from "./world.ts";
import { labId } from "../lab-id.ts";

const copyBytes = 32 * mebibyte;
let world: World;
beforeAll(async () => {
  world = await startWorld({
    id: labId("ssj"),
    // No point but the first is kept: each lives until the next delta is merged into it.
    policy: { crashConsistentEverySeconds: 3_600 },
    machine: {
      disks: [{ sizeBytes: 256 * mebibyte, blobBytes: copyBytes }],
      settings: { intervalMs: 50, rateKibPerSecond: 64, blockKib: 64 },
    },
  });
  await world.run("EnableProtection");
  await world.fresh();
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

const pointOf = ({ result }: JobView): CutId => {
  if (result?.point === undefined) throw new Error("the job names no point");
  return result.point;
};

const running = async (site: SiteName): Promise<string> =>
  (await world.host(site).run("virsh -q list --name")).stdout.trim();

/** It serves there, and there only. */
const runsOnlyAt = async (site: SiteName): Promise<void> => {
  expect([await running(paris), await running(lyon)]).toEqual(site === paris ? ["app1", ""] : ["", "app1"]);
  await writesOn(world.guest(site));
};

/** By the oracle, and by the images. */
const lostNothing = async (from: SiteName, to: SiteName, point: CutId): Promise<void> => {
  const [source, host] = [world.host(from), world.host(to)];
  const verdict = await judgePoint(host, point);
  expect(verdict).toMatchObject({ ok: true, problems: [] });
  expect(measureLoss(await newestAck(source, "app1"), verdict)).toEqual({ records: 0, milliseconds: 0 });
  expect(await comparePoint({ host, point, source, machine: "app1" })).toEqual({ vda: { same: true } });
};

describe("a job in whose tasks something is killed", () => {
  it("boots its test machine from the point it began with, however far replication has gone meanwhile", async () => {
    const tested = await runStruck(world, "TestFailover", {
      strikes: { "Creating test virtual machine": "libvirtd at lyon" },
    });
    expect(tested.state).toBe("Succeeded");
    await world.guest(lyon).waitReady(0);
    expect(await running(lyon)).toBe("app1-Test");
    await world.run("TestFailoverCleanup");
    await world.fresh();
    await runsOnlyAt(paris);
  });

  it("takes the newest point there is then, when the one it had chosen is gone before libvirtd is back", async () => {
    await killLibvirtd(world.host(lyon));
    const job = await world.start("TestFailover", { point: { kind: "latest" } });
    await untilBegun(world, job, "Creating test virtual machine");
    const { lastSealed } = await world.fresh();
    await startLibvirtd(world.host(lyon));
    const tested = await world.ended(job);
    expect(tested.state).toBe("Succeeded");
    const [first = "", , creating = ""] = tested.tasks.map(({ detail }) => detail);
    expect(first).toContain("point ");
    expect(first).not.toContain(pointOf(tested));
    expect(creating).toContain(`point ${pointOf(tested)}`);
    expect(creating).toContain("has taken the place of the one chosen first");
    expect((tested.result?.pointTakenAt ?? "") >= (lastSealed?.takenAt ?? "?")).toBe(true);
    expect(await judgePoint(world.host(lyon), pointOf(tested))).toMatchObject({ ok: true, problems: [] });
    await world.run("TestFailoverCleanup");
  });

  it("moves the machine without loss: libvirtd at the source, the target's worker and libvirtd at the target died", async () => {
    const moved = await runStruck(world, "PlannedFailover", {
      strikes: {
        "Shut down the virtual machine": "libvirtd at paris",
        "Preparing for failover": "worker of lyon",
        "Start the replica virtual machine": "libvirtd at lyon",
      },
    });
    expect(moved.state).toBe("Succeeded");
    await runsOnlyAt(lyon);
    await lostNothing(paris, lyon, pointOf(moved));
    await world.run("Commit");
  });

  it("turns replication round by comparing, where the old primary has run while its site's worker was away", async () => {
    await world.workers.paris.kill();
    const acknowledged = async () => (await newestAck(world.host(paris), "app1"))?.seq ?? 0;
    const before = await acknowledged();
    await world.host(paris).run("virsh -q start app1");
    await expect.poll(acknowledged, { timeout: 60_000 }).toBeGreaterThan(before + 10);
    await world.guest(paris).destroy();
    await world.workers.paris.start();

    const line = await meterLine(world.lab.site("lyon"));
    const { state, tasks, result } = await runStruck(world, "ReverseReplicate", {
      strikes: {
        "Prepare the previous primary as the replica": "libvirtd at paris",
        "Synchronize changes": "libvirtd at lyon",
      },
    });
    expect(state).toBe("CompletedWithInformation");
    expect(result?.information?.join()).toContain("found by checksums");
    expect(tasks.at(-1)).toMatchObject({ name: "Synchronize changes", detail: expect.stringContaining("compared") });
    expect(await line.read()).toBeLessThan(copyBytes / 2);
    await runsOnlyAt(lyon);
    await world.fresh();
  });

  it("brings it home without loss, and without what the old primary wrote: Temporal and the target's worker died", async () => {
    const moved = await runStruck(world, "Failback", {
      strikes: {
        "Shut down the virtual machine": "Temporal",
        "Start the virtual machine at the primary site": "worker of paris",
      },
    });
    expect(moved.state).toBe("Succeeded");
    await runsOnlyAt(paris);
    await lostNothing(lyon, paris, pointOf(moved));
    await world.run("Commit");
    await world.run("ReverseReplicate");
    await world.fresh();
  });

  it("is taken back when the target's worker stays away: the machine runs where it was and is protected, and the job says why", async () => {
    const failed = await runStruck(world, "PlannedFailover", {
      strikes: {
        "Start the replica virtual machine": {
          kill: "worker of lyon",
          until: "Undo: take the failover back at the target",
        },
      },
    });
    expect(failed).toMatchObject({ state: "Failed", fault: { code: "WORKER_UNAVAILABLE" } });
    expect(failed.fault?.message).toContain("of site lyon");
    expect(await world.item()).toMatchObject({ state: "protected", activeSite: paris });
    await runsOnlyAt(paris);
    await world.fresh();
  });

  it("recovers the machine of a lost site: Temporal and libvirtd at the target died", async () => {
    await world.lab.site("paris").crash();
    const mark = await world.guest(lyon).consoleMark();
    const recovered = await runStruck(world, "UnplannedFailover", {
      point: { kind: "latest" },
      strikes: {
        "Preparing for failover": "Temporal",
        "Start the replica virtual machine": "libvirtd at lyon",
      },
    });
    expect(recovered.state).toBe("Succeeded");
    expect(await judgePoint(world.host(lyon), pointOf(recovered))).toMatchObject({ ok: true, problems: [] });
    expect(await running(lyon)).toBe("app1");
    await world.guest(lyon).waitReady(mark);
    await writesOn(world.guest(lyon));
    await world.run("Commit");
  });
});
