import { beforeEach, describe, expect, it } from "vitest";
import { cutId, diskId, itemName, machineId, type CutId } from "#domain/ids.ts";
import { createLibvirtSource } from "#platforms/libvirt/source/source.ts";
import { parseRecordName } from "#platforms/libvirt/source/tracking-record.ts";
import type { ReplicationSource, TrackedMachine } from "#platforms/platform.ts";
import { operation } from "#test/support/operation.ts";
import { modelHost, type ModelledHost } from "./modelled-host.ts";

let host: ModelledHost;
let source: ReplicationSource;
const op = operation();
const start = (disks: readonly string[]): TrackedMachine => {
  host = modelHost(disks);
  source = createLibvirtSource(host.connection, { store: "/store" });
  return {
    item: itemName("app1"),
    machine: machineId("91297e74-38ab-4937-831b-77d1512186c2"),
    disks: disks.map(diskId),
    epoch: 1,
  };
};
const cut = (tracked: TrackedMachine, id: string) =>
  source.cut({ tracked, cut: cutId(id), consistency: "crash-consistent", scratchPercent: 20 }, op);
const recordsOf = (): readonly CutId[] => host.records().flatMap((name) => parseRecordName(name)?.cut ?? []);

describe("the order of a cut", () => {
  it("of one disk is: record, scratch, filter, the instant, access", async () => {
    const tracked = start(["vda"]);
    await cut(tracked, "c1");
    expect(host.executed.filter((name) => !/^(x-debug-)?query-/.test(name))).toEqual([
      "transaction",
      "blockdev-add",
      "blockdev-add",
      "qom-set",
      "blockdev-add",
    ]);
  });

  it("of several disks switches all of them in one command, after everything else", async () => {
    const tracked = start(["vda", "vdb", "vdc"]);
    await cut(tracked, "c1");
    const changing = host.executed.filter((name) => !/^(x-debug-)?query-/.test(name));
    expect(changing.filter((name) => name === "blockdev-reopen")).toHaveLength(1);
    expect(changing.slice(changing.indexOf("blockdev-reopen") + 1)).toEqual([
      "blockdev-add",
      "blockdev-add",
      "blockdev-add",
    ]);
    expect(changing).not.toContain("stop");
  });
});

describe.each([{ disks: ["vda"] }, { disks: ["vda", "vdb"] }])("with disks $disks", ({ disks }) => {
  let tracked: TrackedMachine;
  beforeEach(() => {
    tracked = start(disks);
  });

  it("a release gives every drive back and leaves the records that are to be kept", async () => {
    await cut(tracked, "c1");
    await cut(tracked, "c2");
    expect(recordsOf().toSorted()).toEqual(disks.flatMap(() => ["c1", "c2"]).toSorted());
    await source.release({ tracked, keep: [cutId("c2")] }, op);
    expect(host.leftovers()).toEqual([]);
    expect(recordsOf()).toEqual(disks.map(() => "c2"));
    expect(disks.map((disk) => host.driveOf(disk))).toEqual(disks.map((disk) => `libvirt-${disk}`));
  });

  it("a worker's death before any of its commands hinders neither the same cut, nor another, nor the release", async () => {
    await cut(tracked, "base");
    await source.release({ tracked, keep: [cutId("base")] }, op);
    let finished = false;
    let deaths = 0;
    for (; !finished; deaths += 1) {
      host.die(deaths);
      const doomed = `doomed-${deaths}`;
      finished = await cut(tracked, doomed)
        .then(() => source.release({ tracked, keep: [cutId("base")] }, op))
        .then(
          () => true,
          () => false,
        );
      host.revive();
      const standing = await source.standingCut(tracked, op);
      expect([undefined, doomed]).toContain(standing?.description.id);
      // The same again where it never stood or stands still; where it was being released it is gone for good.
      const again = await cut(tracked, doomed).catch((error: unknown) => {
        expect(error).toMatchObject({ code: "CUT_BROKEN" });
        return cut(tracked, `next-${deaths}`);
      });
      for (const disk of disks) expect(again.trackedSince[diskId(disk)]).toContain("base");
      await source.release({ tracked, keep: [cutId("base")] }, op);
      expect(host.leftovers()).toEqual([]);
      expect(recordsOf()).toEqual(disks.map(() => "base"));
      expect(disks.map((disk) => host.driveOf(disk))).toEqual(disks.map((disk) => `libvirt-${disk}`));
    }
    expect(deaths).toBeGreaterThan(20);
  });

  it("a cut that stood is never taken a second time under its name, also when the machine was started anew", async () => {
    const first = await cut(tracked, "c1");
    expect(await cut(tracked, "c1")).toEqual(first);
    host.restart();
    expect(await source.standingCut(tracked, op)).toBeUndefined();
    await expect(cut(tracked, "c1")).rejects.toMatchObject({ code: "CUT_BROKEN" });
    const second = await cut(tracked, "c2");
    for (const disk of disks) expect(second.trackedSince[diskId(disk)]).toEqual(["c1"]);
  });

  it("another item's cut on the same machine is not touched", async () => {
    const other = { ...tracked, item: itemName("app2") };
    await cut(tracked, "c1");
    await source.release({ tracked: other, keep: [] }, op);
    expect((await source.standingCut(tracked, op))?.description.id).toBe("c1");
    expect(recordsOf()).toEqual(disks.map(() => "c1"));
  });

  it("a disk that is not there is named, with those there are", async () => {
    await expect(cut({ ...tracked, disks: [diskId("vdz")] }, "c1")).rejects.toMatchObject({
      code: "DISK_NOT_TRACKABLE",
      message: expect.stringContaining(`It has: ${disks.join(", ")}`) as string,
    });
    expect(host.leftovers()).toEqual([]);
  });
});
