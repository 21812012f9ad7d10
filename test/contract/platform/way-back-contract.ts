import { expect, test } from "vitest";
import { cutId, machineId, replicaId } from "#domain/ids.ts";
import { readAll } from "#test/support/read-all.ts";
import { receive } from "#test/support/send.ts";
import { app1, block, fixtureOf, never, op, pattern, replica } from "./fixture.ts";
import type { OpenHarness, PlatformHarness } from "./harness.ts";

/** What the two roles together must do so that a machine can come home. */
export function wayBackContract(openHarness: OpenHarness): void {
  test("after a planned failover changes are on record from the first write on", async () => {
    await using harness = await openHarness();
    const { first, tracked, blocksOf } = await failedOver(harness);
    await harness.write("target", first, { offset: 5 * block, data: pattern("at the target") });
    const { source } = harness.back;
    const request = { tracked, cut: cutId("r1"), consistency: "crash-consistent", scratchPercent: 50 } as const;
    expect((await source.cut(request, op)).trackedSince[first]).toContain("c2");
    await using disk = await source.openDisk({ tracked, cut: request.cut, disk: first, since: cutId("c2") }, op);
    const delta = await readAll(disk);
    expect(blocksOf(delta.extents)).toContain(5);
    expect(Buffer.from(delta.bytes.subarray(5 * block, 6 * block)).equals(pattern("at the target"))).toBe(true);
    await source.stopTracking(tracked, op);
  });

  test("the old primary's disks become a replica that takes the delta and equals the new primary", async () => {
    await using harness = await openHarness();
    const { first, tracked, spec, sourceDisk } = await failedOver(harness);
    const home = replicaId("app1-at-home");
    const adopt = { machine: harness.machine.id, content: cutId("c2") };
    await harness.back.target.createReplica(
      spec({ replica: home, epoch: 2, sourceSite: harness.targetSite, adopt }),
      op,
    );
    await harness.write("target", first, { offset: 5 * block, data: pattern("at the target") });
    const { source, target } = harness.back;
    const request = { tracked, cut: cutId("r1"), consistency: "crash-consistent", scratchPercent: 50 } as const;
    const { description } = await source.cut(request, op);
    await using opened = await target.open({ replica: home, epoch: 2, peerSite: harness.targetSite }, never);
    expect((await opened.state(never)).lastCut).toBe("c2");
    await receive({ source, tracked, replica: opened, cut: description, since: cutId("c2") });
    const point = await opened.seal({ cut: description, keep: true, retentionSeconds: 86_400 }, never);
    await source.release({ tracked, keep: [description.id] }, op);
    await source.shutDown({ machine: tracked.machine, graceSeconds: 1, force: true }, op);
    const expected = await harness.readDisk("target", tracked.machine, first);
    const { failover } = fixtureOf(harness);
    const back = failover("f2", point, { replica: home, kind: "planned", isolated: false, epoch: 3, networks: {} });
    const started = await target.failOver({ ...back, machineName: harness.machine.name }, op);
    expect(started.machine).toBe(harness.machine.id);
    expect((await sourceDisk(first)).equals(expected)).toBe(true);
  });

  test("a machine whose content nobody can vouch for is adopted without a last cut", async () => {
    await using harness = await openHarness();
    const { spec } = await failedOver(harness);
    const home = replicaId("app1-at-home");
    const adopted = spec({
      replica: home,
      epoch: 2,
      sourceSite: harness.targetSite,
      adopt: { machine: harness.machine.id },
    });
    await harness.back.target.createReplica(adopted, op);
    await using opened = await harness.back.target.open(
      { replica: home, epoch: 2, peerSite: harness.targetSite },
      never,
    );
    expect((await opened.state(never)).lastCut).toBeUndefined();
    expect(await harness.back.target.points(home, op)).toEqual([]);
  });

  test("an old primary that is gone is told as that, and a replica can be made without it", async () => {
    await using harness = await openHarness();
    const { spec } = await failedOver(harness);
    const gone = machineId("7d0f5ed0-5eed-4000-8000-00000000beef");
    const notFound = { code: "MACHINE_NOT_FOUND" };
    await expect(harness.source.fence({ item: app1, machine: gone, epoch: 2 }, op)).rejects.toMatchObject(notFound);
    const empty = spec({ replica: replicaId("app1-at-home"), epoch: 2, sourceSite: harness.targetSite });
    const { target } = harness.back;
    for (const _order of ["first", "given again"]) {
      await expect(target.createReplica({ ...empty, adopt: { machine: gone } }, op)).rejects.toMatchObject(notFound);
      await target.createReplica(empty, op);
    }
    expect(await target.points(empty.replica, op)).toEqual([]);
  });

  test("an old primary that was started, has written and was turned off again is adopted without a last cut", async () => {
    await using harness = await openHarness();
    const { spec, second } = await failedOver(harness);
    await harness.source.powerOn(harness.machine.id, op);
    await harness.write("source", second, { offset: 3 * block, data: pattern("by hand") });
    await harness.source.fence({ item: app1, machine: harness.machine.id, epoch: 2 }, op);
    const home = replicaId("app1-at-home");
    const adopt = { machine: harness.machine.id, content: cutId("c2") };
    await harness.back.target.createReplica(
      spec({ replica: home, epoch: 2, sourceSite: harness.targetSite, adopt }),
      op,
    );
    await using opened = await harness.back.target.open(
      { replica: home, epoch: 2, peerSite: harness.targetSite },
      never,
    );
    expect((await opened.state(never)).lastCut).toBeUndefined();
  });
}

/** A planned failover, committed, and the machine at the target as the new source. */
async function failedOver(harness: PlatformHarness) {
  const fixture = fixtureOf(harness);
  await harness.target.createReplica(fixture.spec(), op);
  await fixture.write(fixture.first, 1, "a");
  await fixture.cycle("c1");
  await fixture.write(fixture.first, 2, "b");
  await harness.source.shutDown({ machine: harness.machine.id, graceSeconds: 1, force: true }, op);
  const point = await fixture.cycle("c2");
  const real = { kind: "planned", isolated: false, machineName: harness.machine.name, epoch: 2 } as const;
  const request = fixture.failover("f1", point, real);
  const started = await harness.target.failOver(request, op);
  await harness.target.commit({ replica, failover: request.failover }, op);
  const disks = harness.machine.disks.map(({ id }) => id);
  return { ...fixture, tracked: { item: app1, machine: started.machine, disks, epoch: 2 } };
}
