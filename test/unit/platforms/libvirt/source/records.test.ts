import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutId, diskId, itemName, machineId } from "#domain/ids.ts";
import type { Bitmap } from "#platforms/libvirt/source/block-graph.ts";
import { cutPrefix, exportName, itemPrefix, nodeName } from "#platforms/libvirt/source/node-names.ts";
import { provenRecords, trackedSince } from "#platforms/libvirt/source/records.ts";
import { imageMark, parseRecordName, recordName } from "#platforms/libvirt/source/tracking-record.ts";
import type { TrackedMachine } from "#platforms/platform.ts";

const tracked: TrackedMachine = {
  item: itemName("app1"),
  machine: machineId("91297e74-38ab-4937-831b-77d1512186c2"),
  disks: [diskId("vda")],
  epoch: 3,
};
const path = "/images/app1.qcow2";
const bitmap = (
  cut: string,
  change: Partial<Bitmap> & { readonly item?: string; readonly epoch?: number; readonly imagePath?: string } = {},
): Bitmap => {
  const { item = "app1", epoch = 3, imagePath = path, ...flags } = change;
  return {
    name: recordName({ item: itemName(item), epoch, cut: cutId(cut), sizeBytes: 1024, imagePath }),
    recording: true,
    busy: false,
    persistent: true,
    inconsistent: false,
    ...flags,
  };
};

describe("a record's name", () => {
  it("gives back all that was put into it, whatever is in item and cut, within QEMU's 1023 bytes", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 60, unit: "grapheme-ascii" }),
        fc.string({ minLength: 1, maxLength: 60, unit: "grapheme-ascii" }),
        fc.nat(),
        fc.nat({ max: Number.MAX_SAFE_INTEGER }),
        (item, cut, epoch, sizeBytes) => {
          const name = recordName({ item: itemName(item), cut: cutId(cut), epoch, sizeBytes, imagePath: path });
          expect(parseRecordName(name)).toEqual({ item, cut, epoch, sizeBytes, image: imageMark(path) });
          expect(Buffer.byteLength(name)).toBeLessThanOrEqual(1023);
        },
      ),
    );
  });

  it.each(["", "libvirt-checkpoint", "understudy:a:1:b", "understudy:a:x:b:1:00000000", "understudy:a:1:b:1:nothexxx"])(
    "is no other bitmap's: %j",
    (name) => {
      expect(parseRecordName(name)).toBeUndefined();
    },
  );
});

describe("what proves changes", () => {
  it.each([
    ["one that was in use when QEMU died", { inconsistent: true }],
    ["one that does not record", { recording: false }],
    ["one that is not stored with the image", { persistent: false }],
    ["another item's", { item: "app2" }],
    ["one of an ownership that is not ours yet", { epoch: 4 }],
    ["one that was begun in another image", { imagePath: "/images/base.qcow2" }],
  ])("is not %s", (_, change) => {
    expect(provenRecords({ path, bitmaps: [bitmap("c1", change)] }, tracked)).toEqual([]);
  });

  it("is every whole record of the item, also of an earlier ownership, but never the standing cut's own", () => {
    const bitmaps = [
      bitmap("c1", { epoch: 1 }),
      bitmap("c2"),
      { ...bitmap("c3"), name: "a-backup-tool" },
      bitmap("c4"),
    ];
    expect(trackedSince([{ id: diskId("vda"), path, bitmaps }], tracked, cutId("c4"))).toEqual({ vda: ["c1", "c2"] });
  });
});

describe("names in a machine's block graph", () => {
  it("stay within QEMU's 31 characters and tell item, cut, disk and role apart", () => {
    const cut = {
      item: itemName("a-very-long-item-name-that-people-choose"),
      cut: cutId("2026-11-21T12:00:00.000Z/abcdef"),
    };
    const names = [
      nodeName(cut, diskId("vdaaa"), "acc"),
      nodeName(cut, diskId("vdaaa"), "cbw"),
      nodeName({ ...cut, cut: cutId("other") }, diskId("vdaaa"), "acc"),
      nodeName({ ...cut, item: itemName("other") }, diskId("vdaaa"), "acc"),
      exportName(cut, diskId("vdaaa"), undefined),
      exportName(cut, diskId("vdaaa"), cutId("since")),
    ];
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name.length).toBeLessThanOrEqual(31);
    expect(names[0]?.startsWith(cutPrefix(cut.item, cut.cut))).toBe(true);
    expect(cutPrefix(cut.item, cut.cut).startsWith(itemPrefix(cut.item))).toBe(true);
  });
});
