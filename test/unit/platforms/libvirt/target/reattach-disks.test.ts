import { describe, expect, it } from "vitest";
import { parseEditable, serializeEditable } from "#platforms/libvirt/inventory/editable-xml.ts";
import { diskId } from "#domain/ids.ts";
import { disksToReattach, reattachDisks } from "#platforms/libvirt/target/reattach-disks.ts";

const disk = (id: string, inside = ""): string =>
  `<disk type="file" device="disk"><source file="/images/${id}.qcow2"/><target dev="${id}" bus="virtio"/>${inside}</disk>`;
const slot = (number: number): string =>
  `<address type="pci" domain="0x0000" bus="0x00" slot="${number}" function="0x0"/>`;

describe("the disks that stayed at home", () => {
  const scratch = { id: diskId("vdb"), path: "/images/vdb.qcow2", xml: disk("vdb") };

  it("are given back when they are still there", () => {
    const there = { disks: ["vda"], files: new Set([scratch.path]) };
    expect(disksToReattach([scratch], there)).toEqual({ disks: [scratch], warnings: [] });
  });

  it.each([
    ["whose file is gone", scratch, [], "/images/vdb.qcow2 is not there any more"],
    ["whose name another disk has now", scratch, ["vdb"], "the machine has got another disk vdb meanwhile"],
    ["on a network", { id: diskId("vdb"), xml: disk("vdb") }, [], "it cannot be told whether it is there"],
  ])("are left out and named, %s", (_what, excluded, disks, reason) => {
    const answer = disksToReattach([excluded], { disks: ["vda", ...disks], files: new Set() });
    expect(answer.disks).toEqual([]);
    expect(answer.warnings).toEqual([expect.stringContaining(`Disk vdb, which is not replicated, was not given back`)]);
    expect(answer.warnings[0]).toContain(reason);
  });

  const attached = (devices: string, ...disks: readonly string[]): string => {
    const parsed = parseEditable(devices);
    reattachDisks(parsed, disks);
    return serializeEditable(parsed);
  };

  it("come back as they were", () => {
    const vdb = disk("vdb", `<boot order="2"/>${slot(8)}`);
    expect(attached(`<devices>${disk("vda", slot(7))}</devices>`, vdb)).toBe(
      `<devices>${disk("vda", slot(7))}${vdb}</devices>`,
    );
  });

  it("give way where another device has their address or their place in the boot order", () => {
    const adapter = `<interface type="bridge"><boot order="2"/>${slot(8)}</interface>`;
    expect(attached(`<devices>${adapter}</devices>`, disk("vdb", `<boot order="2"/>${slot(8)}`))).toBe(
      `<devices>${adapter}${disk("vdb")}</devices>`,
    );
  });

  it("do not give way to each other's bus", () => {
    const place = '<address type="drive" controller="0" bus="0" target="0" unit="0"/>';
    const sata = `<disk device="cdrom"><target dev="sda" bus="sata"/>${place}</disk>`;
    const scsi = `<disk device="disk"><target dev="sdb" bus="scsi"/>${place}</disk>`;
    expect(attached(`<devices>${sata}</devices>`, scsi)).toBe(`<devices>${sata}${scsi}</devices>`);
  });
});
