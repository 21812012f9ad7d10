import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkImages } from "#lab/oracle/check-image.ts";
import { compareImages } from "#lab/oracle/compare.ts";
import type { LabGuest } from "#lab/guest/guest.ts";
import type { CutId } from "#domain/ids.ts";
import type { TrackedMachine } from "#platforms/platform.ts";
import {
  copyDisk,
  cutOf,
  disk,
  imageFolder,
  leftovers,
  newCut,
  operation,
  raw,
  startGuest,
  startSourceHost,
  type SourceHost,
} from "./libvirt-source-fixture.ts";
import { labId } from "./lab-id.ts";

let at: SourceHost;
let solo: { readonly guest: LabGuest; readonly tracked: TrackedMachine };
let duo: { readonly guest: LabGuest; readonly tracked: TrackedMachine };

beforeAll(async () => {
  at = await startSourceHost(labId("srcc"));
  [solo, duo] = await Promise.all([
    startGuest(at, { name: "solo", address: 101, settings: { rateKibPerSecond: 64, intervalMs: 10 } }),
    startGuest(at, {
      name: "duo",
      address: 102,
      disks: [{}, { sizeBytes: 256 * 1024 * 1024 }],
      settings: { intervalMs: 5 },
    }),
  ]);
}, 120_000);
afterAll(async () => {
  await at?.[Symbol.asyncDispose]();
});

describe("a running machine's cut", () => {
  it("is one instant of the guest, and deltas under load lead from one to the next exactly", async () => {
    await using images = await imageFolder(at);
    const { tracked } = solo;
    const replica = images.file("replica");
    let since: CutId | undefined;
    for (let round = 0; round < 4; round += 1) {
      const { description, trackedSince } = await cutOf(at.source, tracked);
      const cut = description.id;
      const all = { tracked, cut, disk: disk(tracked) };
      const whole = images.file(`whole-${round}`);
      const fullBytes = await copyDisk(at.source, { ...all, file: whole });
      const sent = await copyDisk(at.source, { ...all, file: replica, ...(since !== undefined && { since }) });
      expect(trackedSince[disk(tracked)]).toEqual(since === undefined ? [] : [since]);
      if (since !== undefined) expect(sent).toBeLessThan(fullBytes);
      await at.source.release({ tracked, keep: [cut] }, operation());
      expect(await compareImages(raw(replica), raw(whole))).toEqual({ same: true });
      expect(await checkImages([raw(whole)])).toMatchObject({ ok: true, problems: [] });
      since = cut;
    }
    expect(await leftovers(at.connection, tracked)).toEqual([]);
  });

  it("is one instant over two disks whose writes depend on each other, and pauses nothing for longer than a blink", async () => {
    await using images = await imageFolder(at);
    const { tracked } = duo;
    for (let round = 0; round < 5; round += 1) {
      const { description, pausedMs } = await cutOf(at.source, tracked);
      const files = tracked.disks.map((id) => images.file(id));
      for (const [index, file] of files.entries())
        await copyDisk(at.source, { tracked, cut: description.id, disk: disk(tracked, index), file });
      await at.source.release({ tracked, keep: [] }, operation());
      expect(pausedMs).toBeLessThan(200);
      expect(await checkImages(files.map(raw))).toMatchObject({ ok: true, problems: [] });
    }
  });

  it("stays what it was while the guest overwrites it", async () => {
    await using images = await imageFolder(at);
    const { tracked, guest } = solo;
    const { description } = await cutOf(at.source, tracked);
    const all = { tracked, cut: description.id, disk: disk(tracked) };
    const before = (await guest.status()).seq;
    const [first, second] = [images.file("first"), images.file("second")];
    await copyDisk(at.source, { ...all, file: first });
    await new Promise((resolve) => setTimeout(resolve, 500));
    await copyDisk(at.source, { ...all, file: second });
    expect((await guest.status()).seq).toBeGreaterThan(before);
    expect(await compareImages(raw(first), raw(second))).toEqual({ same: true });
    await at.source.release({ tracked, keep: [] }, operation());
  });

  it("is answered again while it stands, is found by another worker, and is never taken twice under one name", async () => {
    const { tracked } = duo;
    const cut = newCut();
    const standing = await cutOf(at.source, tracked, cut);
    expect(await cutOf(at.source, tracked, cut)).toEqual(standing);
    expect(await at.source.standingCut(tracked, operation())).toEqual(standing);
    await at.source.release({ tracked, keep: [cut] }, operation());
    expect(await at.source.standingCut(tracked, operation())).toBeUndefined();
    await expect(cutOf(at.source, tracked, cut)).rejects.toMatchObject({ code: "CUT_BROKEN" });
    await expect(at.source.openDisk({ tracked, cut, disk: disk(tracked) }, operation())).rejects.toMatchObject({
      code: "CUT_NOT_FOUND",
    });
    await at.source.release({ tracked, keep: [] }, operation());
  });

  it("carries little when little has changed", async () => {
    await using images = await imageFolder(at);
    const { tracked, guest } = solo;
    await guest.set({ rateKibPerSecond: 0, intervalMs: 1_000 });
    const before = (await cutOf(at.source, tracked)).description.id;
    const { description } = await cutOf(at.source, tracked);
    const file = images.file("little");
    const changed = { tracked, cut: description.id, disk: disk(tracked), since: before, file };
    expect(await copyDisk(at.source, changed)).toBeLessThan(4 * 1024 * 1024);
    await at.source.release({ tracked, keep: [] }, operation());
    await guest.set({ rateKibPerSecond: 64, intervalMs: 10 });
  });

  it("releases the one before it, whose record stays until it is let go", async () => {
    const { tracked } = duo;
    const one = (await cutOf(at.source, tracked)).description.id;
    const other = await cutOf(at.source, tracked);
    const two = other.description.id;
    expect(other.trackedSince).toEqual({ [disk(tracked, 0)]: [one], [disk(tracked, 1)]: [one] });
    await at.source.release({ tracked, keep: [one, two] }, operation());
    const third = await cutOf(at.source, tracked);
    expect(third.trackedSince[disk(tracked)]?.toSorted()).toEqual([one, two].toSorted());
    await at.source.release({ tracked, keep: [] }, operation());
    await expect(
      at.source
        .cut({ tracked, cut: newCut(), consistency: "crash-consistent", scratchPercent: 20 }, operation())
        .then(({ trackedSince }) => trackedSince[disk(tracked)]),
    ).resolves.toEqual([]);
    await at.source.release({ tracked, keep: [] }, operation());
  });

  it("carries all of what was added to a disk that grew, and reads in the new size", async () => {
    await using images = await imageFolder(at);
    const { tracked } = duo;
    const id = disk(tracked, 1);
    const before = await cutOf(at.source, tracked);
    const replica = images.file("grown");
    await copyDisk(at.source, { tracked, cut: before.description.id, disk: id, file: replica });
    await at.source.release({ tracked, keep: [before.description.id] }, operation());
    const size = 288 * 1024 * 1024;
    await at.host.run('virsh -q blockresize "$1" "$2" "$3B"', ["duo", id, String(size)]);
    const after = await cutOf(at.source, tracked);
    expect(after.description.disks.find((each) => each.id === id)?.sizeBytes).toBe(size);
    const request = { tracked, cut: after.description.id, disk: id };
    const offsets: number[] = [];
    await using changes = await at.source.openDisk({ ...request, since: before.description.id }, operation());
    for await (const extent of changes.extents({ signal: operation().signal }))
      offsets.push(extent.offset + extent.length);
    expect(offsets.at(-1)).toBe(size);
    const whole = images.file("grown-whole");
    await copyDisk(at.source, { ...request, since: before.description.id, file: replica });
    await copyDisk(at.source, { ...request, file: whole });
    expect(await compareImages(raw(replica), raw(whole))).toEqual({ same: true });
    await at.source.release({ tracked, keep: [] }, operation());
  });
});

describe("a machine that is shut off", () => {
  it("is cut where it stopped: the last delta makes the replica equal to its disk, and tracking goes on when it is started again", async () => {
    await using images = await imageFolder(at);
    const { tracked, guest } = solo;
    const id = disk(tracked);
    const running = await cutOf(at.source, tracked);
    const replica = images.file("replica");
    await copyDisk(at.source, { tracked, cut: running.description.id, disk: id, file: replica });
    await at.source.release({ tracked, keep: [running.description.id] }, operation());
    await at.source.shutDown({ machine: tracked.machine, graceSeconds: 60, force: false }, operation());

    const cut = newCut();
    const off = await cutOf(at.source, tracked, cut);
    expect(off.trackedSince).toEqual({ [id]: [running.description.id] });
    expect(await cutOf(at.source, tracked, cut)).toEqual(off);
    await copyDisk(at.source, { tracked, cut, disk: id, since: running.description.id, file: replica });
    await at.source.release({ tracked, keep: [cut] }, operation());
    const image = { file: at.host.path(`${at.host.images}/solo-0.qcow2`), format: "qcow2" };
    expect(await compareImages(raw(replica), image)).toEqual({ same: true });
    expect(await checkImages([raw(replica)])).toMatchObject({ ok: true, clean: true });

    await cutOf(at.source, tracked);
    await at.source
      .openDisk(
        { tracked, cut: (await at.source.standingCut(tracked, operation()))?.description.id ?? cut, disk: id },
        operation(),
      )
      .then((opened) => opened[Symbol.asyncDispose]());
    const mark = await guest.consoleMark();
    await at.source.powerOn(tracked.machine, operation());
    await guest.waitReady(mark);
    const again = await cutOf(at.source, tracked);
    expect(again.trackedSince[id]).toContain(cut);
    await copyDisk(at.source, { tracked, cut: again.description.id, disk: id, since: cut, file: replica });
    const whole = images.file("whole");
    await copyDisk(at.source, { tracked, cut: again.description.id, disk: id, file: whole });
    expect(await compareImages(raw(replica), raw(whole))).toEqual({ same: true });
    await at.source.release({ tracked, keep: [] }, operation());
  });
});
