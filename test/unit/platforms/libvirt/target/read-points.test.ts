import { rm, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { cutId, replicaId } from "#domain/ids.ts";
import { localHost } from "#platforms/libvirt/offline/local-host.ts";
import { openStore } from "#platforms/libvirt/target/host-store.ts";
import { findManifest, readPoints } from "#platforms/libvirt/target/read-points.ts";
import { makeReplica } from "#test/unit/cli/store-on-disk.ts";
import { memoryDir } from "#test/support/temporary-dir.ts";

it("a point whose manifest is gone or damaged is refused by name, and the others can be used", async () => {
  using dir = memoryDir();
  await makeReplica(dir.path, { replica: "r", epoch: 1, points: { gone: 30, torn: 20, whole: 10 } });
  const store = openStore({ host: localHost(), store: dir.path, replica: replicaId("r") });
  await rm(store.layout.manifest(cutId("gone")));
  await writeFile(store.layout.manifest(cutId("torn")), "{");
  const stored = await readPoints(store, new AbortController().signal);
  expect(stored.manifests.map(({ point }) => point.id)).toEqual(["whole"]);
  expect(findManifest(stored, cutId("whole"))?.layer).toBe(2);
  expect(() => findManifest(stored, cutId("gone"))).toThrow("The manifest of recovery point gone is gone");
  expect(() => findManifest(stored, cutId("torn"))).toThrow("the manifest was damaged. Other points are not affected.");
  expect(findManifest(stored, cutId("never"))).toBeUndefined();
});
