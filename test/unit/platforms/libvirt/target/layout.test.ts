import { describe, expect, it } from "vitest";
import { cutId, diskId, replicaId } from "#domain/ids.ts";
import { replicaLayout } from "#platforms/libvirt/target/layout.ts";

describe("where a replica's files lie", () => {
  it("never leaves the store, whatever the ids are", () => {
    const layout = replicaLayout("/store", replicaId("../x y'$(z)"));
    expect(layout.root).toBe("/store/replicas/%2E.%2Fx%20y%27%24%28z%29");
    expect(layout.manifest(cutId("../a"))).toBe(`${layout.root}/points/%2E.%2Fa.json`);
    expect(layout.image(diskId("vda"), 7)).toBe(`${layout.root}/disks/vda/L000007.qcow2`);
  });

  it("has sockets with short names, however long the store's is", () => {
    const layout = replicaLayout(`/${"x".repeat(300)}`, replicaId("app1"));
    expect(layout.daemon(diskId("vda")).qmp).toMatch(/^\/run\/understudy\/[0-9a-f]{16}\/vda\.qmp$/);
  });
});
