import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { cutId, diskId, itemName, machineId, type CutId } from "#domain/ids.ts";
import { settingsOf } from "#platforms/libvirt/inventory/metadata.ts";
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

describe("what lies beside the disks", () => {
  const vars = (content: string) => {
    const sha256 = createHash("sha256").update(content).digest("hex");
    const packed = gzipSync(content).toString("base64");
    const answer = (known: string) =>
      known === sha256 ? "same\n" : `whole ${sha256} ${content.length.toString()}\n${packed}\n`;
    return { answer, file: { role: "nvram", sizeBytes: content.length, sha256, content: packed } };
  };
  const uefi = "<os><loader type='pflash'>/code.fd</loader><nvram>/nvram/app1_VARS.fd</nvram></os>";

  it("a machine with a BIOS has nothing, and its host is not asked", async () => {
    const tracked = start(["vda"]);
    host.files.variables = () => {
      throw new Error("asked");
    };
    expect((await cut(tracked, "c1")).description.files).toBeUndefined();
  });

  it("goes with every cut: the variables of a UEFI, read anew only when they have changed", async () => {
    const tracked = start(["vda"]);
    host.os = uefi;
    const before = vars("boot0000");
    const asked: string[] = [];
    host.files.variables = (known) => {
      asked.push(known);
      return before.answer(known);
    };
    const first = await cut(tracked, "c1");
    expect(first.description.files).toEqual([before.file]);
    expect(first.warnings).toBeUndefined();
    expect((await source.standingCut(tracked, op))?.description.files).toEqual([before.file]);
    expect((await cut(tracked, "c2")).description.files).toEqual([before.file]);
    expect(asked).toEqual(["-", before.file.sha256]);
    const after = vars("boot0001");
    host.files.variables = after.answer;
    expect((await cut(tracked, "c3")).description.files).toEqual([after.file]);
  });

  it.each([
    ["unreadable\n", "/nvram/app1_VARS.fd cannot be read by this login"],
    ["missing\n", "/nvram/app1_VARS.fd is not there"],
    ["changing\n", "is rewritten all the time"],
    ["large\n", "is larger than 67108864 bytes"],
    [`whole ${"0".repeat(64)} 3\n${gzipSync("abc").toString("base64")}\n`, "is rewritten all the time"],
    [`whole ${"0".repeat(64)} 3\nAAAA\n`, "is rewritten all the time"],
  ])("that cannot be read (%j) is a warning and breaks no cut", async (answer, why) => {
    const tracked = start(["vda"]);
    host.os = uefi;
    host.files.variables = () => answer;
    const standing = await cut(tracked, "c1");
    expect(standing.description.files).toBeUndefined();
    expect(standing.warnings).toMatchObject([
      { code: "FIRMWARE_NOT_CARRIED", message: expect.stringContaining(why) as string },
    ]);
    expect((await source.standingCut(tracked, op))?.warnings).toEqual(standing.warnings);
  });

  it.each(["COMMAND_TIMED_OUT", "PERMISSION_DENIED"] as const)(
    "whose reading ends in %s is a warning",
    async (code) => {
      const tracked = start(["vda"]);
      host.os = uefi;
      host.files.variables = () => {
        throw new Fault(code, "Host paris1 could not read it.");
      };
      expect((await cut(tracked, "c1")).warnings).toMatchObject([
        {
          message: expect.stringContaining("cannot be read by this login (Host paris1 could not read it.)") as string,
        },
      ]);
    },
  );

  it("on storage that is no file is a warning, too", async () => {
    const tracked = start(["vda"]);
    host.os = "<os firmware='efi'><nvram type='network'><source protocol='iscsi' name='x'/></nvram></os>";
    expect((await cut(tracked, "c1")).warnings).toMatchObject([
      { message: expect.stringContaining("they lie on network storage") as string },
    ]);
  });

  it.each([true, false])("its own start with the host (%j) is in the definition", async (autostart) => {
    const tracked = start(["vda"]);
    host.autostart = autostart;
    expect(settingsOf((await cut(tracked, "c1")).description.definition)).toEqual({ autostart });
  });
});

it("a machine whose start with its host is held is carried as one that starts with its host", async () => {
  const tracked = start(["vda"]);
  host.files.held = JSON.stringify({ version: 1, item: "app1", machine: "m", boot: "boot-1" });
  expect(settingsOf((await cut(tracked, "c1")).description.definition)).toEqual({ autostart: true });
});

describe("a fenced machine", () => {
  const fencedAt = (epoch: number) =>
    JSON.stringify({ version: 1, item: "app1", machine: "m", epoch, autostart: true });

  it("gives no cut to whoever comes with an older epoch, and says how the fence is lifted", async () => {
    const tracked = start(["vda"]);
    host.files.fence = fencedAt(2);
    const refused = cut(tracked, "c1");
    await expect(refused).rejects.toMatchObject({ code: "STALE_EPOCH" });
    await expect(refused).rejects.toThrow(
      /fenced under epoch 2; item app1 asks under the older epoch 1\. .* remove \/store\/fenced\/91297e74-.*\.json/,
    );
    expect(host.executed).toEqual([]);
    expect((await cut({ ...tracked, epoch: 2 }, "c2")).description.epoch).toBe(2);
  });

  it("is not fenced by an older order, which would forget the newer one", async () => {
    const { item, machine } = start(["vda"]);
    host.files.fence = fencedAt(3);
    await expect(source.fence({ item, machine, epoch: 2 }, op)).rejects.toMatchObject({ code: "STALE_EPOCH" });
  });
});
