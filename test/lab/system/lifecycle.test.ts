import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CutId } from "#domain/ids.ts";
import type { JobView } from "#domain/job.ts";
import { measureLoss, newestAck } from "#lab/oracle/acks.ts";
import type { LabHost } from "#lab/hosts/host.ts";
import { meterLine } from "./line-meter.ts";
import { comparePoint, judgePoint } from "./replica-images.ts";
import { writesOn } from "./serving.ts";
import { lyon, mebibyte, paris, startWorld, type World } from "./world.ts";
import { labId } from "../lab-id.ts";

const copyBytes = 96 * mebibyte;
let world: World;
beforeAll(async () => {
  world = await startWorld({
    id: labId("slc"),
    machine: {
      disks: [{ sizeBytes: 512 * mebibyte, blobBytes: copyBytes }],
      settings: { intervalMs: 50, rateKibPerSecond: 64, blockKib: 64 },
    },
  });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

const pointOf = ({ result }: JobView): CutId => {
  if (result?.point === undefined) throw new Error("the job names no point");
  return result.point;
};

/** Moves the machine, and proves that nothing was lost on the way: by the oracle, and by the images. */
const move = async (operation: "PlannedFailover" | "Failback", from: LabHost, to: LabHost): Promise<void> => {
  const target = world.guest(operation === "Failback" ? paris : lyon);
  const mark = await target.consoleMark();
  const point = pointOf(await world.run(operation));
  expect(await world.item()).toMatchObject({ state: "commit-pending" });
  await target.waitReady(mark);
  const verdict = await judgePoint(to, point);
  expect(verdict).toMatchObject({ ok: true, problems: [] });
  expect(measureLoss(await newestAck(from, "app1"), verdict)).toEqual({ records: 0, milliseconds: 0 });
  expect(await comparePoint({ host: to, point, source: from, machine: "app1" })).toEqual({ vda: { same: true } });
  await world.run("Commit");
  expect(await world.item()).toMatchObject({ state: "failed-over-protected" });
};

/** Turns replication round, in the way that the job must say; answers the bytes that left `site` until the machine was protected. */
const reverse = async (site: "paris" | "lyon", way: "known to have changed" | "compared"): Promise<number> => {
  const line = await meterLine(world.lab.site(site));
  const { tasks } = await world.run("ReverseReplicate");
  await world.until("reverse replication is done", ({ state }) => state === "protected");
  const sent = await line.read();
  expect(tasks.at(-1)).toMatchObject({ name: "Synchronize changes", detail: expect.stringContaining(way) });
  await world.fresh();
  return sent;
};

describe("a machine's whole life on two hosts", () => {
  it("is tested, moved, brought home, lost and recovered; nothing more is lost, and nothing more is sent, than must be", async () => {
    const [atParis, atLyon] = [world.host(paris), world.host(lyon)];
    const { item } = await world.item();
    await world.run("EnableProtection");
    await world.until("protected", ({ state }) => state === "protected");

    // A rehearsal, while replication goes on.
    const tested = await world.run("TestFailover", { point: { kind: "latest-processed" } });
    expect(tested.result?.machineName).toBe("app1-Test");
    await world.guest(lyon).waitReady(0);
    expect((await atLyon.run("virsh -q list --name")).stdout.trim()).toBe("app1-Test");
    expect(await world.fresh()).toMatchObject({ testFailover: "waiting-for-cleanup" });
    await world.run("TestFailoverCleanup");
    expect((await atLyon.run("virsh -q list --all --name")).stdout.trim()).toBe("");
    expect(await world.item()).toMatchObject({ state: "protected", testFailover: "none" });

    // There and back by plan.
    await move("PlannedFailover", atParis, atLyon);
    expect(await reverse("lyon", "known to have changed")).toBeLessThan(copyBytes / 2);
    await move("Failback", atLyon, atParis);
    expect(await reverse("paris", "known to have changed")).toBeLessThan(copyBytes / 2);

    // The site is lost. First an older point, then, before the commit, the newest.
    await world.fresh();
    const points = await world.client.points(item);
    const older = points.filter(({ kept }) => kept).at(-2) ?? points[0];
    if (older === undefined) throw new Error("there is no point");
    const olderVerdict = await judgePoint(atLyon, older.id);
    expect(olderVerdict).toMatchObject({ ok: true });
    await world.lab.site("paris").crash();
    let mark = await world.guest(lyon).consoleMark();
    const recovered = await world.run("UnplannedFailover", { point: { kind: "custom", pointId: older.id } });
    expect(pointOf(recovered)).toBe(older.id);
    await world.guest(lyon).waitReady(mark);
    expect(await writesOn(world.guest(lyon))).toBeGreaterThan(olderVerdict.head);
    mark = await world.guest(lyon).consoleMark();
    const newest = pointOf(await world.run("ChangePit", { point: { kind: "latest" } }));
    expect(newest).not.toBe(older.id);
    await world.guest(lyon).waitReady(mark);
    const verdict = await judgePoint(atLyon, newest);
    expect(verdict).toMatchObject({ ok: true });
    expect(verdict.head).toBeGreaterThan(olderVerdict.head);
    const loss = measureLoss(await newestAck(atParis, "app1"), verdict);
    expect(loss.milliseconds).toBeLessThan(60_000);
    await world.run("Commit");
    const after = await world.item();
    expect(after).toMatchObject({ state: "failed-over", activeSite: lyon });
    expect(after.allowedOperations).toContain("ReverseReplicate");
    expect(after.allowedOperations).not.toContain("PlannedFailover");
    await expect(world.start("PlannedFailover")).rejects.toMatchObject({ code: "OPERATION_NOT_ALLOWED" });

    // The site is back, and somebody starts the old primary before its worker runs again: what it wrote is found by checksums, and undone.
    await atParis.start();
    const acknowledged = async () => (await newestAck(atParis, "app1"))?.seq ?? 0;
    const before = await acknowledged();
    await atParis.run("virsh -q start app1");
    await expect.poll(acknowledged, { timeout: 60_000 }).toBeGreaterThan(before + 10);
    await world.workers.paris.start();
    await expect.poll(() => world.guest(paris).state(), { timeout: 60_000 }).toBe("shut off");
    const sent = await reverse("lyon", "compared");
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(copyBytes / 2);
    await move("Failback", atLyon, atParis);
  });
});
