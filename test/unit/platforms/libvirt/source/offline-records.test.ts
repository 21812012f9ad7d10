import { describe, expect, it } from "vitest";
import { cutId, diskId, itemName, machineId } from "#domain/ids.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { forgetOfflineRecords } from "#platforms/libvirt/source/offline-cut.ts";
import { recordName } from "#platforms/libvirt/source/tracking-record.ts";

const tracked = { item: itemName("app1"), machine: machineId("m"), disks: [diskId("vda")], epoch: 1 };
const never = new AbortController().signal;
const disk = (dev: string, format: string): string =>
  `<disk type="file" device="disk"><driver name="qemu" type="${format}"/><source file="/images/${dev}"/><target dev="${dev}"/></disk>`;
const definition = `<domain><name>app1</name><uuid>m</uuid><devices>${disk("vda", "qcow2")}${disk("vdb", "qcow2")}${disk("vdc", "raw")}${disk("vdd", "qcow2")}</devices></domain>`;
const record = (dev: string, cut: string, item = "app1"): string =>
  recordName({ item: itemName(item), epoch: 1, cut: cutId(cut), sizeBytes: 1, imagePath: `/images/${dev}` });

/** A host with a machine that is off; vdd's image is not there. */
const hostWith = (images: Map<string, string[]>): HostConnection => ({
  name: "paris1",
  run: (script, args) => {
    const stdout = (text: string) => Promise.resolve({ stdout: text, stderr: "" });
    if (script.startsWith("for image"))
      return stdout(args.map((path) => (images.has(path) ? "there\n" : "\n")).join(""));
    const path = args[0] ?? "";
    const held = images.get(path);
    if (held === undefined) return Promise.reject(new Error(`there is no ${path}`));
    if (!script.includes("qemu-img info")) {
      images.set(
        path,
        held.filter((name) => name !== args.at(-1)),
      );
      return stdout("");
    }
    const bitmaps = held.map((name) => ({ name, flags: ["auto"] }));
    return stdout(JSON.stringify({ "virtual-size": 1, "format-specific": { data: { bitmaps } } }));
  },
  virsh: (commands) => Promise.resolve(commands.map(([name]) => (name === "dumpxml" ? definition : "shut off\n"))),
  monitor: () => Promise.reject(new Error("not used")),
  openUnix: () => Promise.reject(new Error("not used")),
  [Symbol.asyncDispose]: () => Promise.resolve(),
});

describe("the records in the images of a machine that is off", () => {
  it("are forgotten on all its disks, also on those that are excluded by now, and nobody else's are", async () => {
    const images = new Map([
      ["/images/vda", [record("vda", "c1"), record("vda", "c2")]],
      ["/images/vdb", [record("vdb", "c1"), record("vdb", "c1", "other"), "a-backup-tool"]],
      ["/images/vdc", []],
    ]);
    await forgetOfflineRecords(hostWith(images), { tracked, keep: ["c2"] }, never);
    expect(images.get("/images/vda")).toEqual([record("vda", "c2")]);
    expect(images.get("/images/vdb")).toEqual([record("vdb", "c1", "other"), "a-backup-tool"]);
  });
});
