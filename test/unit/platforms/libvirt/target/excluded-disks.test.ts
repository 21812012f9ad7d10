import { describe, expect, it } from "vitest";
import { cutId, itemName } from "#domain/ids.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { recordName } from "#platforms/libvirt/source/tracking-record.ts";
import { findExcludedDisks } from "#platforms/libvirt/target/excluded-disks.ts";

const item = itemName("app1");
const disk = (dev: string, kind: string): string => `<disk ${kind}<target dev="${dev}" bus="virtio"/></disk>`;
const file = (dev: string, format = "qcow2"): string =>
  disk(dev, `type="file" device="disk"><driver name="qemu" type="${format}"/><source file="/images/${dev}"/>`);
const network = disk(
  "vdd",
  'type="network" device="disk"><driver type="raw"/><source protocol="rbd" name="pool/vdd"/>',
);
const cdrom = disk("sda", 'type="file" device="cdrom">');
const domain = (...disks: readonly string[]) => ({
  uuid: "u",
  name: "app1",
  running: false,
  xml: `<domain><name>app1</name><devices>${disks.join("")}</devices></domain>`,
});

/** A host whose images hold these records of changes. */
const hostWith = (records: Readonly<Record<string, readonly string[]>>): HostConnection => ({
  name: "paris1",
  run: (_script, [image = ""]) =>
    Promise.resolve({
      stdout: JSON.stringify({
        "virtual-size": 1,
        "format-specific": { data: { bitmaps: (records[image] ?? []).map((name) => ({ name })) } },
      }),
      stderr: "",
    }),
  virsh: () => Promise.reject(new Error("not used")),
  monitor: () => Promise.reject(new Error("not used")),
  openUnix: () => Promise.reject(new Error("not used")),
  [Symbol.asyncDispose]: () => Promise.resolve(),
});
const find = (xml: ReturnType<typeof domain>, records: Readonly<Record<string, readonly string[]>> = {}) =>
  findExcludedDisks(hostWith(records), { domain: xml, item, replicated: ["vda"] }, new AbortController().signal);
const record = (of: string): string =>
  recordName({ item: itemName(of), epoch: 1, cut: cutId("c1"), sizeBytes: 1, imagePath: "/images/vdb" });

describe("the disks of an old primary that are not replicated", () => {
  it("are kept in mind with all their definition says; drives are none", async () => {
    expect(await find(domain(file("vda"), file("vdb"), file("vdc", "raw"), network, cdrom))).toEqual([
      { id: "vdb", path: "/images/vdb", xml: file("vdb") },
      { id: "vdc", path: "/images/vdc", xml: file("vdc", "raw") },
      { id: "vdd", xml: network },
    ]);
  });

  it("do not count when they were replicated once: the machine has been rid of them at its other site", async () => {
    expect(await find(domain(file("vda"), file("vdb")), { "/images/vdb": [record("app1")] })).toEqual([]);
  });

  it("count when only another item's records are in them", async () => {
    expect(await find(domain(file("vdb")), { "/images/vdb": [record("other")] })).toHaveLength(1);
  });
});
