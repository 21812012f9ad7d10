import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { CutId } from "#domain/ids.ts";
import { killLibvirtd, killQemu, startLibvirtd } from "#lab/faults/services.ts";
import { emptyStore, fillStore } from "#lab/faults/store.ts";
import type { LabGuest } from "#lab/guest/guest.ts";
import { checkImages } from "#lab/oracle/check-image.ts";
import { compareImages } from "#lab/oracle/compare.ts";
import { createLibvirtSource } from "#platforms/libvirt/source/source.ts";
import type { TrackedMachine } from "#platforms/platform.ts";
import {
  copyDisk,
  cutOf,
  disk,
  dyingAfter,
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

const mebibyte = 1024 * 1024;
let at: SourceHost;
let solo: { readonly guest: LabGuest; readonly tracked: TrackedMachine };
let duo: { readonly guest: LabGuest; readonly tracked: TrackedMachine };

beforeAll(async () => {
  at = await startSourceHost(labId("srcf"), { storeBytes: 128 * mebibyte });
  [solo, duo] = await Promise.all([
    startGuest(at, { name: "solo", address: 101, settings: { intervalMs: 10 } }),
    startGuest(at, {
      name: "duo",
      address: 102,
      disks: [{}, { sizeBytes: 256 * mebibyte }],
      settings: { intervalMs: 10 },
    }),
  ]);
}, 120_000);
afterAll(async () => {
  await at?.[Symbol.asyncDispose]();
});
afterEach(async () => {
  for (const { tracked } of [solo, duo]) await at.source.release({ tracked, keep: [] }, operation());
});

/** The guest writes on: what production must do whatever becomes of replication. */
const writesOn = async (guest: LabGuest): Promise<void> => {
  const before = (await guest.status()).seq;
  await expect.poll(async () => (await guest.status()).seq, { timeout: 5_000, interval: 50 }).toBeGreaterThan(before);
  expect(await guest.state()).toBe("running");
};

describe("a worker that dies at any moment", () => {
  it("leaves nothing behind that hinders the machine, the next cut, or what is known of changes", async () => {
    await using images = await imageFolder(at);
    const { tracked, guest } = duo;
    const replica = images.file("replica");
    const whole = images.file("whole");
    const first = (await cutOf(at.source, tracked)).description.id;
    await copyDisk(at.source, { tracked, cut: first, disk: disk(tracked, 1), file: replica });
    await at.source.release({ tracked, keep: [first] }, operation());

    let finished = false;
    let deaths = 0;
    // Before every third command; the unit tests die before each one.
    for (let command = 0; !finished; command += 3, deaths += 1) {
      const dying = createLibvirtSource(dyingAfter(at.connection, command), { store: at.host.store });
      const doomed = newCut();
      finished = await (async () => {
        await cutOf(dying, tracked, doomed);
        await using opened = await dying.openDisk(
          { tracked, cut: doomed, disk: disk(tracked, 1), since: first },
          operation(),
        );
        expect(opened.sizeBytes).toBe(256 * mebibyte);
        await dying.release({ tracked, keep: [first] }, operation());
        return true;
      })().catch((error: unknown) => {
        expect(error).toMatchObject({ code: "INTERNAL" });
        return false;
      });
      expect(await guest.state()).toBe("running");
      // Whoever takes over: finds the cut if it stood, and takes the same or another one. Every third time by the same name, as a retried activity does.
      const standing = await at.source.standingCut(tracked, operation());
      if (standing !== undefined) expect(standing.description.id).toBe(doomed);
      const retried = deaths % 3 === 0 && !finished ? doomed : newCut();
      const next = await cutOf(at.source, tracked, retried).catch((error: unknown) => {
        // It stood, and the death came in its release.
        expect(error).toMatchObject({ code: "CUT_BROKEN" });
        return cutOf(at.source, tracked);
      });
      expect(next.trackedSince[disk(tracked, 1)]).toContain(first);
      const cut = next.description.id;
      if (deaths % 5 === 0) {
        await copyDisk(at.source, { tracked, cut, disk: disk(tracked, 1), since: first, file: replica });
        await copyDisk(at.source, { tracked, cut, disk: disk(tracked, 1), file: whole });
        expect(await compareImages(raw(replica), raw(whole))).toEqual({ same: true });
      }
      await at.source.release({ tracked, keep: [first] }, operation());
      expect(await leftovers(at.connection, tracked)).toEqual([]);
    }
    expect(deaths).toBeGreaterThan(14);
    await writesOn(guest);
  });
});

describe("scratch space that runs out", () => {
  const overwrite = { rateKibPerSecond: 40 * 1024, blockKib: 64 } as const;

  it("never grows beyond its bound: the cut breaks for its reader, and the guest writes on", async () => {
    const { tracked, guest } = solo;
    const { description } = await at.source.cut(
      { tracked, cut: newCut(), consistency: "crash-consistent", scratchPercent: 2 },
      operation(),
    );
    await guest.set(overwrite);
    const scratch = `${at.host.store}/source/solo/vda.qcow2`;
    const used = async () => Number((await at.host.run('stat -c "%b" "$1"', [scratch])).stdout) * 512;
    const limit = 21 * mebibyte;
    await expect.poll(used, { timeout: 20_000, interval: 100 }).toBeGreaterThan(limit - 2 * mebibyte);
    await sleep(500);
    expect(await used()).toBeLessThanOrEqual(limit);
    await using opened = await at.source.openDisk({ tracked, cut: description.id, disk: disk(tracked) }, operation());
    await expect(opened.read(0, new Uint8Array(65_536), operation().signal)).rejects.toMatchObject({
      code: "CUT_BROKEN",
    });
    await guest.set({ rateKibPerSecond: 0 });
    await writesOn(guest);
    const next = await cutOf(at.source, tracked);
    expect(next.trackedSince[disk(tracked)]).toContain(description.id);
  });

  it("in a file system that is full breaks the cut, and the guest writes on", async () => {
    const { tracked, guest } = solo;
    const { description } = await cutOf(at.source, tracked);
    await fillStore(at.host);
    try {
      await guest.set(overwrite);
      await using opened = await at.source.openDisk({ tracked, cut: description.id, disk: disk(tracked) }, operation());
      await expect
        .poll(
          () =>
            opened.read(0, new Uint8Array(65_536), operation().signal).then(
              () => "read",
              (error: unknown) => error,
            ),
          {
            timeout: 15_000,
            interval: 200,
          },
        )
        .toMatchObject({ code: "CUT_BROKEN" });
      await guest.set({ rateKibPerSecond: 0 });
      await writesOn(guest);
      await at.source.release({ tracked, keep: [description.id] }, operation());
      await fillStore(at.host); // with what the scratch has freed
      await expect(cutOf(at.source, tracked)).rejects.toMatchObject({ code: "STORE_FULL" });
      await writesOn(guest);
    } finally {
      await emptyStore(at.host);
    }
    const next = await cutOf(at.source, tracked);
    expect(next.trackedSince[disk(tracked)]).toEqual([description.id]);
  });
});

describe("a hypervisor that fails", () => {
  it("without its libvirtd keeps the cut and its reading; the calls say so until it is back", async () => {
    await using images = await imageFolder(at);
    const { tracked, guest } = solo;
    const { description } = await cutOf(at.source, tracked);
    const request = { tracked, cut: description.id, disk: disk(tracked) };
    const file = images.file("whole");
    {
      await using opened = await at.source.openDisk(request, operation());
      await killLibvirtd(at.host);
      try {
        await opened.read(0, new Uint8Array(65_536), operation().signal);
        await expect(at.source.standingCut(tracked, operation())).rejects.toMatchObject({
          code: "HYPERVISOR_UNAVAILABLE",
        });
        await expect(at.source.release({ tracked, keep: [] }, operation())).rejects.toMatchObject({
          code: "HYPERVISOR_UNAVAILABLE",
        });
      } finally {
        await startLibvirtd(at.host);
      }
    }
    expect((await at.source.standingCut(tracked, operation()))?.description).toEqual(description);
    await copyDisk(at.source, { ...request, file });
    expect(await checkImages([raw(file)])).toMatchObject({ ok: true });
    await at.source.release({ tracked, keep: [description.id] }, operation());
    expect((await cutOf(at.source, tracked)).trackedSince[disk(tracked)]).toEqual([description.id]);
    await writesOn(guest);
  });

  it("whose QEMU was killed loses the record, and says so", async () => {
    const { tracked, guest } = solo;
    const { description } = await cutOf(at.source, tracked);
    const since = description.id;
    await at.source.release({ tracked, keep: [since] }, operation());
    await guest.shutDown();
    await at.source.powerOn(tracked.machine, operation());
    const kept = await cutOf(at.source, tracked);
    expect(kept.trackedSince[disk(tracked)]).toEqual([since]);
    await at.source.release({ tracked, keep: [since, kept.description.id] }, operation());

    await killQemu(at.host, "solo");
    await expect.poll(() => guest.state()).toBe("shut off");
    await expectLost(tracked, since, await cutOf(at.source, tracked).then(({ description: { id } }) => id));
    const mark = await guest.consoleMark();
    await at.source.powerOn(tracked.machine, operation());
    await guest.waitReady(mark);
    await expectLost(tracked, since, await cutOf(at.source, tracked).then(({ description: { id } }) => id));
    await at.source.release({ tracked, keep: [] }, operation());
    expect((await cutOf(at.source, tracked)).trackedSince).toEqual({ [disk(tracked)]: [] });
  });

  const expectLost = async (tracked: TrackedMachine, since: CutId, cut: CutId): Promise<void> => {
    const standing = await at.source.standingCut(tracked, operation());
    expect(standing?.trackedSince[disk(tracked)]).not.toContain(since);
    await expect(at.source.openDisk({ tracked, cut, disk: disk(tracked), since }, operation())).rejects.toMatchObject({
      code: "TRACKING_LOST",
    });
  };
});

describe("another tool at the same machine", () => {
  it("that takes an external snapshot makes the record unprovable, and provable again once it is merged back", async () => {
    await using images = await imageFolder(at);
    const { tracked, guest } = solo;
    const replica = images.file("replica");
    const { description } = await cutOf(at.source, tracked);
    const since = description.id;
    const id = disk(tracked);
    await copyDisk(at.source, { tracked, cut: since, disk: id, file: replica });
    await at.source.release({ tracked, keep: [since] }, operation());
    const overlay = `${at.host.images}/solo-overlay.qcow2`;
    await at.host.run(
      'virsh -q snapshot-create-as "$1" other --disk-only --no-metadata --diskspec "vda,file=$2" >/dev/null',
      ["solo", overlay],
    );
    const above = await cutOf(at.source, tracked);
    expect(above.trackedSince[id]).toEqual([]);
    await at.source.release({ tracked, keep: [since] }, operation());
    await writesOn(guest);
    await at.host.run('virsh -q blockcommit "$1" vda --active --pivot >/dev/null && rm -f "$2"', ["solo", overlay], {
      timeoutMs: 60_000,
    });
    const merged = await cutOf(at.source, tracked);
    expect(merged.trackedSince[id]).toContain(since);
    const whole = images.file("whole");
    await copyDisk(at.source, { tracked, cut: merged.description.id, disk: id, since, file: replica });
    await copyDisk(at.source, { tracked, cut: merged.description.id, disk: id, file: whole });
    expect(await compareImages(raw(replica), raw(whole))).toEqual({ same: true });
  });

  it("that backs it up by libvirt is left alone, and replication says why it waits", async () => {
    const { tracked } = solo;
    await at.host.run(
      `printf '%s' "<domainbackup mode='pull'><server transport='unix' socket='/run/other.sock'/><disks><disk name='vda' backup='yes' type='file'><scratch file='$2/other.scratch'/></disk></disks></domainbackup>" >/run/other.xml
virsh -q backup-begin "$1" /run/other.xml`,
      ["solo", at.host.images],
    );
    try {
      const { description } = await cutOf(at.source, tracked);
      await expect(
        at.source.openDisk({ tracked, cut: description.id, disk: disk(tracked) }, operation()),
      ).rejects.toThrow(/backed up or migrated by another tool/);
      await at.source.release({ tracked, keep: [] }, operation());
      expect((await at.host.run('virsh -q domjobinfo "$1"', ["solo"])).stdout).toContain("Backup");
    } finally {
      await at.host.run('virsh -q domjobabort "$1"; rm -f "$2/other.scratch"', ["solo", at.host.images]);
    }
  });
});

it("frees everything on the host when tracking is stopped", async () => {
  const { tracked } = solo;
  await cutOf(at.source, tracked);
  await at.source.stopTracking(tracked, operation());
  await at.source.stopTracking(tracked, operation());
  expect(await leftovers(at.connection, tracked)).toEqual([]);
  const found = await at.host.run('ls "$1/source" 2>/dev/null; true', [at.host.store]);
  expect(found.stdout.split("\n")).not.toContain("solo");
});
