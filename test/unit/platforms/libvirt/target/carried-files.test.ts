import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { CarriedFile } from "#domain/cut.ts";
import { replicaId } from "#domain/ids.ts";
import { checkFiles, dropFiles, heldFiles, storeFiles } from "#platforms/libvirt/target/carried-files.ts";
import { replicaLayout } from "#platforms/libvirt/target/layout.ts";
import type { StoredLayer, StoredReplica } from "#platforms/libvirt/target/stored-replica.ts";
import { storedReplica } from "#test/support/stored-replica.ts";

const layout = replicaLayout("/store", replicaId("app1"));
const carried = (text: string, role = "nvram"): CarriedFile & { readonly content: string } => ({
  role,
  sizeBytes: text.length,
  sha256: createHash("sha256").update(text).digest("hex"),
  content: gzipSync(text).toString("base64"),
});
const layer = (number: number, point: boolean, ...files: readonly CarriedFile[]): StoredLayer => ({
  layer: number,
  point,
  kept: point,
  disks: {},
  ...(files.length > 0 && { files }),
});
const replicaWith = (...layers: readonly StoredLayer[]): StoredReplica =>
  storedReplica({ nextLayer: layers.length, layers });
const [one, two] = [carried("one"), carried("two")];

describe("the files that a cut brings along", () => {
  it("are taken when they are what their digests say, and named without their content", () => {
    const { content: _, ...named } = one;
    expect(checkFiles("c1", [one])).toEqual([named]);
    expect(checkFiles("c1", [named])).toEqual([named]);
  });

  it.each([
    ["another content", { ...one, content: two.content }],
    ["another length", { ...one, sizeBytes: 4 }],
    ["what is not packed", { ...one, content: Buffer.from("one").toString("base64") }],
  ])("are refused with %s", (_what, file) => {
    expect(() => checkFiles("c1", [file])).toThrow(expect.objectContaining({ code: "DAMAGED_IN_TRANSIT" }));
  });

  it.each([
    ["a digest that leads elsewhere", [{ ...one, sha256: "../../etc/passwd" }]],
    ["a role that is none", [{ ...one, role: "../x" }]],
    ["no length", [{ ...one, sizeBytes: Number.NaN }]],
    ["two of one role", [one, two]],
    ["too many", ["a", "b", "c", "d", "e"].map((role) => carried("one", role))],
  ])("are refused with %s", (_what, files) => {
    expect(() => checkFiles("c1", files)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
  });

  it("are written once for all points that have the same", () => {
    const [folder, write, ...more] = storeFiles(layout, replicaWith(), [one]);
    expect(folder).toEqual({ kind: "folder", path: "/store/replicas/app1/files" });
    expect(write).toMatchObject({ kind: "write", path: `/store/replicas/app1/files/${one.sha256}.gz` });
    expect(write?.kind === "write" && gunzipSync(write.bytes).toString()).toBe("one");
    expect(more).toEqual([]);
    const { content: _, ...named } = one;
    expect(storeFiles(layout, replicaWith(layer(0, true, one)), [named])).toEqual([]);
  });

  it("may leave out only what the replica has", () => {
    const { content: _, ...named } = two;
    expect(() => storeFiles(layout, replicaWith(layer(0, true, one)), [named])).toThrow(
      /does not have the nvram with digest .*sent with the next one/,
    );
    // What only a layer names that is no point any more may be gone already.
    expect(() => storeFiles(layout, replicaWith(layer(0, false, two)), [named])).toThrow(/does not have the nvram/);
  });

  it("go with the last point that names them", () => {
    const before = replicaWith(layer(0, true, one), layer(1, true, two), layer(2, true, two));
    const after = replicaWith(layer(0, false, one), layer(1, false, two), layer(2, true, two));
    expect(heldFiles(before)).toEqual([one.sha256, two.sha256]);
    expect(heldFiles(after)).toEqual([two.sha256]);
    expect(dropFiles(layout, before, after)).toEqual([{ kind: "remove", path: layout.file(one.sha256) }]);
    expect(dropFiles(layout, after, before)).toEqual([]);
  });
});
